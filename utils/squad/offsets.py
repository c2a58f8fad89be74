"""Offsets of answers that do not point at their text: counted in other units, or to be looked for again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

ENCODINGS = {"UTF-16 units": ("utf-16-le", 2), "bytes of UTF-8": ("utf-8", 1)}
"""What offsets may count in the place of characters: Java, JavaScript and C# count UTF-16 units."""


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

    Whole words are preferred to parts of words. Where the text does not occur as it is, capital letters, white space and the way in
    which accents are encoded may differ.

    >>> find_near("A man, a plan. A man.", "man", 13)
    (17, 'man')
    >>> find_near("He saw the New  York Times.", "new york", 0)
    (11, 'New  York')
    >>> find_near("He saw it.", "Times", 0) is None
    True

    Returns:
        the offset and the text as it stands there; None where it does not occur.
    """
    for is_exact in (True, False):
        for form in ("", "NFC", "NFD"):
            variant = unicodedata.normalize(form, text) if form else text
            pattern = re.escape(variant) if is_exact else r"\s+".join(map(re.escape, variant.split()))
            spans = [match.span() for match in re.finditer(pattern, context, 0 if is_exact else re.IGNORECASE)]
            if spans and pattern:
                whole_words = [span for span in spans if _is_whole_word(context, *span)]
                first, stop = min(whole_words or spans, key=lambda span: abs(span[0] - start))
                return first, context[first:stop]
    return None


def _is_whole_word(context: str, first: int, stop: int) -> bool:
    """Whether the characters before and after belong to no word; a combining mark belongs to the word before it."""
    after = context[stop : stop + 1]
    return not context[max(first - 1, 0) : first].isalnum() and not (after.isalnum() or _is_mark(after))


def _is_mark(character: str) -> bool:
    return character != "" and unicodedata.category(character).startswith("M")
