"""Answers as the metrics compare them.

By word, as the official SQuAD script does; or by character where no spaces stand between words, as CMRC 2018 (Cui et al. 2019) and
MLQA (Lewis et al. 2020) do for Chinese.
"""

import functools
import re
import string

from utils.text.scripts import SCRIPTS_WITHOUT_SPACES

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def normalize_answer(text: str, by_character: bool = False) -> str:
    """The tokens of an answer with a space between them; texts that are equal then match exactly.

    By word: lower-case, drop ASCII punctuation, then the words a/an/the, then collapse white space, in this order.

    By character: lower-case and drop the punctuation of all scripts, full-width forms included. Then a token is each character of
    Chinese, Japanese, Korean, Thai and the other scripts without spaces, with the marks on it, and each word of other scripts.

    >>> normalize_answer("The  Eiffel Tower!")
    'eiffel tower'
    >>> normalize_answer("1990年，《IBM PC》", by_character=True)
    '1990 年 ibm pc'
    """
    return " ".join(answer_tokens(text, by_character))


def answer_tokens(text: str, by_character: bool = False) -> list[str]:
    """The tokens of a normalised answer, see `normalize_answer`."""
    if not by_character:
        return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()
    patterns = _patterns()
    return patterns["token"].findall(patterns["punctuation"].sub("", text.lower()))


def mixed_tokens(text: str) -> list[str]:
    """The characters of scripts without spaces and the words of other scripts, in their order and with their punctuation."""
    return _patterns()["token"].findall(text)


@functools.lru_cache(maxsize=10_000)
def is_by_character(context: str) -> bool:
    """Whether answers in this text are compared by character: at least as many characters of scripts without spaces as words.

    Korean has spaces and is compared by word.

    >>> is_by_character("王明1990年在IBM工作。"), is_by_character("Tokyo (東京) is a city.")
    (True, False)
    """
    if context.isascii():
        return False
    patterns = _patterns()
    num_characters = len(patterns["character"].findall(context))
    return num_characters > 0 and num_characters >= len(patterns["other_word"].findall(context))


@functools.cache
def _patterns() -> dict:
    import regex

    # U+30FC lengthens a vowel in Japanese; Unicode counts it to no script.
    unspaced = "".join(rf"\p{{Script={name}}}" for name in SCRIPTS_WITHOUT_SPACES) + "\u30fc"
    single = rf"{unspaced}\p{{Script=Hangul}}"
    full_width = "".join(regex.escape(chr(ord(mark) + 0xFEE0)) for mark in string.punctuation)
    return {
        "character": regex.compile(rf"[{unspaced}]"),
        "other_word": regex.compile(rf"[^\s{unspaced}]+"),
        "token": regex.compile(rf"(?=[{single}])\X|[^\s{single}]+"),
        "punctuation": regex.compile(rf"[\p{{P}}{regex.escape(string.punctuation)}{full_width}]"),
    }
