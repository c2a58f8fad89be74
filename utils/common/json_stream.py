"""Read the records of a large JSON document one after another, so that it need not fit into memory.

The text is read in pieces, and each record is parsed by Python's own `json` as soon as it is whole. So values, what counts as JSON,
and the messages are those of `json.loads` on the whole text. (ijson 3.6 with its C backend is twice as fast, but turns half
characters into question marks, refuses NaN, and does not say the line of an error.)
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import MAX_DOCUMENT_BYTES, errors_of, open_binary, text_encoding

PIECE_BYTES = 2**20
"""Bytes that are read at once, at least."""
LARGEST_TEXT = 32 * 2**20
"""Characters of the longest text in a record. A mistake further than this from the end of what was read is certain; a nearer one
may be a text that is only cut off there."""
_SPACE = re.compile(r"[ \t\r\n]*")


class NotAStream(Exception):
    """The document has another shape than a list of records, or an object with such a list under `data`."""


def stream_json(path: str | Path) -> Iterator[object]:
    """Yield each record of a JSON document: the elements of a list, or of the list under `data` of an object.

    Of an object, the other values are parsed and dropped. Memory stays near the size of the largest record.

    Args:
        path: the file, decompressed if it is compressed.

    Raises:
        NotAStream: before anything is yielded: the document has another shape.
        UserError: the file cannot be read, is not text, or is not JSON (the message names line and column).
    """
    with errors_of(path), open_binary(path) as binary:
        text = _Text(path, binary)
        first = text.next_character()
        if first == "[":
            yield from _elements(text)
        elif first == "{":
            yield from _elements_under_data(text)
        else:
            raise NotAStream
        if text.next_character():
            raise text.error("Extra data", text.place - 1)


def _elements(text: _Text, must_be_objects: bool = False) -> Iterator[object]:
    """The elements of a list whose bracket was read."""
    is_first = True
    while True:
        character = text.next_character(keep=True)
        if character == "]" and is_first:
            text.next_character()
            return
        value = text.value()
        if is_first and must_be_objects and not isinstance(value, dict):
            raise NotAStream  # rows of columns, which are named elsewhere in the document
        yield value
        is_first = False
        separator = text.next_character()
        if separator == "]":
            return
        if separator != ",":
            raise text.error("Expecting ',' delimiter", text.place - bool(separator))


def _elements_under_data(text: _Text) -> Iterator[object]:
    """The elements of the list under `data` of an object whose brace was read."""
    has_data = False
    while True:
        if text.next_character(keep=True) != '"':
            raise NotAStream if not has_data else text.error("Expecting property name enclosed in double quotes")
        name = text.value()
        colon = text.next_character()
        if colon != ":":
            raise NotAStream if not has_data else text.error("Expecting ':' delimiter", text.place - bool(colon))
        if name == "data":
            if has_data:
                raise UserError(f"{text.path}: has two lists under `data`; join them, or split the file")
            if text.next_character() != "[":
                raise NotAStream
            yield from _elements(text, must_be_objects=True)
            has_data = True
        elif text.next_character(keep=True) in ("[", "{") and not has_data:
            raise NotAStream  # it may be as large as the document; such a document is read as a whole
        else:
            text.value()
        separator = text.next_character()
        if separator == "}" and has_data:
            return
        if separator != ",":
            raise NotAStream if not has_data else text.error("Expecting ',' delimiter", text.place - bool(separator))


class _Text:
    """A window on the text of a file, which moves forward.

    Args:
        path: the file, for messages.
        binary: the file, opened.
    """

    def __init__(self, path: str | Path, binary):
        self.path = path
        self._binary = binary
        head = binary.read(4)
        binary.seek(0)
        self._decoder = codecs.getincrementaldecoder(text_encoding(head))()
        self._scanner = json.JSONDecoder()
        self._text = ""
        self.place = 0
        """Place in the window: what stands before it was read."""
        self._line = 1
        self._column_shift = 0  # characters of the window's first line that stand before the window
        self._is_whole = False

    def next_character(self, keep: bool = False) -> str:
        """The next character that is not white space, "" at the end; it is read unless it is kept."""
        while True:
            self.place = _SPACE.match(self._text, self.place).end()
            if self.place < len(self._text):
                character = self._text[self.place]
                self.place += not keep
                return character
            if not self._read_more(PIECE_BYTES):
                return ""

    def value(self) -> object:
        """The value that stands at the next place."""
        size = PIECE_BYTES
        while True:
            try:
                value, end = self._scanner.raw_decode(self._text, self.place)
            except json.JSONDecodeError as error:
                is_certain = error.pos < len(self._text) - LARGEST_TEXT
                if is_certain or not self._read_more(size):
                    raise self.error(error.msg, error.pos) from None
            except (RecursionError, ValueError) as error:
                reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:80]
                raise UserError(f"{self.path}: cannot be parsed as JSON ({reason}); repair the file") from None
            else:
                if end < len(self._text) or not self._read_more(PIECE_BYTES):  # a number may go on
                    self.place = end
                    return value
            size = max(PIECE_BYTES, len(self._text) - self.place)  # twice as much, so that few attempts are needed
            if size > MAX_DOCUMENT_BYTES:
                raise UserError(f"{self.path}: a record holds more than {size // 2**20:,} MiB; split it")

    def _read_more(self, size: int) -> bool:
        """Read at least so many bytes, and drop what was read from the window; False at the end of the file."""
        if self._is_whole:
            return False
        self._forget()
        pieces = []
        while size > 0 and not self._is_whole:
            data = self._binary.read(min(size, PIECE_BYTES))
            self._is_whole = not data
            size -= len(data)
            try:
                pieces.append(self._decoder.decode(data, final=self._is_whole))
            except UnicodeDecodeError as error:
                line = self._line + self._text.count("\n") + sum(piece.count("\n") for piece in pieces)
                line += error.object.count(b"\n", 0, error.start)
                raise UserError(
                    f"{self.path}, line {line:,}: is not UTF-8 text ({error.reason}); save the file as UTF-8"
                ) from None
        self._text += "".join(pieces)
        return True

    def _forget(self) -> None:
        num_lines = self._text.count("\n", 0, self.place)
        if num_lines:
            self._line += num_lines
            self._column_shift = self.place - self._text.rfind("\n", 0, self.place) - 1
        else:
            self._column_shift += self.place
        self._text, self.place = self._text[self.place :], 0

    def error(self, message: str, place: int | None = None) -> UserError:
        """What `utils.common.files.read_json` says of broken JSON."""
        place = self.place if place is None else place
        line_start = self._text.rfind("\n", 0, place) + 1
        column = place - line_start + 1 + (0 if line_start else self._column_shift)
        line = self._line + self._text.count("\n", 0, place)
        return UserError(
            f"{self.path}: broken JSON at line {line:,}, column {column:,} ({message}); repair the file or download it again"
        )
