"""What answers questions about facts without training: words in common, BM25, and the most frequent value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from utils.data.facts import KnowledgeBase, MemoryQuestion, split_words
from utils.data.memory_features import MemoryFeatures
from utils.memory_evaluation import SlotScores, question_ranks, summarise


def baseline_scores(base: KnowledgeBase, facts, features: MemoryFeatures, questions, training) -> dict[str, dict]:
    """The metrics of every baseline on these questions. Of values that tie, the one that stands first in the knowledge base wins.

    Args:
        training: the training questions, whose answers `majority_value` counts.
    """
    return {
        name: summarise(question_ranks(found, features, facts, base, questions, pointer=False), found, features)
        for name, found in {
            "string_match": string_match(base, features, questions),
            "bm25": bm25(base, features, questions),
            "majority_value": majority_value(base, features, training),
        }.items()
    }


def _slot_scores(features: MemoryFeatures, score) -> SlotScores:
    """Of every slot in use, `score(row, numbers)`."""
    scores = np.full(features.memory.shape, -np.inf, np.float32)
    for row, memory in enumerate(features.memory):
        held = memory >= 0
        scores[row, held] = score(row, memory[held])
    return SlotScores(scores, np.where(np.isfinite(scores), np.exp(np.maximum(scores, -50)), 0))


def string_match(base: KnowledgeBase, features: MemoryFeatures, questions: Sequence[MemoryQuestion]) -> SlotScores:
    """Facts whose whole subject stands in the question first; among them, more of the relation's words in common."""
    relations = {relation: set(split_words(relation.replace("_", " "))) for relation in base.by_relation}

    def score(row, numbers):
        words = split_words(questions[row].text)
        text, words = f" {' '.join(words)} ", set(words)
        found = []
        for number in numbers:
            fact = base.facts[number]
            name = " ".join(split_words(fact.subject))
            found.append((5 if f" {name} " in text else 0) + min(4, len(words & relations[fact.relation])))
        return found

    return _slot_scores(features, score)


def bm25(base: KnowledgeBase, features: MemoryFeatures, questions: Sequence[MemoryQuestion]) -> SlotScores:
    """BM25 (Robertson; k1 1.5, b 0.75, Lucene's idf) of the question against facts written out as texts."""
    import bm25s

    texts = [
        split_words(f"{fact.subject} {fact.relation.replace('_', ' ')} {fact.object}") for fact in base.facts
    ]  # fmt: skip
    index = bm25s.BM25()
    index.index(texts, show_progress=False)

    def score(row, numbers):
        words = [word for word in split_words(questions[row].text) if word in index.vocab_dict]
        return index.get_scores(words)[numbers] if words else np.zeros(len(numbers))

    return _slot_scores(features, score)


def majority_value(base: KnowledgeBase, features: MemoryFeatures, training: Sequence[MemoryQuestion]) -> SlotScores:
    """The value that training answers have most often."""
    counts = Counter(answer for question in training for answer in question.answers)
    return _slot_scores(
        features, lambda row, numbers: np.log1p([counts[base.facts[number].object] for number in numbers])
    )
