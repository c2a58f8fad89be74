"""Words of a text, for lexical baselines and indices."""

import re


def split_words(text: str) -> list[str]:
    """The lower-cased words of a text, without punctuation.

    >>> split_words("Who wrote 'Emma'?")
    ['who', 'wrote', 'emma']
    """
    return re.findall(r"\w+", text.lower())
