"""Sentences of a text in any script, as chunks that are neither very short nor longer than an encoder reads."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence

from utils.text.scripts import writing_system

MIN_WORDS = 8
"""The fewest words of a chunk; shorter sentences are joined."""
LONG_SENTENCE = 64
"""A sentence of more words than this is also split inside quotations and brackets that hold several sentences."""
MAX_CHARACTERS = 2_000
"""The most characters of a chunk; a longer one is cut."""
LANGUAGES = {
    "Latin": "en", "Cyrillic": "ru", "Arabic": "ar", "Devanagari": "hi", "Hangul": "ko", "Greek": "el", "Hebrew": "he",
    "Bengali": "bn", "Tamil": "ta", "Telugu": "te", "Kannada": "kn", "Malayalam": "ml", "Gujarati": "gu", "Gurmukhi": "pa",
    "Oriya": "or", "Sinhala": "si", "Armenian": "hy", "Georgian": "ka", "Ethiopic": "am", "Tibetan": "bo", "Han": "zh",
    "Japanese": "ja", "Thai": "th", "Lao": "lo", "Khmer": "km", "Myanmar": "my",
}  # fmt: skip
"""For each writing system, the language whose abbreviations the splitter uses; English for all others."""
LETTERS_OF_A_WORD = (
    (r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}", 2),
    (r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}", 4),
)
"""Scripts without spaces between words, and how many of their letters make about one word."""
WINDOW = 20_000
"""Characters of a paragraph that are split into sentences at once."""
_WORD_BEGINNING = re.compile(r"(?<=\s)(?=\S)")
_REFERENCE = re.compile(r"(?:\[[^\[\]\n]{1,40}\]|:\d+)+\s*")
"""References as Wikipedia has them: `[citation needed]`, `[n 8]`, `:282`. They belong to the sentence that they follow."""
_OPENING_QUOTE = re.compile(r"""(?<!\S)["']|[“‘„«‹「『《(\[（]""")
_OTHER_QUOTE = re.compile(r"""["'”’»›」』》)\]）]""")


def chunks(text: str, language: str = "", min_words: int = MIN_WORDS) -> list[str]:
    """Split a text into its sentences, and join short ones until they have `min_words` words.

    A short sentence joins the ones after it in its paragraph, at the paragraph's end the ones before. A paragraph that is short as
    a whole, such as a heading, joins the next one. In scripts without spaces, words are estimated from the letters.

    >>> chunks("We went. They all went to the lake with us. It rained. We all went home again after that.", min_words=6)
    ['We went. They all went to the lake with us.', 'It rained. We all went home again after that.']

    Args:
        text: any text.
        language: ISO 639 code such as `de`, whose abbreviations do not end a sentence; if empty, the text's writing system decides.
        min_words: words of a chunk, at least; only a text with fewer words gives a shorter one.

    Returns:
        the chunks in order. Together they are the whole text, with single spaces for its white space.
    """
    language = language or LANGUAGES.get(writing_system([text]), "en")
    joined: list[list[str]] = []
    pending, num_words = [], 0  # short sentences that wait for the next one
    for paragraph in _paragraphs(text):
        first = len(joined)
        for sentence in split_sentences(paragraph, language):
            pending.append(sentence)
            num_words += count_words(sentence)
            if num_words >= min_words:
                joined.append(pending)
                pending, num_words = [], 0
        if len(joined) > first:
            joined[-1] += pending
            pending, num_words = [], 0
        (pending or joined[-1]).append("\n")
    if joined:
        joined[-1] += pending
    elif pending:
        joined.append(pending)
    return [" ".join("".join(sentences).split()) for sentences in joined]


def split_sentences(paragraph: str, language: str) -> list[str]:
    """The sentences of a paragraph, each with the white space that follows it; together they are the paragraph.

    >>> split_sentences("他说：“你好！”真的吗？是的", "zh")
    ['他说：“你好！”', '真的吗？', '是的']
    """
    from sentencex import segment

    sentences: list[str] = []
    for sentence in _sentences_in_windows(paragraph, language):
        reference = _REFERENCE.match(sentence)
        if reference and sentences and not sentences[-1][-1].isspace():
            sentences[-1] += reference[0]
            sentence = sentence[reference.end() :]
        if not sentence:
            continue
        if count_words(sentence) > LONG_SENTENCE:
            # The splitter leaves quotations and brackets whole, and takes all text between two inch signs for a quotation.
            unquoted = _OTHER_QUOTE.sub(" ", _OPENING_QUOTE.sub("_", sentence))
            lengths = [len(part) for part in segment(language, unquoted)]
            sentences += _pieces(sentence, lengths)
        else:
            sentences.append(sentence)
    return [part for sentence in sentences for part in _clauses().split(sentence)]


