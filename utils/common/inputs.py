"""Checks of what callers in Python pass to a predictor."""

from __future__ import annotations

from collections.abc import Iterable

from utils.common.files import has_lone_surrogate


def as_texts(values: Iterable[str], name: str) -> list[str]:
    """A list of texts, checked. A single text would otherwise be taken for a list of its characters.

    >>> as_texts(("Who wrote it?",), "questions")
    ['Who wrote it?']

    Args:
        values: texts.
        name: what the caller calls them, for messages.

    Raises:
        TypeError: it is one text, or something in it is not a text.
        ValueError: one of the texts is empty, or holds half a character (a lone surrogate).
    """
    if isinstance(values, str):
        raise TypeError(f"{name} is a text: give a list of texts, such as [{values[:20]!r}]")
    texts = list(values)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"{name}[{number}] is {type(text).__name__}: give a list of texts")
        if not text.strip():
            raise ValueError(f"{name}[{number}] is empty")
        if has_lone_surrogate(text):
            raise ValueError(f"{name}[{number}] holds half a character (a lone surrogate)")
    return texts


def check_same_length(count: int, other_count: int, name: str, other_name: str) -> None:
    """Check that two lists have as many elements.

    Raises:
        ValueError: they have not.
    """
    if count != other_count:
        raise ValueError(f"{count:,} {name} and {other_count:,} {other_name}: give as many of both")
