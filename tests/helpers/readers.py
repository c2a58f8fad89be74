"""Every reader of the project as a function of one path, with small valid files of the formats that it takes.

`READERS` is what the fuzz test and `benchmarks/fuzz.py` try. A reader goes as far as a script would: what it accepts is also made
into features, so that a record that breaks a later step is found.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tests.helpers import small_runs
from tests.helpers.paths import FIXTURES
from tests.helpers.small_files import FORMATS
from utils.common.errors import UserError
from utils.common.reading import Reading

MAX_BAD_FRACTION = 0.7
"""Most records of a small file may be bad, so that the others go further."""


@dataclass(frozen=True)
class Reader:
    """A reader that is fuzzed.

    Args:
        read: reads the file or folder of this name. It may raise `UserError` and nothing else.
        make_examples: returns name of a format to the contents of its files, by their names.
        names_file: whether the first file is named to the reader where there are several, not their folder.
        slow: how many inputs of a quick reader take as long as one of this.
    """

    read: Callable[[Path], object]
    make_examples: Callable[[], dict[str, dict[str, bytes]]]
    names_file: bool = False
    slow: int = 1

    @cache  # noqa: B019 (readers live as long as the process)
    def examples(self) -> dict[str, dict[str, bytes]]:
        """Name of a format to the contents of its files, by their names."""
        return self.make_examples()

    def path(self, folder: Path, files: dict[str, bytes]) -> Path:
        """The path that is named to the reader, for these files in a folder."""
        return folder / next(iter(files)) if len(files) == 1 or self.names_file else folder


def _formats(kind: str) -> Callable[[], dict[str, dict[str, bytes]]]:
    def examples():
        files = {}
        for name, content in FORMATS[kind].items():
            contents = content if isinstance(content, dict) else {"data.txt": content}
            files[name] = {file: part.encode() if isinstance(part, str) else part for file, part in contents.items()}
        return files

    return examples


def _folder(make: Callable[[], Path]) -> Callable[[], dict[str, dict[str, bytes]]]:
    def examples():
        folder = make()
        files = {
            str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
        }
        return {folder.name: files}

    return examples


READINGS: list[Reading] = []
"""What readers left out or noticed since the list was cleared."""


def _reading() -> Reading:
    READINGS.append(Reading(MAX_BAD_FRACTION))
    return READINGS[-1]


# --- squad


def read_squad_questions(path):
    from utils.squad.data import describe, read_squad
    from utils.squad.features import build_features
    from utils.squad.splits import article_groups

    questions = read_squad(path, _reading())
    describe(questions, [path])
    article_groups(questions)
    build_features([question for question in questions if question.is_labelled], _tokenizer(), 40, 8)
    read_squad(path, _reading(), require_answers=False, require_offsets=False, ids_are_keys=True)


def read_squad_predictions(path):
    from utils.squad.predictions import read_predictions

    read_predictions(path, _reading())


def read_squad_null_scores(path):
    from utils.squad.predictions import read_null_scores

    read_null_scores(path, _reading())


@cache
def _tokenizer():
    from utils.text.tokenization import load_tokenizer

    return load_tokenizer(FIXTURES / "pretrained" / "bert")


# --- memnet


def read_facts(path):
    from utils.memnet.data import read_facts, write_facts
    from utils.memnet.features import closed_vocabulary, encode_facts

    base = read_facts([path], _reading())
    encode_facts(base.facts, closed_vocabulary(base, []))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "facts.tsv"
        write_facts(copy, base)
        assert read_facts([copy], Reading(0.0)).facts == base.facts


def read_templates(path):
    from utils.memnet.data import read_templates

    read_templates(path, _reading())


def read_memory_questions(path):
    from utils.memnet.features import closed_vocabulary, encode_texts
    from utils.memnet.question_files import read_question_records
    from utils.memnet.questions import questions_from_records

    base = _small_base()
    with _reading().file(path) as report:
        records = read_question_records(path, report)
        report.used = len(questions_from_records(path, records, base, report))
    encode_texts([record.text for record in records], closed_vocabulary(base, []))


@cache
def _small_base():
    from utils.memnet.records import Fact, KnowledgeBase

    return KnowledgeBase((Fact("Ada Holt", "born_in", "Arnwick"), Fact("C++", "designed_by", "Bo, Lind")))


# --- tracing


def read_responses(path):
    from utils.tracing.data import read_responses
    from utils.tracing.features import assemble, cut, item_numbers

    (sequences,), _ = read_responses([path], _reading())
    assemble(cut(sequences, item_numbers(sequences), 10), 10)


def read_item_parameters(path):
    from utils.tracing.data import read_truth

    read_truth(path)


# --- vectors


def read_vectors(path):
    from utils.vectors.data import read_file

    data = read_file(path, _reading())
    data.take(np.arange(data.count))


def read_documents(path):
    from utils.vectors.chunks import encodable_chunks
    from utils.vectors.data import VectorDocuments, read_file

    def embed(path, documents, report):
        texts, numbers = encodable_chunks(documents, _Letters(), report)
        names = [document.name for document in documents]
        return VectorDocuments(np.ones((len(texts), 2)), np.array(numbers, np.int64), texts, names, str(path))

    data = read_file(path, _reading(), embed)
    data.take(np.arange(data.count))


class _Letters:
    """Stands in for a sentence encoder: each letter is a token."""

    max_tokens = 20

    def tokenize(self, texts):
        from utils.vectors.chunks import Tokens

        return [Tokens([(place, place + 1) for place in range(len(text))], 0) for text in texts]


# --- ranking


def read_rankings(path):
    from utils.ranking.data import read_rankings
    from utils.ranking.groups import question_groups
    from utils.text.embedding import token_ids

    for queries in read_rankings(path, _reading()).parts.values():
        question_groups(queries)
        token_ids(_tokenizer(), [query.text for query in queries], 20)
        token_ids(_tokenizer(), [candidate.text for query in queries for candidate in query.candidates], 20)


def read_searched_texts(path):
    from utils.ranking.data import read_texts

    read_texts(path, _reading())


# --- shared


def read_table(path):
    from utils.common.tables import read_table

    for _ in read_table(path):
        pass


def read_records(path):
    from utils.common.records import read_records

    with _reading().file(path) as report:
        for _ in read_records(path, report):
            report.used += 1


def read_lines(path):
    from utils.common.files import content_kind, read_lines

    content_kind(path)
    for _ in read_lines(path):
        pass


def read_tokenizer(path):
    from utils.text.tokenization import load_tokenizer, special_token_ids

    tokenizer = load_tokenizer(path)
    special_token_ids(tokenizer)
    tokenizer.encode("How old is the bridge?", "Who knows?")


def read_pretrained(path):
    from utils.text.pretrained.loading import load_pretrained

    load_pretrained(path)


def read_sentence_encoder(path):
    from utils.text.pretrained.loading import load_sentence_encoder

    load_sentence_encoder(path)


def read_model(path):
    from models import load_model

    try:
        load_model(path)
    except ValueError as error:  # what it promises
        raise UserError(str(error)) from None


def read_checkpoint(path):
    from utils.training.checkpoint import restore_checkpoint

    restore_checkpoint(path, small_runs.compiled_model())


def _plain_tables():
    tables = {}
    for kind in ("facts", "responses", "rankings", "templates", "memory questions"):
        for name, files in _formats(kind)().items():
            if len(files) == 1 and not next(iter(files.values())).startswith((b"PAR1", b"{", b"[", b"<")):
                tables[f"{kind}: {name}"] = files
    return tables


def _plain_records():
    kinds = ("squad questions", "facts", "responses", "rankings", "documents")
    return {f"{kind}: {name}": files for kind in kinds for name, files in _formats(kind)().items() if len(files) == 1}


def _tokenizers():
    folder = FIXTURES / "pretrained"
    return {name: {"tokenizer.json": (folder / name / "tokenizer.json").read_bytes()} for name in ("bert", "roberta")}


def _pretrained():
    folders = {}
    for name in ("bert", "roberta"):
        folders |= _folder(lambda name=name: FIXTURES / "pretrained" / name)()
    return {name: {file: content for file, content in files.items() if file != "expected.npz"}
            for name, files in folders.items()}  # fmt: skip


def _sentence_encoders():
    modules = (
        b'[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},'
        b'{"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]'
    )
    pooling = b'{"word_embedding_dimension": 24, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}'
    more = {
        "modules.json": modules,
        "1_Pooling/config.json": pooling,
        "sentence_bert_config.json": b'{"max_seq_length": 16}',
    }
    return {name: files | more for name, files in _pretrained().items()}


READERS = {
    "squad questions": Reader(read_squad_questions, _formats("squad questions"), slow=2),
    "squad predictions": Reader(read_squad_predictions, _formats("squad predictions")),
    "squad null scores": Reader(read_squad_null_scores, _formats("squad null scores")),
    "facts": Reader(read_facts, _formats("facts")),
    "templates": Reader(read_templates, _formats("templates")),
    "memory questions": Reader(read_memory_questions, _formats("memory questions")),
    "responses": Reader(read_responses, _formats("responses")),
    "item parameters": Reader(read_item_parameters, _formats("item parameters")),
    "vectors": Reader(read_vectors, _formats("vectors"), names_file=True),
    "documents": Reader(read_documents, _formats("documents")),
    "rankings": Reader(read_rankings, _formats("rankings")),
    "searched texts": Reader(read_searched_texts, _formats("searched texts")),
    "tables": Reader(read_table, _plain_tables),
    "records": Reader(read_records, _plain_records),
    "lines": Reader(read_lines, _plain_tables),
    "tokenizers": Reader(read_tokenizer, _tokenizers, slow=2),
    "pretrained folders": Reader(read_pretrained, _pretrained, slow=5),
    "sentence encoders": Reader(read_sentence_encoder, _sentence_encoders, slow=5),
    "saved models": Reader(read_model, _folder(small_runs.model_folder), slow=10),
    "checkpoints": Reader(read_checkpoint, _folder(small_runs.checkpoint_folder), slow=3),
    **{f"runs of {task}": Reader(ask, _folder(make), slow=25) for task, (make, ask) in small_runs.RUNS.items()},
}
"""Name of a reader to the reader."""
