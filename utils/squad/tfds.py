"""SQuAD from TensorFlow Datasets."""

from __future__ import annotations

import http.client
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.squad.data import Question, collect_questions
from utils.squad.layouts import Entry
from utils.training.backends import is_installed, tensorflow_importable

URLS = {
    "squad": "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v1.1.json",
    "squad/v1.1": "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v1.1.json",
    "squad/v2.0": "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v2.0.json",
}
"""The names that `read_tfds` knows, each with a file that TensorFlow Datasets downloads for it."""

_REMEDY = "use --train-files/--validation-files with local SQuAD files, or --data demo"


def read_tfds(
    name: str, split: str, data_dir: str | Path | None = None, reading: Reading | None = None
) -> list[Question]:
    """Read SQuAD from TensorFlow Datasets, downloading and preparing it once, with progress bars.

    If nothing is prepared under `data_dir`, one short request first checks that the host of the download answers: without a
    network, TensorFlow Datasets itself would keep trying for minutes.

    Args:
        name: `squad` or `squad/v1.1` (version 1.1), or `squad/v2.0`.
        split: `train` or `validation`, slices such as `train[:1000]` included.
        data_dir: where prepared datasets live; TensorFlow Datasets' own folder by default.
        reading: counts what is left out.

    Raises:
        UserError: unknown name or split, a host that does not answer, a failed download, or records that do not pass the checks.
    """
    if name not in URLS:
        known = ", ".join(URLS)
        raise UserError(f"--data {name}: not a SQuAD dataset of TensorFlow Datasets; give one of {known}")
    if not re.match(r"(train|validation)($|\W)", split):
        raise UserError(f"--data {name}: no split {split!r}; give train or validation, or a slice such as train[:1000]")
    for package in ("tensorflow", "tensorflow_datasets"):
        if not is_installed(package):
            raise UserError(
                f"--data {name}: needs the package {package}; pip install -r requirements.txt, or {_REMEDY}"
            )
    with tensorflow_importable():
        return _read(name, split, data_dir, reading or Reading())


def _read(name: str, split: str, data_dir: str | Path | None, reading: Reading) -> list[Question]:
    import tensorflow_datasets as tfds

    builder = tfds.builder(name, data_dir=data_dir)
    if not (builder.data_path / "dataset_info.json").exists():
        _check_reachable(name, URLS[name], builder.data_dir)
        tfds.enable_progress_bar()
        try:
            builder.download_and_prepare()
        except Exception as error:  # network, checksum, disk: whatever it was, the remedy is the same
            raise UserError(f"--data {name}: download failed ({_one_line(error)}); retry, or {_REMEDY}") from error
    try:
        dataset = builder.as_dataset(split=split)
    except ValueError as error:
        raise UserError(
            f"--data {name}: cannot read split {split!r} ({_one_line(error)}); give train or validation"
        ) from error
    place = f"tensorflow_datasets {name} {split}"
    with reading.file(place) as report:
        return collect_questions(_entries(tfds.as_numpy(dataset)), report)


def _entries(records) -> Iterator[Entry]:
    for number, record in enumerate(records, start=1):
        answers = {
            "text": [text.decode() for text in record["answers"]["text"]],
            "answer_start": record["answers"]["answer_start"].tolist(),
        }
        fields = {"id": record["id"].decode(), "question": record["question"].decode(), "answers": answers}
        fields["is_impossible"] = bool(record.get("is_impossible", False))
        yield Entry(number, "", record["title"].decode(), record["context"].decode(), fields)


def _check_reachable(name: str, url: str, folder: str, seconds: float = 5.0) -> None:
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
    except (OSError, http.client.HTTPException) as error:
        raise UserError(
            f"--data {name}: not prepared in {folder}, and {url} cannot be reached ({_one_line(error)}); "
            f"check the network, or {_REMEDY}"
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
