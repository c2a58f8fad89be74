"""Questions in which a word that asks is unknown, for a model that is to abstain from "What is the population of Canada?"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import numpy as np

from utils.memnet.features import NUM_HASHES, Vocabulary, words_beside_names
from utils.memnet.records import MemoryQuestion


class AskingWords:
    """The words that ask in questions, and whether what is left without one of them still tells the relation.

    Args:
        questions: the questions. Those whose relation is not known stay as they are.
        question_ids: their word ids, int `(questions, words)`; every word has one.
        vocabulary: lists the words that ask.
    """

    def __init__(self, questions: Sequence[MemoryQuestion], question_ids: np.ndarray, vocabulary: Vocabulary):
        self.question_ids, self.num_learned = question_ids, len(vocabulary)
        self.asking, relations = [], defaultdict(set)
        for question in questions:
            ids = vocabulary.ids(words_beside_names(question))
            asking = frozenset(number for number in ids if number < self.num_learned)
            self.asking.append(asking if question.relation else frozenset())
            if question.relation:
                relations[asking].add(question.relation)

        @cache
        def tells_relation(asking: frozenset, word: int) -> bool:
            left = asking - {word}
            return len(set().union(*(of_asking for words, of_asking in relations.items() if left <= words))) == 1

        self.tells_relation = tells_relation

    def with_unknown(
        self, question_ids: np.ndarray, fraction: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Put an unknown word in the place of one that asks, in a fraction of the questions.

        Args:
            question_ids: word ids of the same questions, perhaps with shortened names.
            fraction: of the questions, 0-1.
            rng: draws.

        Returns:
            word ids; and which questions can no longer be answered, because other relations are asked about with the same words,
            bool `(questions,)`.
        """
        ids, is_open = question_ids.copy(), np.zeros(len(question_ids), bool)
        for row in np.flatnonzero(rng.random(len(ids)) < fraction):
            asking = self.asking[row]
            places = np.flatnonzero(np.isin(ids[row], list(asking)))
            if len(places):
                word = int(ids[row, rng.choice(places)])
                ids[row, ids[row] == word] = self.num_learned + rng.integers(NUM_HASHES)
                is_open[row] = not self.tells_relation(asking, word)
        return ids, is_open
