"""Checks of what a client sends. A client may send any JSON, whatever the page's boxes allow."""

from __future__ import annotations

from pathlib import Path

from utils.common.errors import UserError, counted
from utils.common.files import has_lone_surrogate

MAX_QUESTION = 500
"""Characters of a question."""
MAX_TEXT = 20_000
"""Characters of a text, of all added facts, of a student's responses, of an article, or of a collection."""
MAX_LINE = 2_000
"""Characters of a line of facts, responses, or texts of a collection."""
MAX_LINES = 200
"""Lines of facts, responses, or texts of a collection."""

MAX_EXAMPLES = 20
"""Questions of the examples that a tab offers."""
MAX_EXAMPLE_FILE = 500_000
"""Characters that are read of a file of examples."""


def checked_text(value, name: str, max_length: int = MAX_TEXT, is_needed: bool = True) -> str:
    """A text from a client.

    Args:
        value: what the client sent.
        name: of the text, for messages.
        max_length: characters, at most.
        is_needed: whether it must hold something. If not, None counts as empty.

    Raises:
        UserError: it is no text, too long, empty, or holds half a character.
    """
    if value is None and not is_needed:
        return ""
    if not isinstance(value, str):
        raise UserError(f"{name}: must be text, and is {type(value).__name__}")
    if len(value) > max_length:
        raise UserError(f"{name}: has {counted(len(value), 'character')}; shorten it to at most {max_length:,}")
    if has_lone_surrogate(value):
        raise UserError(f"{name}: holds half a character (a lone surrogate); correct it")
    if is_needed and not value.strip():
        raise UserError(f"{name}: is empty; write something there")
    return value


def checked_whole_number(value, name: str, lowest: int, highest: int) -> int:
    """A whole number from a client, which may be written as 3.0.

    Raises:
        UserError: it is none, or out of bounds.
    """
    is_whole = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value // 1
    if not is_whole or not lowest <= value <= highest:
        raise UserError(f"{name}: must be a whole number from {lowest:,} to {highest:,}")
    return int(value)


def checked_lines(value, name: str, max_lines: int = MAX_LINES, is_needed: bool = False) -> list[tuple[int, str]]:
    """The lines of a text from a client that hold something, each with its number from 1.

    Raises:
        UserError: as `checked_text`; there are too many lines, or one is too long.
    """
    text = checked_text(value, name, is_needed=is_needed)
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    for number, line in lines:
        if len(line) > MAX_LINE:
            raise UserError(f"{name}, line {number}: is longer than {MAX_LINE:,} characters; shorten it")
    if len(lines) > max_lines:
        raise UserError(f"{name}: has {counted(len(lines), 'line')}; leave at most {max_lines:,}")
    return lines


def read_start(path: Path) -> str:
    """The first `MAX_EXAMPLE_FILE` characters of a file of a model's examples, which may come from strangers.

    Raises:
        OSError, ValueError: it cannot be read, or is no text.
    """
    with path.open(encoding="utf-8") as file:
        return file.read(MAX_EXAMPLE_FILE)
