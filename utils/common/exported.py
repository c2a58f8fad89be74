"""The files beside an exported model."""

from __future__ import annotations

import json
from pathlib import Path

from utils.common.errors import UserError


def read_exported(folder: str | Path, name: str):
    """The content of a JSON file of an export.

    Args:
        folder: the export.
        name: of the file, such as `settings.json`.

    Raises:
        UserError: it is missing or damaged.
    """
    path = Path(folder) / name
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; copy the export folder as a whole") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); copy the export folder again") from None


def read_exported_tokenizer(folder: str | Path):
    """The `tokenizers.Tokenizer` of an export, without padding and truncation.

    Raises:
        UserError: it is missing or damaged.
    """
    from tokenizers import Tokenizer

    path = Path(folder) / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"{path}: no such file; copy the export folder as a whole")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust side raises Exception itself
        raise UserError(f"{path}: not a tokenizer ({str(error)[:200]}); copy the export folder again") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def read_text_argument(text: str, file: Path | None) -> str:
    """The text of a command line, or that of a file in its place.

    Raises:
        UserError: both or none are given, or the file cannot be read.
    """
    if file and text:
        raise UserError("a text and --file were given: leave one out")
    try:
        text = file.read_text(encoding="utf-8-sig") if file else text
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UserError(f"{file}: cannot be read ({reason}); check the path") from None
    if not text.strip():
        raise UserError("the text is empty; give it behind the question or with --file")
    return text
