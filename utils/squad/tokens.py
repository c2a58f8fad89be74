"""The tokens of texts: where they stand, and what the words are that they are part of."""

from __future__ import annotations

import functools
import itertools
import sys
import unicodedata
import zlib
from dataclasses import dataclass

import numpy as np

LOWER_CASE = 1
CAPITALISED = 2
CAPITALS = 3
DIGITS = 4
DIGITS_AND_OTHERS = 5
PUNCTUATION = 6
OTHER_SHAPE = 7
"""Values of `shape_ids`, the shapes of words. 0 is none: a special token or padding."""
NUM_SHAPES = 8


@dataclass(frozen=True)
class TokenizedTexts:
    """The tokens of many texts, in flat arrays of length `(tokens of all texts,)`.

    Args:
        offsets: `(texts + 1,)`; text `t` owns the slice `offsets[t]:offsets[t + 1]`.
        token_ids: ids of the tokenizer.
        word_ids: hash of the lower-cased word that the token is part of, never 0.
        stem_ids: hash of that word's stem, never 0.
        shape_ids: the shape of that word, such as `LOWER_CASE`.
        starts: the token's first character in its text. Tokens begin and end where a reader's characters do: combining marks,
            joined emoji and the like stay whole, even where the tokenizer drops or splits them.
        ends: the character after its last.
    """

    offsets: np.ndarray
    token_ids: np.ndarray
    word_ids: np.ndarray
    stem_ids: np.ndarray
    shape_ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


@functools.lru_cache(maxsize=200_000)
def _describe_word(word: str) -> tuple[int, int, int]:
    """`(word hash, stem hash, shape)` of one word as the text has it."""
    lowered = unicodedata.normalize("NFC", word.lower())
    if not any(character.isalnum() for character in word):
        shape = PUNCTUATION
    elif word.isdigit():
        shape = DIGITS
    elif any(character.isdigit() for character in word):
        shape = DIGITS_AND_OTHERS
    elif word.islower():
        shape = LOWER_CASE
    elif word.isupper() and len(word) > 1:
        shape = CAPITALS
    else:
        shape = CAPITALISED if word[0].isupper() else OTHER_SHAPE
    return _hash(lowered), _hash(stem(lowered)), shape


@functools.lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The stem of an English word in small letters, by the Snowball algorithm.

    >>> stem("bridges"), stem("painted")
    ('bridg', 'paint')
    """
    return _stemmer().stemWord(word)


@functools.cache
def _stemmer():
    import snowballstemmer

    return snowballstemmer.stemmer("english")


def _hash(text: str) -> int:
    return (zlib.crc32(text.encode("utf-8", "surrogatepass")) & 0x7FFFFFFF) or 1


def word_id(word: str) -> int:
    """The number that `TokenizedTexts.word_ids` has for a word."""
    return _describe_word(word)[0]


def tokenize(texts: list[str], tokenizer, progress: str | None = None, chunk: int = 2048) -> TokenizedTexts:
    """Tokenize texts in parallel, without special tokens, and describe the word that each token is part of.

    Args:
        texts: texts to tokenize.
        tokenizer: `tokenizers.Tokenizer`.
        progress: words to show before the counts on a terminal; None is silent.
        chunk: texts that are tokenized together.
    """
    columns: dict[str, list[np.ndarray]] = {}
    lengths = [np.zeros(1, np.int64)]
    for first in range(0, len(texts), chunk):
        part = texts[first : first + chunk]
        encodings = tokenizer.encode_batch(part, add_special_tokens=False)
        lengths.append(np.fromiter(map(len, encodings), np.int64, len(part)))
        for name, values in _columns(part, encodings, lengths[-1]).items():
            columns.setdefault(name, []).append(values)
        if progress and sys.stdout.isatty():
            done = first + len(part)
            print(f"\r{progress}: {done:,} of {len(texts):,}", end="\n" if done == len(texts) else "", flush=True)
    names = ("token_ids", "word_ids", "stem_ids", "shape_ids", "starts", "ends")
    flat = {name: np.concatenate([np.zeros(0, np.int32), *columns.get(name, ())]) for name in names}
    return TokenizedTexts(offsets=np.cumsum(np.concatenate(lengths)), **flat)


def _columns(texts: list[str], encodings: list, lengths: np.ndarray) -> dict[str, np.ndarray]:
    """The tokens of some texts, all fields of `TokenizedTexts` but `offsets`.

    Args:
        texts: the texts.
        encodings: their `tokenizers.Encoding`.
        lengths: `(texts,)`, the number of tokens of each.
    """
    count = int(lengths.sum())
    offsets = [_widened(text, encoding.offsets) for text, encoding in zip(texts, encodings, strict=True)]
    numbers = itertools.chain.from_iterable(itertools.chain.from_iterable(offsets))
    starts, ends = np.fromiter(numbers, np.int32, 2 * count).reshape(-1, 2).T
    words = itertools.chain.from_iterable(encoding.word_ids for encoding in encodings)
    words = np.fromiter((-1 if word is None else word for word in words), np.int64, count)
    is_first = np.ones(count, bool)  # token of its word; a token without a word is one by itself
    is_first[1:] = (words[1:] != words[:-1]) | (words[1:] < 0)
    is_first[np.cumsum(lengths[:-1])[lengths[1:] > 0]] = True
    firsts = np.flatnonzero(is_first)
    lasts = np.append(firsts[1:], count)[: len(firsts)] - 1
    text_of_word = np.repeat(np.arange(len(texts)), lengths)[firsts]
    places = zip(text_of_word.tolist(), starts[firsts].tolist(), ends[lasts].tolist(), strict=True)
    kinds: dict[str, int] = {}
    kind_of_word = [kinds.setdefault(texts[text][start:end], len(kinds)) for text, start, end in places]
    descriptions = np.array([_describe_word(word.strip()) for word in kinds] or np.zeros((0, 3)), np.int32)
    kind_of_token = np.repeat(np.array(kind_of_word, np.int64), lasts - firsts + 1)
    word_ids, stem_ids, shape_ids = descriptions[kind_of_token].T
    token_ids = itertools.chain.from_iterable(encoding.ids for encoding in encodings)
    return {
        "token_ids": np.fromiter(token_ids, np.int32, count),
        "word_ids": word_ids,
        "stem_ids": stem_ids,
        "shape_ids": shape_ids,
        "starts": starts,
        "ends": ends,
    }


def _widened(text: str, offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The offsets of tokens, moved outwards to the borders of graphemes: what a reader takes for one character.

    An uncased tokenizer drops accents, and with them the vowels of Hindi and Thai; others split a letter from its mark.
    """
    if text.isascii() or not _joining().search(text):
        return offsets
    first, stop = [], []  # of the grapheme that each character is part of
    for match in _grapheme().finditer(text):
        length = match.end() - match.start()
        first += [match.start()] * length
        stop += [match.end()] * length
    return [(first[start], stop[end - 1]) if start < end else (start, end) for start, end in offsets]


@functools.cache
def _grapheme():
    import regex

    return regex.compile(r"\X")


@functools.cache
def _joining():
    """A character that may be joined to its neighbour."""
    import regex

    kinds = ("Extend", "SpacingMark", "ZWJ", "Prepend", "V", "T", "Regional_Indicator")
    return regex.compile("[" + "".join(rf"\p{{GCB={kind}}}" for kind in kinds) + "]")
