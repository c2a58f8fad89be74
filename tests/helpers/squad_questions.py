"""Invented SQuAD questions, and a comparison of their features."""

from dataclasses import fields

import numpy as np

from utils.squad.data import Answer, Question
from utils.squad.tokens import TokenizedTexts
from utils.text.tokenization import train_tokenizer


def invented_questions():
    """Seeded paragraphs of 5 to 60 invented words with one to three answers each, and a tokenizer of their pieces."""
    rng = np.random.default_rng(29)
    words = ["".join(rng.choice(list("abcdeéïøß"), rng.integers(2, 9))) for _ in range(40)] + ["2,000", "😀", "O'Neill"]
    questions = []
    for number in range(30):
        paragraph = [str(word) for word in rng.choice(words, rng.integers(5, 61))]
        starts = np.cumsum([0, *(len(word) + 1 for word in paragraph[:-1])])
        answers = []
        for first in rng.integers(0, len(paragraph), rng.integers(1, 4)):
            text = " ".join(paragraph[first : first + rng.integers(1, 4)])
            answers.append(Answer(text, int(starts[first])))
        text = " ".join(rng.choice(words, rng.integers(1, 9)))
        questions.append(Question(f"q{number}", "title", " ".join(paragraph), text, tuple(answers)))
    tokenizer = train_tokenizer([text for q in questions for text in (q.context, q.question)], 60)
    return questions, tokenizer


def assert_equal(first, second):
    for field in fields(first):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, TokenizedTexts):
            assert_equal(one, other)
        elif isinstance(one, np.ndarray):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        else:
            assert one == other and type(one) is type(other)
