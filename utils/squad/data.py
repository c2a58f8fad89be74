"""SQuAD questions as plain records: readers for JSON files and TensorFlow Datasets, and checks.

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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import open_binary

TFDS_URLS = {
    "squad": "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v1.1.json",
    "squad/v1.1": "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v1.1.json",
    "squad/v2.0": "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v2.0.json",
}
"""The names that `read_tfds` knows, each with a file that TensorFlow Datasets downloads for it."""

_REMEDY = "use --train-files/--validation-files with local SQuAD files, or --data demo"
_TYPE_NAMES = {str: "a string", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}


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
            whose questions are only to be answered, not scored.
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
        UserError: as for `read_squad`; no file is named; or two files share a question id.
    """
    questions, source = [], {}
    for path in _paths(paths):
        part = read_squad(path, **options)
        for question in part:
            if question.id in source:
                raise UserError(
                    f"{source[question.id]} and {path}: question id {question.id!r} is in both; "
                    "give every question once (drop one file or rename the ids)"
                )
            source[question.id] = path
        questions += part
    if not questions:
        raise UserError("no SQuAD files are named; name at least one .json or .json.gz file")
    return questions


def read_tfds(name: str, split: str, data_dir: str | Path | None = None) -> list[Question]:
    """Read SQuAD from TensorFlow Datasets, downloading and preparing it once, with progress bars.

    If nothing is prepared under `data_dir`, one short request first checks that the host of the download answers: without a
    network, TensorFlow Datasets itself would keep trying for minutes.

    Args:
        name: `squad` or `squad/v1.1` (version 1.1), or `squad/v2.0`.
        split: `train` or `validation`, slices such as `train[:1000]` included.
        data_dir: where prepared datasets live; TensorFlow Datasets' own folder by default.

    Raises:
        UserError: unknown name or split, a host that does not answer, a failed download, or records that do not pass the checks.
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
            f"--data {name}: cannot read split {split!r} ({_short(error, 200)}); give train or validation"
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
    """Describe a set of questions, for `results.json`.

    `articles` counts distinct titles and `paragraphs` distinct contexts. `checksum` is the SHA-256 of the files' bytes in their
    order (the same as `cat FILES | sha256sum`), or of the records themselves if there are no files.
    """
    paths = _paths(paths)
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
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


def read_json(path: str | Path):
    """Parse a UTF-8 JSON file, decompressed if its name ends in `.gz`.

    Raises:
        UserError: missing or unreadable file, a folder, broken gzip, or broken JSON (with line and column).
    """
    path = Path(path)
    content = _read_content(path)
    if content.startswith(b"\x1f\x8b"):
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
        raise UserError(f"{path}: cannot be parsed ({_short(error)}); give a SQuAD-style JSON file") from error


def _read_content(path: Path) -> bytes:
    try:
        with open_binary(path) as file:
            return file.read()
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; check the path") from error
    except IsADirectoryError as error:
        raise UserError(f"{path}: this is a folder; name the .json or .json.gz files in it") from error
    except EOFError as error:
        raise UserError(f"{path}: the gzip file is cut short; copy or download it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"{path}: not a readable gzip file ({_short(error)}); download it again, or drop .gz from the name "
            "if it is plain JSON"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); check its permissions") from error


def _paths(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    return [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]


def _object(value, where: str, path: Path) -> dict:
    if not isinstance(value, dict):
        raise UserError(f"{path}: {where} is not an object; give SQuAD's layout: data, paragraphs, qas, answers")
    return value


def _get(record: dict, key: str, expected_type: type, where: str, path: Path, default=None):
    """The value under `key`, of exactly the expected type; `default` replaces an absent key."""
    name = f"{where}.{key}" if where else key
    if key not in record:
        if default is not None:
            return default
        raise UserError(f"{path}: {name} is missing; give SQuAD's layout: data, paragraphs, qas, answers")
    if type(record[key]) is not expected_type:
        raise UserError(f"{path}: {name} is {_short(record[key])}, not {_TYPE_NAMES[expected_type]}; correct it")
    return record[key]


def _check(questions: Sequence[Question], source: str | Path, require_answers: bool, check_offsets: bool) -> None:
    """Check the content of records; `source` names the file or dataset in messages."""
    if not questions:
        raise UserError(f"{source}: there are no questions in it; give a SQuAD file with data, paragraphs and qas")
    ids, wrong, total = set(), [], 0
    for question in questions:
        record = f"{source}: question {question.id!r}"
        if question.id in ids:
            raise UserError(f"{record} appears twice; give every question an id of its own")
        ids.add(question.id)
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
        text_there = question.context[answer.start :][: len(answer.text)] if answer.start >= 0 else ""
        starts = [match.start() for match in re.finditer(re.escape(answer.text), question.context)]
        if starts:
            remedy = f"correct it, e.g. to {min(starts, key=lambda start: abs(start - answer.start))}"
        else:
            remedy = "the text does not occur in the context at all: correct or remove the answer"
        raise UserError(
            f"{source}: question {question.id!r}: answer_start {answer.start} should point at {_short(answer.text)} "
            f"but the text there is {_short(text_there)} ({len(wrong)} of {total} answers are wrong; offsets count characters "
            f"from 0, not bytes or words); {remedy}"
        )


def _check_reachable(name: str, url: str, folder: str, seconds: float = 5.0) -> None:
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
    except (OSError, http.client.HTTPException) as error:
        raise UserError(
            f"--data {name}: not prepared in {folder}, and {url} cannot be reached ({_short(error)}); "
            f"check the network, or {_REMEDY}"
        ) from error


def _short(value, length: int = 60) -> str:
    """One line of bounded length; strings in quotes, with line breaks escaped."""
    text = repr(value) if isinstance(value, str) else " ".join(str(value).split())
    return text if len(text) <= length else text[: length - 3] + "..."
