"""Words of a text."""

import pytest

from utils.text.words import split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Who wrote 'Emma'?", ["who", "wrote", "emma"]),
        ("it's 3,14 -- ÜBER_all\t\u00a0x", ["it", "s", "3", "14", "über_all", "x"]),
        ("東京 and 😀", ["東京", "and"]),
        (" \n", []),
    ],
)
def test_words_are_lower_cased_and_without_punctuation(text, words):
    assert split_words(text) == words
