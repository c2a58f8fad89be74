"""Questions that name their subject by a part of its name, for a model that is to understand "Einstein"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.memnet.questions import place_of_words
from utils.memnet.records import MemoryQuestion
from utils.text.words import split_words


class NamesInQuestions:
    """Where the names of two words and more stand in questions.

    Args:
        questions: the questions.
        question_ids: their word ids, int `(questions, words)`; every word has one.
    """

    def __init__(self, questions: Sequence[MemoryQuestion], question_ids: np.ndarray):
        self.question_ids = question_ids
        self.places = []
        for row, question in enumerate(questions):
            for subject in question.subjects:
                name = split_words(subject)
                start = place_of_words(name, split_words(question.text)) if len(name) > 1 else None
                if start is not None:
                    self.places.append((row, start, len(name)))

    def shortened(self, fraction: float, rng: np.random.Generator) -> np.ndarray:
        """The word ids, where a fraction of these names keep one word, every second time the last one; the others become 0."""
        ids = self.question_ids.copy()
        for row, start, length in self.places:
            if rng.random() < fraction:
                kept = start + (length - 1 if rng.random() < 0.5 else rng.integers(length))
                ids[row, [place for place in range(start, start + length) if place != kept]] = 0
        return ids
