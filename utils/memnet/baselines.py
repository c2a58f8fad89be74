"""Baselines without a trained model: string match, BM25, and the most frequent value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from utils.common.evaluation import Evaluation
from utils.memnet.features import EncodedFacts, MemoryFeatures
from utils.memnet.metrics import SlotScores, evaluate_slots
from utils.memnet.records import PATH, KnowledgeBase, MemoryQuestion
from utils.text.words import split_words

BASELINES = ("string_match", "bm25", "majority_value")


def count_answers(questions: Sequence[MemoryQuestion]) -> Counter:
    """How often each value is an answer to these questions."""
    return Counter(answer for question in questions for answer in question.answers)


class Baselines:
    """Scores facts by words in common with the question, or by how often training has their value.

    Args:
        base: all facts.
        counts: value to the number of training answers that it is, from `count_answers`; None: `majority_value` is left out.
    """

    def __init__(self, base: KnowledgeBase, counts: Mapping[str, int] | None):
        import bm25s

        self.base = base
        self.relation_words = {relation: set(split_words(relation.replace("_", " "))) for relation in base.by_relation}
        self.counts = counts
        self.index = bm25s.BM25()
        texts = (f"{fact.subject} {fact.relation.replace('_', ' ')} {fact.object}" for fact in base.facts)
        self.index.index([split_words(text) for text in texts], show_progress=False)

    def evaluate(
        self, features: MemoryFeatures, facts: EncodedFacts, questions: Sequence[MemoryQuestion]
    ) -> dict[str, Evaluation]:
        """The evaluation of each baseline on these questions. Of values with equal scores, the first in the facts wins.

        Questions that take two steps are answered by taking string match or BM25 twice. Of a question about two subjects the two
        best scores that a value has from different subjects are added up.
        """
        evaluations = {}
        for name in BASELINES[:2] if self.counts is None else BASELINES:
            slots = self._slot_scores(getattr(self, name), features, questions)
            evaluations[name] = evaluate_slots(slots, features, facts, self.base, questions, add_up=False)
        return evaluations

    def _slot_scores(
        self, baseline: Callable, features: MemoryFeatures, questions: Sequence[MemoryQuestion]
    ) -> SlotScores:
        scores = np.full(features.memory.shape, -np.inf, np.float32)
        for row, (question, memory) in enumerate(zip(questions, features.memory, strict=True)):
            mask = memory >= 0
            scores[row, mask] = baseline(question, memory[mask])
            if PATH in question.relation and baseline != self.majority_value:
                scores[row, mask] = self._twice(question, memory[mask], scores[row, mask])
            if question.second_subject:
                scores[row, mask] = self._added_up(memory[mask], scores[row, mask])
        return SlotScores(scores, np.where(np.isfinite(scores), np.exp(np.maximum(scores, -50)), 0))

    def _twice(self, question: MemoryQuestion, numbers: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """The scores of a second step: a fact's own and that of the best fact whose object is its subject.

        Facts that no other one leads to follow after all others, and so do those that have the question's subject.
        """
        best: dict[str, float] = {}
        for number, score in zip(numbers, scores.tolist(), strict=True):
            name = self.base.facts[number].object
            best[name] = max(score, best.get(name, -np.inf))
        facts = [self.base.facts[number] for number in numbers]
        leads = [fact.subject in best and question.subject not in (fact.subject, fact.object) for fact in facts]
        return np.where(leads, scores + [best.get(fact.subject, 0) for fact in facts], scores - 1e6)

    def _added_up(self, numbers: np.ndarray, scores: np.ndarray) -> list[float]:
        """For each fact the sum of the two best scores that different subjects have for its object."""
        best: dict[str, dict[str, float]] = {}
        for fact, score in zip((self.base.facts[number] for number in numbers), scores.tolist(), strict=True):
            of_object = best.setdefault(fact.object, {})
            of_object[fact.subject] = max(score, of_object.get(fact.subject, -np.inf))
        return [sum(sorted(best[self.base.facts[number].object].values())[-2:]) for number in numbers]

    def string_match(self, question: MemoryQuestion, numbers: np.ndarray) -> list[int]:
        """5 for a fact whose whole subject stands in the question, and 1 for each word of its relation there, at most 4."""
        question_words = split_words(question.text)
        text, question_words = f" {' '.join(question_words)} ", set(question_words)
        scores = []
        for number in numbers:
            fact = self.base.facts[number]
            name = " ".join(split_words(fact.subject))
            num_shared = len(question_words & self.relation_words[fact.relation])
            scores.append((5 if f" {name} " in text else 0) + min(4, num_shared))
        return scores

    def bm25(self, question: MemoryQuestion, numbers: np.ndarray) -> np.ndarray:
        """BM25 (Robertson; k1 1.5, b 0.75, Lucene's idf) of the question against facts written out as texts."""
        words = [word for word in split_words(question.text) if word in self.index.vocab_dict]
        return self.index.get_scores(words)[numbers] if words else np.zeros(len(numbers))

    def majority_value(self, question: MemoryQuestion, numbers: np.ndarray) -> np.ndarray:
        """`log(1 + n)` where `n` training answers are the fact's value."""
        return np.log1p([self.counts.get(self.base.facts[number].object, 0) for number in numbers])
