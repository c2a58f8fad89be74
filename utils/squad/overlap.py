"""Whether texts repeat what stands in other texts, such as the paragraphs that a model is scored on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from utils.text.words import is_whole_word, split_words

WORDS = 8
"""As many equal words in a row are taken for a repetition; a text of fewer words must be repeated as a whole."""


class SharedText:
    """Rows of words that stand in some texts, without regard to capital letters, punctuation and white space.

    >>> paragraphs = SharedText(["The old mill was built by the river in 1907.", "Short text"])
    >>> paragraphs.with_text("We know: the old MILL was built by the river.")
    'the old mill was built by the river'
    >>> paragraphs.with_text("A mill was built by the river."), paragraphs.with_text("short text!")
    ('', 'short text')

    Args:
        texts: the texts.
    """

    def __init__(self, texts: Iterable[str]):
        self._hashes = {hash(row) for text in texts for row in _rows_of_words(text)}

    def with_text(self, text: str) -> str:
        """The first row of `WORDS` words of a text that one of the texts has too; "" if there is none.

        Of a text with fewer words it is all of its words, where one of the texts has no others.
        """
        return next((row for row in _rows_of_words(text) if hash(row) in self._hashes), "")


def _rows_of_words(text: str) -> Iterator[str]:
    words = [word for word in split_words(text) if is_whole_word(word)]
    for first in range(max(len(words) - WORDS + 1, min(len(words), 1))):
        yield " ".join(words[first : first + WORDS])
