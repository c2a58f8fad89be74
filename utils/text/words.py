"""Words of a text in any script, for lexical baselines and indices, and the beginning of a text, for plots and terminals."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata

from utils.text.scripts import SCRIPTS_WITHOUT_SPACES

SCRIPTS_OF_CHARACTERS = (*SCRIPTS_WITHOUT_SPACES, "Hangul")
"""Scripts whose characters are words, alone and in pairs. Korean has spaces, but particles are attached to its names."""
MAX_MARKS = 8
"""The most marks that count in a row of question and exclamation marks."""
REPLACED = {"™": " ", "℠": " ", "−": "-", "♯": "#", "ـ": ""}
"""Characters for which compatibility normalisation does the wrong thing, or nothing: trademarks would become letters of the name,
minus and sharp are typographic forms of the signs in `A-` and `C#`, and the Arabic tatweel only stretches a word."""

_PLAIN_WORDS = re.compile(r"\w+").findall
_HYPHEN_AT_END = re.compile(r"-(?<!\w\w-)(?!\w)").search
_COMMON_TEXT = re.compile("[\0-\x7fÀ-ÖØ-öø-įıĴ-ľŁ-ňŊ-žΆΈ-ΏΑ-ία-ώЀ-ҁҊ-ӿ£§°¿‐-‣…‧‰€]*").fullmatch
"""Texts of Latin, Greek and Cyrillic letters that normalisation leaves as they are, and of common punctuation."""


def split_words(text: str, fold_case: bool = True) -> list[str]:
    """The words of a text in any script, in their order, without the punctuation between them.

    - Text is normalised first (Unicode's NFKC, without invisible characters), so that composed and decomposed, full-width and
      half-width forms are the same words. Combining marks stay in their words.
    - Where words stand side by side without spaces (Chinese, Japanese, Thai, ...), and in Korean, each character is a word, and so
      is each pair of neighbours, which is listed between its two characters. So the words of a name
      always stand together in the words of a text that has it.
    - Signs that are part of names belong to the word: `C++`, `C#`, `Disney+`, `.NET`, `A-`, `A*`. A row of exclamation marks
      that stands alone gives its beginnings, `!!` and `!!!`, and so does a row of question marks at the end of a text, so that the
      band "???" is part of "Who sings for ????". Elsewhere rows of question marks are mostly damaged letters.
    - An emoji is a word.

    >>> split_words("Who wrote 'Emma'?"), split_words("Is C# like C++?")
    (['who', 'wrote', 'emma'], ['is', 'c#', 'like', 'c++'])
    >>> split_words("मीना दिल्ली में"), split_words("王明在")
    (['मीना', 'दिल्ली', 'में'], ['王', '王明', '明', '明在', '在'])

    Args:
        text: the text.
        fold_case: whether capital and small letters are the same.
    """
    if text.isascii() or _COMMON_TEXT(text):
        text = text.casefold() if fold_case else text
        # Most texts have no signs on their words, and these tests are quick.
        if not (
            "+" in text
            or "#" in text
            or "*" in text
            or "!" in text
            or "??" in text
            or " ." in text
            or "(." in text
            or '".' in text
            or "\n." in text
            or text[:1] == "."
            or ("-" in text and _HYPHEN_AT_END(text))
        ):
            return _PLAIN_WORDS(text)
    pattern = _ascii_pattern() if text.isascii() else _unicode_pattern()
    return [part for word in pattern.findall(normalized(text, fold_case)) for part in _parts(word)]


def is_whole_word(word: str) -> bool:
    """Whether a word has no parts that are words as well, as a pair of characters and a long row of marks have.

    >>> is_whole_word("北"), is_whole_word("北京"), is_whole_word("???")
    (True, False, False)
    """
    if word[0] in "!?":
        return len(word) == 2
    if not is_of_characters(word):
        return True
    import regex

    return regex.fullmatch(r"\X", word) is not None


def normalized(text: str, fold_case: bool = True) -> str:
    """The text in the form whose words are compared.

    >>> normalized("ＡＢＣ Straße 2½")
    'abc strasse 2 1⁄2'

    Args:
        text: the text.
        fold_case: whether capital and small letters are the same.
    """
    if text.isascii():
        return text.lower() if fold_case else text
    for character, replacement in REPLACED.items():
        text = text.replace(character, replacement)
    text = _number_after_digit().sub(" ", text)  # 2½ is not 21/2, and 10² is not 102
    text = unicodedata.normalize("NFKC", _invisible().sub("", text))
    return unicodedata.normalize("NFKC", folded(text)) if fold_case else text


def folded(text: str) -> str:
    """The text in small letters, for comparing without regard to case; the Turkish İ becomes a plain i.

    >>> folded("STRASSE") == folded("Straße"), folded("İzmir")
    (True, 'izmir')
    """
    return text.casefold().replace("i\u0307", "i")


def _parts(word: str) -> list[str]:
    """What stands in the list of words for one match of the pattern."""
    if word[0] in "!?":
        return [word[:length] for length in range(2, min(len(word), MAX_MARKS) + 1)]
    if not is_of_characters(word):
        return [word]
    import regex

    characters = regex.findall(r"\X", word)
    parts = characters[:1]
    for left, right in itertools.pairwise(characters):
        parts += (left + right, right)
    return parts


def _pattern(character: str, start: str, letter: str, opening: str, other: str = "") -> str:
    """The pattern of a word.

    Args:
        character: the pattern of a character of a word.
        start: the pattern of the first character of a word.
        letter: the pattern of a letter.
        opening: what may stand before a name that begins with a sign, as the inner part of a set.
        other: alternatives that come first.
    """
    single_letter = rf"(?<!{character}|['.*-]){letter}(?:--?|\*)(?!{character}|[*-])"  # A-, C--, A*
    attached = rf"(?:(?<={letter})(?:\+\++|[+#](?!{character})))?"  # C++, C#, Disney+
    word = rf"(?:(?<![^{opening}])\.(?={letter}))?{start}{character}*{attached}"  # .NET
    marks = rf"(?<![^'{opening}])(?:!![!?]*|\?\?[!?]*(?=\W{{0,9}}\Z))"  # !!!, ???
    return rf"{other}{single_letter}|{word}|{marks}"


@functools.cache
def _ascii_pattern() -> re.Pattern:
    return re.compile(_pattern(r"\w", r"\w", "[a-zA-Z]", r' \n("'))


@functools.cache
def _unicode_pattern():
    import regex

    of_characters = _characters_set()
    return regex.compile(
        _pattern(
            rf"[[\p{{L}}\p{{M}}\p{{N}}\p{{Pc}}]--{of_characters}]",
            rf"[[\p{{L}}\p{{N}}\p{{Pc}}]--{of_characters}]",
            rf"[\p{{L}}--{of_characters}]",
            rf' \n("[[\p{{Ps}}\p{{Pi}}]--[\0-\x7f]]{of_characters}',
            other=rf"{of_characters}[{of_characters}\p{{M}}]*|\p{{RI}}{{2}}|[\p{{Extended_Pictographic}}--[©®〰]]|",
        ),
        regex.V1,
    )


def _characters_set() -> str:
    """The pattern of a character of `SCRIPTS_OF_CHARACTERS`; the Japanese sound mark belongs to two of them."""
    scripts = "".join(rf"\p{{Script={name}}}" for name in SCRIPTS_OF_CHARACTERS)
    return rf"[[{scripts}ー]&&[\p{{L}}\p{{M}}\p{{N}}]]"


def is_of_characters(word: str) -> bool:
    """Whether a word is a character, or a pair, of a script whose characters are words (`SCRIPTS_OF_CHARACTERS`).

    >>> is_of_characters("北京"), is_of_characters("मीना")
    (True, False)
    """
    return not word.isascii() and _is_of_characters(word[0])


@functools.lru_cache(maxsize=65_536)
def _is_of_characters(character: str) -> bool:
    import regex

    return regex.match(_characters_set(), character, regex.V1) is not None


@functools.cache
def _invisible():
    """Characters that are not seen: soft hyphens, joiners, variation selectors."""
    import regex

    return regex.compile(r"\p{Default_Ignorable_Code_Point}+")


@functools.cache
def _number_after_digit():
    import regex

    return regex.compile(r"(?<=\p{Nd})(?=\p{No})")


def shortened(text: str, max_length: int) -> str:
    """The beginning of the text on one line, at most `max_length` characters long.

    >>> shortened("What is  the name of the river?", 12)
    'What is the…'
    """
    text = " ".join(text.split())
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
