"""Offsets of answers that do not point at their text: counted in other units, or to be looked for again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

ENCODINGS = {"UTF-16 units": ("utf-16-le", 2), "bytes of UTF-8": ("utf-8", 1)}
"""What offsets may count in the place of characters: Java, JavaScript and C# count UTF-16 units."""

INVISIBLE = r"\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
"""Characters that are not seen, within a set: soft hyphens, joiners, marks of direction and of byte order."""
ALIKE = ("'’‘‚`´ʼ", '"“”„«»', "-‐‑‒–—−")
"""Forms of quotes and dashes that take each other's place."""


def offset_unit(answers: Iterable[tuple[str, str, int]], min_fraction: float = 0.95) -> str | None:
    """The unit in which the offsets of a file count, if it is not characters.

    Args:
        answers: context, text and offset of each answer of the file.
        min_fraction: fraction of the answers that have to be where their offset says, in that unit.

    Returns:
        a name from `ENCODINGS`; None where characters fit as well, or nothing fits.
    """
    fits, total = dict.fromkeys((None, *ENCODINGS), 0), 0
    for context, text, start in answers:
        total += 1
        for unit in fits:
            fits[unit] += context.startswith(text, character_offset(context, start, unit))
    best = max(fits, key=fits.get)  # characters come first, and win a tie
    return best if total and fits[best] >= min_fraction * total else None


def character_offset(context: str, start: int, unit: str | None) -> int:
    """The offset in characters of an offset in a unit of `ENCODINGS`; None for characters.

    >>> character_offset("😀 Ada", 3, "UTF-16 units"), character_offset("é Ada", 3, "bytes of UTF-8")
    (2, 2)
    """
    if unit is None or context.isascii():
        return start
    encoding, width = ENCODINGS[unit]
    return len(context.encode(encoding)[: max(start, 0) * width].decode(encoding, "ignore"))


def find_near(context: str, text: str, start: int) -> tuple[int, str] | None:
    """Find an answer in its context, the occurrence nearest to an offset.

    Whole words are preferred to parts of words. Where the text does not occur as it is, capital letters, white space and the way
    in which accents are encoded may differ. After that, so may invisible characters, and the forms of quotes and dashes.

    >>> find_near("A man, a plan. A man.", "man", 13)
    (17, 'man')
    >>> find_near("He saw the New  York Times.", "new york", 0)
    (11, 'New  York')
    >>> find_near("the “King” of jazz", '"king"', 0)
    (4, '“King”')
    >>> find_near("He saw it.", "Times", 0) is None
    True

    Returns:
        the offset and the text as it stands there; None where it does not occur.
    """
    for make_pattern, flags in ((re.escape, 0), (_pattern_of_words, re.IGNORECASE), (_pattern_of_look, re.IGNORECASE)):
        for form in ("", "NFC", "NFD"):
            pattern = make_pattern(unicodedata.normalize(form, text) if form else text)
            spans = [match.span() for match in re.finditer(pattern, context, flags)]
            if spans and pattern:
                whole_words = [span for span in spans if _is_whole_word(context, *span)]
                first, stop = min(whole_words or spans, key=lambda span: abs(span[0] - start))
                return first, context[first:stop]
    return None


def _pattern_of_words(text: str) -> str:
    """A pattern for a text whose white space may differ."""
    return r"\s+".join(map(re.escape, text.split()))


def _pattern_of_look(text: str) -> str:
    """A pattern for what looks like a text: other quotes and dashes, and any invisible characters. The answer may have a space
    where the context has a joiner, as in Persian, and the reverse."""
    gap = rf"[\s{INVISIBLE}]"
    parts = re.findall(rf"{gap}+|[^\s{INVISIBLE}]", re.sub(rf"\A{gap}+|{gap}+\Z", "", text))
    pattern = ""
    for part in parts:
        if re.match(gap, part):
            pattern += gap + ("+" if any(map(str.isspace, part)) else "*")
        else:
            alike = next((characters for characters in ALIKE if part in characters), part)
            pattern += f"[{re.escape(alike)}][{INVISIBLE}]*"
    return pattern.removesuffix(f"[{INVISIBLE}]*")


def _is_whole_word(context: str, first: int, stop: int) -> bool:
    """Whether the characters before and after belong to no word; a combining mark belongs to the word before it."""
    after = context[stop : stop + 1]
    return not context[max(first - 1, 0) : first].isalnum() and not (after.isalnum() or _is_mark(after))


def _is_mark(character: str) -> bool:
    return character != "" and unicodedata.category(character).startswith("M")
