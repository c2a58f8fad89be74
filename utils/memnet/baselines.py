"""What answers questions about facts without training: words in common, BM25, and the most frequent value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from utils.memnet.data import KnowledgeBase, MemoryQuestion
from utils.memnet.features import MemoryFeatures
from utils.memnet.metrics import SlotScores, question_ranks, summarise
from utils.text.words import split_words


class Baselines:
    """What needs no training, or no more than counting.

    Args:
        base: the facts.
        training: the training questions, whose answers `majority_value` counts.
    """

    def __init__(self, base: KnowledgeBase, training: Sequence[MemoryQuestion]):
        import bm25s

        self.base = base
        self.relations = {relation: set(split_words(relation.replace("_", " "))) for relation in base.by_relation}
        self.counts = Counter(answer for question in training for answer in question.answers)
        self.index = bm25s.BM25()
        texts = (f"{fact.subject} {fact.relation.replace('_', ' ')} {fact.object}" for fact in base.facts)
        self.index.index([split_words(text) for text in texts], show_progress=False)

    def scores(self, facts, features: MemoryFeatures, questions: Sequence[MemoryQuestion]) -> dict[str, dict]:
        """The metrics of every baseline on these questions. Of values that tie, the first of the knowledge base wins."""
        found = {}
        for name in ("string_match", "bm25", "majority_value"):
            score = getattr(self, name)
            slots = _slot_scores(features, lambda row, numbers, score=score: score(questions[row], numbers))
            ranks = question_ranks(slots, features, facts, self.base, questions, pointer=False)
            found[name] = summarise(ranks, slots, features)
        return found

    def string_match(self, question: MemoryQuestion, numbers) -> list[int]:
        """Facts whose whole subject stands in the question first; among them, more of the relation's words in common."""
        words = split_words(question.text)
        text, words = f" {' '.join(words)} ", set(words)
        found = []
        for number in numbers:
            fact = self.base.facts[number]
            name = " ".join(split_words(fact.subject))
            found.append((5 if f" {name} " in text else 0) + min(4, len(words & self.relations[fact.relation])))
        return found

    def bm25(self, question: MemoryQuestion, numbers) -> np.ndarray:
        """BM25 (Robertson; k1 1.5, b 0.75, Lucene's idf) of the question against facts written out as texts."""
        words = [word for word in split_words(question.text) if word in self.index.vocab_dict]
        return self.index.get_scores(words)[numbers] if words else np.zeros(len(numbers))

    def majority_value(self, question: MemoryQuestion, numbers) -> np.ndarray:
        """The value that training answers have most often."""
        return np.log1p([self.counts[self.base.facts[number].object] for number in numbers])


def _slot_scores(features: MemoryFeatures, score) -> SlotScores:
    """Of every slot in use, `score(row, numbers)`."""
    scores = np.full(features.memory.shape, -np.inf, np.float32)
    for row, memory in enumerate(features.memory):
        held = memory >= 0
        scores[row, held] = score(row, memory[held])
    return SlotScores(scores, np.where(np.isfinite(scores), np.exp(np.maximum(scores, -50)), 0))
