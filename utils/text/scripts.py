"""Which writing system a text is in: Latin, Devanagari, Thai, Han, Japanese, ..."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable

SCRIPTS_WITHOUT_SPACES = (
    "Han", "Hiragana", "Katakana", "Bopomofo", "Thai", "Lao", "Khmer", "Myanmar", "Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet",
)  # fmt: skip
"""Unicode's names of the scripts whose words stand side by side without spaces."""
OTHER_SCRIPTS = (
    "Latin", "Cyrillic", "Arabic", "Devanagari", "Hangul", "Greek", "Hebrew", "Bengali", "Tamil", "Telugu", "Kannada", "Malayalam",
    "Gujarati", "Gurmukhi", "Oriya", "Sinhala", "Armenian", "Georgian", "Ethiopic", "Tibetan", "Mongolian", "Thaana", "Syriac",
    "Cherokee", "Canadian_Aboriginal", "Tifinagh", "Nko", "Javanese", "Balinese", "Yi", "Ol_Chiki", "Meetei_Mayek", "Adlam",
)  # fmt: skip
"""Other scripts in use today, the most common ones first."""
JAPANESE_KANA_FRACTION = 0.1
"""Text in Han characters is Japanese if at least this fraction of its letters is kana; Chinese text has kana only in quotations."""
MAX_LETTERS = 100_000
"""How many letters are counted."""


def writing_system(texts: Iterable[str]) -> str:
    """The writing system that most letters of some texts belong to.

    >>> writing_system(["Wo wurde Ada geboren?"]), writing_system(["मीना दिल्ली में रहती है"]), writing_system(["王明在哪里出生？"])
    ('Latin', 'Devanagari', 'Han')
    >>> writing_system(["東京はどこですか"]), writing_system(["12, 34"])
    ('Japanese', 'unknown')

    Args:
        texts: the texts; the first 100,000 letters decide.

    Returns:
        Unicode's name of the script, such as `Latin`, `Cyrillic`, `Hangul` or `Thai`; `Japanese` for Han characters together with
        kana; `unknown` where there are no letters, or only letters of scripts that are not listed here.
    """
    characters: Counter[str] = Counter()
    num_letters = 0
    for text in texts:
        letters = [character for character in text[:MAX_LETTERS] if character.isalpha()]
        characters.update(letters)
        num_letters += len(letters)
        if num_letters >= MAX_LETTERS:
            break
    counts: Counter[str] = Counter()
    for character, count in characters.items():
        counts[_script(character)] += count
    kana, japanese = counts["Hiragana"] + counts["Katakana"], counts["Hiragana"] + counts["Katakana"] + counts["Han"]
    if kana and kana >= JAPANESE_KANA_FRACTION * japanese:
        counts["Japanese"] = japanese
        for part in ("Han", "Hiragana", "Katakana"):
            del counts[part]
    del counts["unknown"]
    return max(counts, key=counts.get) if counts.total() else "unknown"


def is_written_without_spaces(system: str) -> bool:
    """Whether no spaces stand between the words of a writing system, as `writing_system` names it.

    >>> is_written_without_spaces("Japanese"), is_written_without_spaces("Hangul")
    (True, False)
    """
    return system == "Japanese" or system in SCRIPTS_WITHOUT_SPACES


@functools.cache
def _script(character: str) -> str:
    return next((name for name, pattern in _patterns() if pattern.match(character)), "unknown")


@functools.cache
def _patterns() -> list[tuple]:
    """Each script and a pattern of one of its characters."""
    import regex

    return [(name, regex.compile(rf"\p{{Script={name}}}")) for name in (*OTHER_SCRIPTS, *SCRIPTS_WITHOUT_SPACES)]
