"""Read files as people have them (UTF-8, gzipped or not) and write files whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from utils.common.errors import UserError


def file_kind(path: str | Path) -> str:
    """The file's extension in lower case without `.gz`: `.json` for `data.JSON.gz`."""
    path = Path(path)
    return Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def open_binary(path: str | Path):
    """Open a file for reading bytes, decompressed where its name ends in `.gz`."""
    return gzip.open(path) if str(path).lower().endswith(".gz") else open(path, "rb")


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield `(line number from 1, line without its end)` of a UTF-8 text file, gzipped or not.

    Raises:
        UserError: the file cannot be read, or a line is not UTF-8.
    """
    number = 0
    try:
        with open_binary(path) as file:
            for number, line in enumerate(file, start=1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}, line {number:,}: is not UTF-8 text ({error.reason}); save the file as UTF-8"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read ({reason}); name a file that exists and is complete") from None


def read_csv_rows(path: str | Path, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield `(first line number, fields)` of each row of a CSV file, the header included.

    Raises:
        UserError: the file cannot be read, or a row is not valid CSV.
    """
    csv.field_size_limit(sys.maxsize)  # for the whole process: the csv module has no limit per reader
    reader = csv.reader((line + "\n" for _, line in read_lines(path)), strict=True, delimiter=delimiter)
    while True:
        number = reader.line_num + 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"{path}, line {number:,}: is not a row of CSV ({error}); repair its quotes") from None


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file so that a crash or a full disk leaves the old one whole."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data.encode("utf-8") if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value) -> None:
    """Write `value` as readable JSON, atomically.

    JSON has neither NaN nor infinities: they become null. NumPy's numbers and arrays become plain numbers and lists.
    """
    text = json.dumps(finite_or_none(value), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, text + "\n")


def finite_or_none(value):
    """The value as plain Python numbers, lists and dicts, with None in the place of NaN and infinities."""
    if hasattr(value, "tolist"):  # a NumPy number or array
        value = value.tolist()
    if isinstance(value, dict):
        return {key: finite_or_none(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_none(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_arrays(path: Path, arrays: dict) -> None:
    """Write arrays as compressed `.npz`, atomically."""
    import numpy as np

    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomically(path, buffer.getvalue())


def write_csv(path: Path, rows: list[dict]) -> None:
    """Write dicts as CSV, atomically; columns in order of first appearance, empty where a row lacks one."""
    buffer = io.StringIO()
    columns = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(buffer, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, buffer.getvalue())
