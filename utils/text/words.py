"""Words of a text, for lexical baselines and indices, and the beginning of a text, for plots and terminals."""

import re


def split_words(text: str) -> list[str]:
    """The lower-cased words of a text, without punctuation.

    >>> split_words("Who wrote 'Emma'?")
    ['who', 'wrote', 'emma']
    """
    return re.findall(r"\w+", text.lower())


def shortened(text: str, max_length: int) -> str:
    """The beginning of the text on one line, at most `max_length` characters long.

    >>> shortened("What is  the name of the river?", 12)
    'What is the…'
    """
    text = " ".join(text.split())
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