def _sentences_in_windows(paragraph: str, language: str) -> Iterator[str]:
    """The sentences that the splitter finds. Its time grows with the square of a text's length, so it reads a long one in windows;
    the last sentence of a window, which may go on, begins the next one."""
    from sentencex import segment

    start = 0
    while start < len(paragraph):
        sentences = list(segment(language, paragraph[start : start + WINDOW]))
        if start + WINDOW < len(paragraph) and len(sentences) > 1:
            sentences.pop()
        yield from sentences
        start += sum(map(len, sentences))


def count_words(text: str) -> int:
    """The number of words of a text. In scripts without spaces it is estimated from the number of letters.

    >>> count_words("It rained all day."), count_words("河流很长，也很宽"), count_words("王明 bought an iPhone")
    (4, 4, 4)
    """
    count = 0.0
    for pattern, letters in () if text.isascii() else _letters():
        text, num_letters = pattern.subn(" ", text)
        count += num_letters / letters
    return int(count + 0.5) + sum(any(map(str.isalnum, word)) for word in text.split())


def cut(
    text: str, spans: Sequence[tuple[int, int]], max_tokens: int, max_characters: int = MAX_CHARACTERS
) -> list[str]:
    """Cut a text into pieces that an encoder reads whole: before a word, or within one only where it is longer than a piece.

    Within a word, and in scripts without spaces, it is cut between two characters as readers see them; marks stay with their
    letters.

    >>> cut("one two three", [(0, 3), (4, 7), (8, 11), (11, 13)], max_tokens=3)
    ['one two', 'three']

    Args:
        text: the text.
        spans: the place of each token in it, `(first character, character after the last)`, in order.
        max_tokens: tokens of a piece, at most.
        max_characters: characters of a piece, at most.
    """
    pieces, start, token = [], 0, 0
    while True:
        while token < len(spans) and spans[token][0] < start:
            token += 1
        limit = min(start + max_characters, len(text))
        if token + max_tokens < len(spans):
            limit = min(limit, spans[token + max_tokens][0])
        end = limit if limit == len(text) else _border(text, start, limit)
        pieces.append(text[start:end].strip())
        if end == len(text):
            return [piece for piece in pieces if piece]
        start = end


def _border(text: str, start: int, limit: int) -> int:
    """The last place up to `limit` where a text that goes on from `start` may be cut, after `start`."""
    spaceless, whole, character = _patterns_of_borders()
    if not spaceless.match(text, limit):
        words = list(_WORD_BEGINNING.finditer(text, start + 1, limit + 1))
        if words:
            return words[-1].start()
    if limit > start and whole.match(text, limit - 1):
        return limit
    border = character.match(text, start).end()
    while border < limit and (following := character.match(text, border).end()) <= limit:
        border = following
    return border


@functools.cache
def _patterns_of_borders() -> tuple:
    """Patterns of a letter of a script without spaces, of two characters that are certainly not one, and of any one character."""
    import regex

    scripts = "".join(scripts for scripts, _ in LETTERS_OF_A_WORD)
    return regex.compile(rf"[{scripts}]"), regex.compile(r"[!-~\p{Han}]{2}"), regex.compile(r"\X")


def _paragraphs(text: str) -> Iterator[str]:
    """The parts of a text between empty lines."""
    for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        if paragraph.strip():
            yield paragraph


def _pieces(text: str, lengths: Sequence[int]) -> Iterator[str]:
    """The text in pieces of these lengths."""
    start = 0
    for length in lengths:
        yield text[start : start + length]
        start += length


@functools.cache
def _clauses():
    """Where Thai, Lao, Khmer, Burmese and Tibetan have a space: between clauses, and between sentences, which have no full stop."""
    import regex

    scripts = LETTERS_OF_A_WORD[1][0]
    return regex.compile(rf"(?<=[{scripts}]\s+)(?=[{scripts}])")


@functools.cache
def _letters() -> list[tuple]:
    """Patterns of one letter of a script without spaces, and the letters of a word."""
    import regex

    return [
        (regex.compile(rf"[[{scripts}]&&\p{{L}}]\p{{M}}*", regex.V1), letters) for scripts, letters in LETTERS_OF_A_WORD
    ]
