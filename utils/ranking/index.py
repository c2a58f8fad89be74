"""An index of texts in a folder: the texts, their vectors and, if asked for, lists for approximate search, all read from disk.

    python -m utils.ranking.index RUN FILE FOLDER
    python -m utils.ranking.index RUN FILE FOLDER --approximate
    python predict.py RUN "Which answer?" --file FOLDER

FILE is what `predict.py --file` takes. Lines, records with an id and a text, and collections are read one by one and are never in
memory together. Started again with the same arguments, an interrupted command goes on with the vectors that it has. Without
`--approximate` a search compares the question with every text, and the result is exact.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from utils.common.disk_rows import FlatRows, RowsWriter, TextRows, text_row
from utils.common.errors import UserError, exit_on_user_error
from utils.common.files import read_json, write_json
from utils.common.reading import MAX_BAD_FRACTION, Reading
from utils.ranking.bm25 import BM25, BM25Scores
from utils.ranking.data import NamedText, files_of_texts, iterate_texts
from utils.ranking.lexical import WordAndVectorScores
from utils.ranking.predictor import RankingPredictor
from utils.ranking.retrieval import best_of_all
from utils.ranking.scores import VectorScores
from utils.ranking.trec import distinct_names, escaped_name
from utils.ranking.vector_files import encode_to_file
from utils.ranking.vector_lists import VectorLists
from utils.text.embedding import iterate_token_ids
from utils.training.settings import check_ranges

STATE = "text_index.json"
"""What the folder holds, and how much of it is done."""
TEXTS, NAMES, IDS, TOKENS, VECTORS, LISTS = "texts.bin", "names.bin", "ids.bin", "tokens.bin", "vectors.bin", "lists"
WORD_INDEX = "words"
"""The folder of the index of words, for a run in which words count."""


class TextIndex:
    """A finished index.

    Args:
        folder: where `build_index` has written it.
        predictor: the encoder that made it.

    Raises:
        UserError: the folder holds no finished index of this encoder, or a damaged one.
    """

    def __init__(self, folder: Path, predictor: RankingPredictor):
        state = read_state(folder)
        if state.get("encoder") != encoder_key(predictor):
            raise UserError(f"{folder}: is an index of another encoder; make one of this run with utils.ranking.index")
        self.predictor = predictor
        try:
            if not state["is_done"]:
                raise UserError(f"{folder}: the index is not finished; give the command that makes it again")
            self.texts, self.names, self.ids = (TextRows.open(folder / name) for name in (TEXTS, NAMES, IDS))
            shape = len(self.texts), state["dim"]
            self.vectors = np.memmap(folder / VECTORS, state["dtype"], "r", shape=shape)
            self.lists = VectorLists.open(folder / LISTS) if state["approximate"] else None
            self.words = BM25.open(folder / WORD_INDEX) if predictor.lexical else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder}: the index is damaged ({error}); delete the folder and make it again") from None

    def __len__(self) -> int:
        return len(self.texts)

    def search(self, questions: Sequence[str], n_best: int) -> list[dict]:
        """The `n_best` texts for each question: a dict of `question` and `answers`, best first."""
        vectors = self.predictor.embed_questions(questions)
        exact = VectorScores(vectors, self.vectors)
        if self.words:
            exact = WordAndVectorScores(self.predictor.lexical, BM25Scores(self.words, questions), exact)
        results = self.lists.search(vectors, n_best) if self.lists else best_of_all(exact, n_best)
        return [
            {"question": question, "answers": [self._answer(*pair) for pair in zip(places, scores, strict=True)]}
            for question, (places, scores) in zip(questions, results, strict=True)
        ]

    def _answer(self, place: int, score: float) -> dict:
        name, text, id_ = (rows[int(place)] for rows in (self.names, self.texts, self.ids))
        return {"name": name, "text": text, "id": id_, "score": float(score)}

    def with_trec_ids(self) -> TextIndex:
        """The same index, whose ids are different and have no white space."""
        self.ids = _TrecNames(self.ids)
        return self


class _TrecNames:
    """The names of `distinct_names`, of which only those that differ from the escaped ids are in memory."""

    def __init__(self, ids: TextRows):
        self.ids = ids
        named = enumerate(zip(ids, distinct_names(ids), strict=True))
        self.changed = {place: name for place, (id_, name) in named if name != escaped_name(id_)}

    def __getitem__(self, place: int) -> str:
        return self.changed.get(place) or escaped_name(self.ids[place])


def is_index(folder: Path) -> bool:
    """Whether a folder holds an index, finished or not."""
    return (folder / STATE).is_file()


def build_index(
    predictor: RankingPredictor,
    texts: Iterable[NamedText],
    folder: Path,
    source: str = "",
    dtype: str = "float16",
    approximate: bool = False,
) -> None:
    """Make an index, or go on with one that was interrupted.

    Args:
        predictor: gives the vectors.
        texts: read once, and not at all where the folder has them.
        folder: an empty or missing folder, or that of an interrupted index of the same texts and encoder.
        source: identifies the texts.
        dtype: `float16`, or `float32` in twice the space.
        approximate: also make lists for approximate search, see `VectorLists`.

    Raises:
        UserError: the folder holds something else.
    """
    if approximate and predictor.lexical:
        raise UserError("--approximate: is for runs of vectors alone, in this one words count too; leave it out")
    folder.mkdir(parents=True, exist_ok=True)
    made_of = {"encoder": encoder_key(predictor), "source": source, "dtype": dtype}
    state = {
        **made_of,
        "has_texts": False,
        "has_tokens": False,
        "num_encoded": 0,
        "approximate": False,
        "is_done": False,
    }
    if is_index(folder):
        state |= read_state(folder)
        if {name: state[name] for name in made_of} != made_of:
            raise UserError(f"{folder}: holds an index of other texts or of another encoder; name an empty folder")
    elif any(folder.iterdir()):
        raise UserError(f"{folder}: is not empty and holds no index; name an empty folder")

    def save(**changes) -> None:
        state.update(changes)
        write_json(folder / STATE, state)

    if not state["has_texts"]:
        save()
        write_texts(texts, folder)
        save(has_texts=True)
    stored = TextRows.open(folder / TEXTS)
    if not len(stored):
        raise UserError(f"{folder}: there is no text to search among; name a file with texts")
    if not state["has_tokens"]:
        ids = iterate_token_ids(predictor.tokenizer, stored, predictor.max_length)
        FlatRows.write(ids, np.int32, folder / TOKENS)
        save(has_tokens=True, dim=predictor.model.candidates.size)
    tokens = FlatRows.open(folder / TOKENS, np.int32)
    encode_to_file(
        predictor.candidate_encoder, tokens, predictor.padding_id, folder / VECTORS, dtype, state["num_encoded"],
        lambda num_encoded: save(num_encoded=num_encoded),
    )  # fmt: skip
    if predictor.lexical:
        (folder / WORD_INDEX).mkdir(exist_ok=True)
        BM25(stored, folder / WORD_INDEX, predictor.lexical.parameters)
    if approximate and not state["approximate"]:
        vectors = np.memmap(folder / VECTORS, dtype, "r", shape=(len(tokens), state["dim"]))
        VectorLists.build(vectors, folder / LISTS)
    save(approximate=approximate or state["approximate"], is_done=True)


def write_texts(texts: Iterable[NamedText], folder: Path) -> None:
    """Write the texts, their names and ids."""
    with (
        RowsWriter(np.uint8, folder / TEXTS) as text_writer,
        RowsWriter(np.uint8, folder / NAMES) as name_writer,
        RowsWriter(np.uint8, folder / IDS) as id_writer,
    ):
        for named in texts:
            text_writer.add(text_row(named.text))
            name_writer.add(text_row(named.name))
            id_writer.add(text_row(named.id))


def source_of(path: Path) -> str:
    """Identifies the texts of a file or folder: its path, and size and time of change of each file that they are read from."""
    stats = [file.stat() for file in files_of_texts(path)]
    changes = [f"{details.st_size} {details.st_mtime_ns}" for details in stats]
    return " ".join([str(path.resolve()), *changes])


def read_state(folder: Path) -> dict:
    """What the folder holds.

    Raises:
        UserError: its file is damaged.
    """
    state = read_json(folder / STATE)
    if not isinstance(state, dict):
        raise UserError(f"{folder / STATE}: is damaged; delete the folder and make the index again")
    return state


def encoder_key(predictor: RankingPredictor) -> str:
    """Identifies the encoder of candidates: its weights, and how texts are cut."""
    digest = hashlib.sha256(f"{predictor.max_length} {predictor.tokenizer.to_str()}".encode())
    for array in (predictor.model if predictor.lexical else predictor.model.candidates).get_weights():
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="run directory, name of a published model, or hf://owner/name")
    parser.add_argument("file", type=Path, help="the texts to search among")
    parser.add_argument("folder", type=Path, help="folder of the index")
    parser.add_argument("--dtype", choices=("float16", "float32"), default="float16", help="type of the stored vectors")
    parser.add_argument("--approximate", action="store_true", help="also make lists for approximate search (faiss)")
    parser.add_argument(
        "--max-bad-fraction",
        type=float,
        default=MAX_BAD_FRACTION,
        help=f"fraction of the records of a file that may be unusable ({MAX_BAD_FRACTION})",
    )
    arguments = parser.parse_args()
    with exit_on_user_error():
        check_ranges(arguments, less_than_1="max_bad_fraction")
        predictor, reading = RankingPredictor.load(arguments.run), Reading(arguments.max_bad_fraction)
        if not arguments.file.exists():
            raise UserError(f"{arguments.file}: there is no such file")
        source, texts = source_of(arguments.file), iterate_texts(arguments.file, reading)
        build_index(predictor, texts, arguments.folder, source, arguments.dtype, arguments.approximate)
        for note in reading.notes:
            print(note, file=sys.stderr)
        print(f"{arguments.folder}: {len(TextIndex(arguments.folder, predictor)):,} texts")


if __name__ == "__main__":
    main()
