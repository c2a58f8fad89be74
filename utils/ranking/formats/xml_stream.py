"""Read XML as a stream: any encoding, forbidden characters left out, entities refused where they can do harm."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from utils.common.errors import UserError
from utils.common.files import DAMAGED, open_binary
from utils.common.reading import FileReport

BLOCK_CHARACTERS = 2**20
MAX_ELEMENT_CHARACTERS = 64 * 2**20
"""Longest text of an element, or tag with its attributes; a longer one is taken for damage."""
MAX_DEPTH = 100
"""Elements within each other; more are taken for damage."""
MAX_ENTITY_CHARACTERS = 16
"""Longest text that a declared entity may stand for. Longer ones could make a small file huge."""
PREDEFINED_ENTITIES = ("amp", "lt", "gt", "quot", "apos")

_CONTROL = bytes(code for code in range(32) if code not in b"\t\n\r")
_UNUSUAL_REFERENCE = re.compile(r"&#(?!xA;|xD;|x9;|39;|10;|13;|9;)")
_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]+|&#(?!xA;|xD;|x9;|39;|10;|13;|9;)(?:x[0-9a-fA-F]+|[0-9]+);"
)
"""Characters that XML forbids, and references to characters other than the most frequent ones."""
_CUT_REFERENCE = re.compile(r"&[^;&<>\s]{0,40}\Z")
_UNKNOWN_ENTITY = re.compile(rf"&(?!#|(?:{'|'.join(PREDEFINED_ENTITIES)});)([^;&<>\s]{{1,40}});")


def read_elements(path: str | Path, report: FileReport) -> Iterator[tuple[int, str, str, dict | str]]:
    """Yield what begins and ends in an XML file, while it is read.

    Characters that XML forbids, and references to them such as `&#x1F;`, are left out and counted.

    Args:
        path: the file, compressed or not.
        report: counts where forbidden characters stand.

    Yields:
        `(line, "start", name, attributes)` and `(line, "end", name, text)`; the text is what follows the last start or end within
        the element.

    Raises:
        UserError: the file cannot be read, is not valid XML, or declares entities that stand for other entities, for long texts or
            for other files.
    """
    return _Elements(path, report).read()


class _Elements:
    def __init__(self, path: str | Path, report: FileReport):
        self.path = path
        self.report = report
        self.events: list[tuple[int, str, str, dict | str]] = []
        self.text: list[str] = []
        self.size = 0  # characters since the last start or end
        self.depth = 0
        self.line = 1  # of the beginning of the block
        self.last_forbidden = 0, 1  # place in the block, and line, of the last forbidden character
        self.has_external_doctype = False
        self.entities = set(PREDEFINED_ENTITIES)
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.text.append
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._entity

    def read(self) -> Iterator[tuple[int, str, str, dict | str]]:
        rest = ""
        try:
            for block in self._blocks():
                block = rest + block
                cut = _CUT_REFERENCE.search(block, max(0, len(block) - 41))
                rest = block[cut.start() :] if cut else ""
                yield from self._parse(block[: len(block) - len(rest)])
            yield from self._parse(rest, is_last=True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise UserError(
                f"{self.path}, line {error.lineno:,}: is not valid XML ({reason}); "
                "correct it, or copy the file again if it was cut off"
            ) from None

    def _blocks(self) -> Iterator[str]:
        encoding = "UTF-8"
        try:
            with open_binary(self.path) as binary:
                encoding = _declared_encoding(binary.read(1024))
                binary.seek(0)
                with io.TextIOWrapper(binary, encoding, newline="") as text:
                    while block := text.read(BLOCK_CHARACTERS):
                        yield block.removeprefix("\ufeff") if self.line == 1 else block
        except UnicodeError as error:
            raise UserError(
                f"{self.path}, after line {self.line:,}: is not {encoding.upper()} text ({getattr(error, 'reason', error)}); "
                "save the file as UTF-8"
            ) from None
        except LookupError:
            raise UserError(
                f"{self.path}, line 1: has the unknown encoding {encoding[:40]!r}; save the file as UTF-8"
            ) from None
        except DAMAGED as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(
                f"{self.path}: cannot be read ({reason}); name a file that exists and is complete"
            ) from None

    def _parse(self, block: str, is_last: bool = False) -> list[tuple[int, str, str, dict | str]]:
        self.events, self.size = [], self.size + len(block)
        cleaned, data = block, block.encode()
        has_control = len(data.translate(None, _CONTROL)) < len(data) or "\ufffe" in block or "\uffff" in block
        if has_control or _UNUSUAL_REFERENCE.search(block):  # both tests are quick, and all is well in most blocks
            self.last_forbidden = 0, self.line
            cleaned = _FORBIDDEN.sub(self._allowed, block)
            data = cleaned.encode()
        self.parser.Parse(data, is_last)
        if self.has_external_doctype:
            # Where a DOCTYPE names another file, the parser leaves unknown entities out without a word.
            unknown = next((name for name in _UNKNOWN_ENTITY.findall(cleaned) if name not in self.entities), None)
            if unknown:
                raise UserError(
                    f"{self.path}, after line {self.line:,}: &{unknown}; is declared in another file, which is not read; "
                    "write the character itself"
                )
        if self.size > MAX_ELEMENT_CHARACTERS:
            raise UserError(
                f"{self.path}, line {self.parser.CurrentLineNumber:,}: an element is longer than "
                f"{MAX_ELEMENT_CHARACTERS // 2**20} million characters; is the file damaged?"
            )
        self.line += block.count("\n")
        return self.events

    def _allowed(self, match: re.Match) -> str:
        """The text of a match if it stands for a character that XML allows, else nothing; counted."""
        text = match.group()
        if text.startswith("&"):
            digits = text[2:-1].lstrip("x").lstrip("0") or "0"
            code = int(digits, 16 if text[2] == "x" else 10) if len(digits) < 9 else 0
            if code in (9, 10, 13) or 32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000:
                return text
        position, line = (
            self.last_forbidden
        )  # counted from there: counting from the beginning each time would take long
        line += match.string.count("\n", position, match.start())
        self.last_forbidden = match.start(), line
        self.report.note(f"line {line:,}", "characters that XML forbids were left out")
        return ""

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.text.clear()
        self.size, self.depth = 0, self.depth + 1
        if self.depth > MAX_DEPTH:
            raise UserError(
                f"{self.path}, line {self.parser.CurrentLineNumber:,}: more than {MAX_DEPTH} elements are within each other; "
                "is the file damaged?"
            )
        self.events.append((self.parser.CurrentLineNumber, "start", name, attributes))

    def _end(self, name: str) -> None:
        self.events.append((self.parser.CurrentLineNumber, "end", name, "".join(self.text)))
        self.text.clear()
        self.size, self.depth = 0, self.depth - 1

    def _doctype(self, name: str, system_id: str | None, public_id: str | None, has_internal_subset: int) -> None:
        self.has_external_doctype = bool(system_id or public_id)

    def _entity(self, name, is_parameter, value, base, system_id, public_id, notation) -> None:
        is_harmless = value is not None and not is_parameter and len(value) <= MAX_ENTITY_CHARACTERS
        if name not in PREDEFINED_ENTITIES and not (is_harmless and not {"&", "<", "%"} & set(value)):
            raise UserError(
                f"{self.path}, line {self.parser.CurrentLineNumber:,}: declares the entity {name[:40]!r}, which stands for "
                "another file, for other entities or for a long text; such files can do harm: remove its DOCTYPE"
            )
        self.entities.add(name)


def _declared_encoding(head: bytes) -> str:
    """The encoding that an XML file has by its first bytes."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for start, encoding in ((b"<\x00", "utf-16-le"), (b"\x00<", "utf-16-be")):
        if head.startswith(start):
            return encoding
    declared = re.match(rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.-]*)["']""", head)
    name = declared[1].decode() if declared else "utf-8"
    if name.lower().startswith(("utf-16", "utf16", "ucs-2", "utf-8", "us-ascii")):
        return "utf-8"  # a file in UTF-16 does not begin with these bytes, whatever it declares
    return name
