"""SQuAD questions as plain records: readers for JSON files and TensorFlow Datasets, checks, and a split by article.

Format (Rajpurkar et al. 2016, version 1.1; Rajpurkar, Jia and Liang 2018, version 2.0):
`{"data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", "answers": [{"text", "answer_start"}],
"is_impossible"}]}]}]}`, where `context[answer_start : answer_start + len(text)] == text` in characters. Other keys
(`version`, `plausible_answers`, ...) are ignored.
"""

import gzip
import hashlib
import http.client
import json
import re
import urllib.request
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.common.errors import UserError

LARGEST_ARTICLE = 0.1
"""Share of all questions above which `split_by_article` treats an article as loose paragraphs."""

TFDS_URLS = {
    "squad": "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v1.1.json",
    "squad/v1.1": "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v1.1.json",
    "squad/v2.0": "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v2.0.json",
}
"""Names that `read_tfds` knows, and a file that TensorFlow Datasets downloads for each."""

_REMEDY = "use --train-files/--validation-files with local SQuAD files, or --data demo"
_KINDS = {str: "a string", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A reference answer: its text and its character offset in the context."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its paragraph; `answers` is empty for an unanswerable (2.0) or unlabelled question."""

    id: str
    title: str
    context: str
    question: str
    answers: tuple[Answer, ...]
    is_impossible: bool = False


def read_squad(path: str | Path, *, require_answers: bool = True, check_offsets: bool = True) -> list[Question]:
    """Read one SQuAD v1.1 or v2.0 file, `.json` or `.json.gz`, in file order.

    Args:
        path: the file.
        require_answers: refuse a question that has no answer and is not marked `is_impossible`. Pass False for files
            that are only to be predicted on.
        check_offsets: refuse answers whose `answer_start` does not point at their text. Training needs the offsets;
            scoring uses the texts alone and may pass False.

    Raises:
        UserError: unreadable or broken file, wrong schema, no questions, duplicate id, empty context, question or
            answer text, missing answers, wrong offset.
    """
    path = Path(path)
    questions = []
    for i, article in enumerate(_get(_object(read_json(path), "the top level", path), "data", list, "", path)):
        where = f"data[{i}]"
        title = _get(_object(article, where, path), "title", str, where, path, default="")
        for j, paragraph in enumerate(_get(article, "paragraphs", list, where, path)):
            where = f"data[{i}].paragraphs[{j}]"
            context = _get(_object(paragraph, where, path), "context", str, where, path)
            for k, entry in enumerate(_get(paragraph, "qas", list, where, path)):
                where = f"data[{i}].paragraphs[{j}].qas[{k}]"
                entry = _object(entry, where, path)
                answers = []
                for n, answer in enumerate(_get(entry, "answers", list, where, path, default=[])):
                    place = f"{where}.answers[{n}]"
                    text = _get(_object(answer, place, path), "text", str, place, path)
                    answers.append(Answer(text, _get(answer, "answer_start", int, place, path)))
                identifier = _get(entry, "id", str, where, path)
                question = _get(entry, "question", str, where, path)
                impossible = _get(entry, "is_impossible", bool, where, path, default=False)
                questions.append(Question(identifier, title, context, question, tuple(answers), impossible))
    _check(questions, path, require_answers, check_offsets)
    return questions


def read_squad_files(paths: Iterable[str | Path], **options) -> list[Question]:
    """Read several files one after another; `options` are those of `read_squad`.

    Raises:
        UserError: as `read_squad`, or no file given, or a question id that stands in two files.
    """
    questions, source = [], {}
    for path in _paths(paths):
        part = read_squad(path, **options)
        for question in part:
            if question.id in source:
                raise UserError(
                    f"{source[question.id]} and {path}: question id {question.id!r} stands in both; "
                    "give every question once (drop one file or rename the ids)"
                )
            source[question.id] = path
        questions += part
    if not questions:
        raise UserError("no SQuAD files were given; name at least one .json or .json.gz file")
    return questions


def read_tfds(name: str, split: str, data_dir: str | Path | None = None) -> list[Question]:
    """Read SQuAD from TensorFlow Datasets, downloading and preparing it once, with progress bars.

    When nothing is prepared under `data_dir`, one short request asks whether the download's host answers, because
    TensorFlow Datasets itself tries for minutes without a network.

    Args:
        name: `squad` or `squad/v1.1` (version 1.1), or `squad/v2.0`.
        split: `train` or `validation`, slices such as `train[:1000]` included.
        data_dir: where prepared datasets live; TensorFlow Datasets' own folder by default.

    Raises:
        UserError: unknown name or split, host out of reach, failed download, or records that do not pass the checks.
    """
    if name not in TFDS_URLS:
        known = ", ".join(TFDS_URLS)
        raise UserError(f"--data {name}: not a SQuAD dataset of TensorFlow Datasets; give one of {known}")
    if not re.match(r"(train|validation)($|\W)", split):
        raise UserError(f"--data {name}: no split {split!r}; give train or validation, or a slice such as train[:1000]")
    import tensorflow_datasets as tfds

    builder = tfds.builder(name, data_dir=data_dir)
    if not (builder.data_path / "dataset_info.json").exists():
        _check_reachable(name, TFDS_URLS[name], builder.data_dir)
        tfds.enable_progress_bar()
        try:
            builder.download_and_prepare()
        except Exception as error:  # network, checksum, disk: whatever it was, the remedy is the same
            raise UserError(f"--data {name}: download failed ({_short(error, 200)}); retry, or {_REMEDY}") from error
    try:
        dataset = builder.as_dataset(split=split)
    except ValueError as error:
        raise UserError(
            f"--data {name}: can not read split {split!r} ({_short(error, 200)}); give train or validation"
        ) from error
    questions = []
    for record in tfds.as_numpy(dataset):
        texts, starts = record["answers"]["text"], record["answers"]["answer_start"]
        answers = tuple(Answer(text.decode(), int(start)) for text, start in zip(texts, starts, strict=True))
        fields = (record[key].decode() for key in ("id", "title", "context", "question"))
        questions.append(Question(*fields, answers, bool(record.get("is_impossible", False))))
    _check(questions, f"tensorflow_datasets {name} {split}", require_answers=True, check_offsets=True)
    return questions


def describe(questions: Sequence[Question], paths: Iterable[str | Path] = ()) -> dict:
    """Say what a set of questions is, for `results.json`.

    `articles` counts distinct titles and `paragraphs` distinct contexts. `checksum` is the SHA-256 of the files' bytes
    in the given order (the same as `cat FILES | sha256sum`), or of the records themselves when there are no files.
    """
    paths = _paths(paths)
    digest = hashlib.sha256()
    for path in paths:
        digest.update(_read_bytes(path))
    if not paths:
        for q in questions:
            answers = [(answer.text, answer.start) for answer in q.answers]
            record = [q.id, q.title, q.context, q.question, answers, q.is_impossible]
            digest.update(json.dumps(record).encode() + b"\n")
    return {
        "files": [path.name for path in paths],
        "articles": len({question.title for question in questions}),
        "paragraphs": len({question.context for question in questions}),
        "questions": len(questions),
        "answers": sum(len(question.answers) for question in questions),
        "unanswerable": sum(question.is_impossible for question in questions),
        "checksum": f"sha256:{digest.hexdigest()}",
    }


def split_by_article(
    questions: Sequence[Question], fraction: float, seed: int = 0
) -> tuple[list[Question], list[Question]]:
    """Hold out about `fraction` of the questions such that both sides share neither an article nor a context.

    Whole articles (titles) move together, and so do articles that have a context in common (letter case and white
    space aside). An article without a title, or with more than a tenth of all questions, is treated as loose
    paragraphs: it can not be held out whole without taking most of the data along. Files of one or a few articles
    are thus split by paragraph.

    Groups are visited in the order of a hash of their name and `seed`, and held out unless that would exceed the
    fraction; if every group is too large, the smallest is held out. The result depends on the set of questions,
    not on their order; each side keeps the order it was given in.

    Returns:
        `(train, held_out)`, neither of them empty.

    Raises:
        UserError: `fraction` outside (0, 1), or a single paragraph, which can not be split.
    """
    if not 0 < fraction < 1:
        raise UserError(f"the fraction to hold out is {fraction}; give a number between 0 and 1")
    sizes = Counter(question.title for question in questions)
    parent: dict[str, str] = {}

    def find(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    paragraphs = []
    for question in questions:
        paragraph = "paragraph " + " ".join(question.context.split()).casefold()
        paragraphs.append(paragraph)
        roots = [find(paragraph)]
        if question.title and sizes[question.title] <= LARGEST_ARTICLE * len(questions):
            roots.append(find("article " + question.title))
        parent[max(roots)] = min(roots)  # the smallest name becomes the root, whatever the order

    groups = Counter(find(paragraph) for paragraph in paragraphs)
    if len(groups) < 2:
        raise UserError(
            "the training questions all belong to one paragraph or to paragraphs that can not be parted; "
            "give more articles, or a file of its own with --validation-files"
        )
    order = sorted(groups, key=lambda group: hashlib.sha256(f"{seed} {group}".encode()).digest())
    held, count = set(), 0
    for group in order:
        if count + groups[group] <= fraction * len(questions):
            held.add(group)
            count += groups[group]
    held = held or {min(order, key=groups.__getitem__)}
    sides: tuple[list[Question], list[Question]] = ([], [])
    for question, paragraph in zip(questions, paragraphs, strict=True):
        sides[find(paragraph) in held].append(question)
    return sides


def read_json(path: str | Path):
    """Parse a UTF-8 JSON file, gunzipped when its name ends in `.gz`.

    Raises:
        UserError: missing or unreadable file, a folder, broken gzip, or broken JSON (with line and column).
    """
    path = Path(path)
    content = _read_bytes(path)
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content) if content else b""
        except EOFError as error:
            raise UserError(f"{path}: the gzip file is cut short; copy or download it again") from error
        except (OSError, zlib.error) as error:
            raise UserError(
                f"{path}: not a readable gzip file ({_short(error)}); download it again, or drop .gz from the name "
                "if it is plain JSON"
            ) from error
    elif content[:2] == b"\x1f\x8b":
        raise UserError(f"{path}: this is gzip, not plain JSON; let its name end in .gz")
    if not content.strip():
        raise UserError(f"{path}: the file is empty; copy or download it again")
    try:
        return json.loads(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}: broken JSON at line {error.lineno}, column {error.colno} ({error.msg}); "
            "repair the file or download it again"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text at byte {error.start}; save the file as UTF-8 JSON") from error
    except (RecursionError, ValueError) as error:
        raise UserError(f"{path}: can not be parsed ({_short(error)}); give a SQuAD-style JSON file") from error


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; check the path") from error
    except IsADirectoryError as error:
        raise UserError(f"{path}: this is a folder; name the .json or .json.gz files in it") from error
    except OSError as error:
        raise UserError(f"{path}: can not be read ({error.strerror or error}); check its permissions") from error


def _paths(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    return [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]


def _object(value, where: str, path: Path) -> dict:
    if not isinstance(value, dict):
        raise UserError(f"{path}: {where} is not an object; give SQuAD's layout: data, paragraphs, qas, answers")
    return value


def _get(record: dict, key: str, kind: type, where: str, path: Path, default=None):
    """The value under `key`, of exactly the type `kind`; `default` stands in for an absent key."""
    name = f"{where}.{key}" if where else key
    if key not in record:
        if default is not None:
            return default
        raise UserError(f"{path}: {name} is missing; give SQuAD's layout: data, paragraphs, qas, answers")
    if type(record[key]) is not kind:
        raise UserError(f"{path}: {name} is {_short(record[key])}, not {_KINDS[kind]}; correct it")
    return record[key]


def _check(questions: Sequence[Question], source: str | Path, require_answers: bool, check_offsets: bool) -> None:
    """Checks of content; `source` names the file or dataset in messages."""
    if not questions:
        raise UserError(f"{source}: there are no questions in it; give a SQuAD file with data, paragraphs and qas")
    seen, wrong, total = set(), [], 0
    for question in questions:
        record = f"{source}: question {question.id!r}"
        if question.id in seen:
            raise UserError(f"{record} stands there twice; give every question an id of its own")
        seen.add(question.id)
        if not question.context.strip():
            raise UserError(f"{record} has an empty context; fill it in or remove the question")
        if not question.question.strip():
            raise UserError(f"{record} has an empty question text; fill it in or remove the question")
        if question.is_impossible and question.answers:
            raise UserError(f"{record} has answers but is_impossible is true; remove one of the two")
        if require_answers and not question.answers and not question.is_impossible:
            raise UserError(f"{record} has no answers; add one, set is_impossible to true, or remove the question")
        for answer in question.answers:
            if not answer.text.strip():
                raise UserError(f"{record} has an empty answer text; remove that answer")
            total += 1
            if answer.start < 0 or not question.context.startswith(answer.text, answer.start):
                wrong.append((question, answer))
    if wrong and check_offsets:
        question, answer = wrong[0]
        there = question.context[answer.start :][: len(answer.text)] if answer.start >= 0 else ""
        nearest = [match.start() for match in re.finditer(re.escape(answer.text), question.context)]
        if nearest:
            remedy = f"correct it, e.g. to {min(nearest, key=lambda start: abs(start - answer.start))}"
        else:
            remedy = "the text does not occur in the context at all: correct or remove the answer"
        raise UserError(
            f"{source}: question {question.id!r}: answer_start {answer.start} should point at {_short(answer.text)} "
            f"but {_short(there)} stands there ({len(wrong)} of {total} answers are off; offsets count characters "
            f"from 0, not bytes or words); {remedy}"
        )


def _check_reachable(name: str, url: str, folder: str, seconds: float = 5.0) -> None:
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
    except (OSError, http.client.HTTPException) as error:
        raise UserError(
            f"--data {name}: not prepared in {folder}, and {url} can not be reached ({_short(error)}); "
            f"check the network, or {_REMEDY}"
        ) from error


def _short(value, length: int = 60) -> str:
    """One line of bounded length; strings in quotes, with line breaks escaped."""
    text = repr(value) if isinstance(value, str) else " ".join(str(value).split())
    return text if len(text) <= length else text[: length - 3] + "..."
