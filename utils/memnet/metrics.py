"""Scores of answers that are chosen among the facts of a memory: accuracy, hits@10, MRR, and attention to the right key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.common.evaluation import Evaluation
from utils.memnet.features import EncodedFacts, MemoryFeatures
from utils.memnet.records import KnowledgeBase, MemoryQuestion


@dataclass(frozen=True)
class SlotScores:
    """What a model, or a baseline, gives to each slot of each memory.

    Args:
        scores: score of the slot's value, float32 `(questions, slots)`, -inf for an empty slot.
        address: attention weight of the slot's key, float32 `(questions, slots)`, 0 for an empty slot.
    """

    scores: np.ndarray
    address: np.ndarray


def ranked_values(scores: np.ndarray, objects: np.ndarray, add_up: bool) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values in one memory, best first, and their probabilities.

    Args:
        scores: score of each slot that holds a fact, `(slots,)`.
        objects: number of each slot's value, `(slots,)`.
        add_up: whether the probabilities of slots with one value are added up, as for a pointer, which scores keys. Otherwise the
            best slot counts: a model that scores values gives equal values equal scores.

    Returns:
        numbers of the values `(values,)`, and probabilities `(values,)`, which sum to 1.
    """
    if not len(scores):
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    values, place = np.unique(objects, return_inverse=True)
    slot_weights = np.exp(scores - scores.max())
    weights = np.zeros(len(values))
    (np.add if add_up else np.maximum).at(weights, place, slot_weights)
    order = np.argsort(-weights, kind="stable")
    return values[order], (weights / weights.sum())[order]


def answer_ranks(
    slots: SlotScores,
    features: MemoryFeatures,
    facts: EncodedFacts,
    base: KnowledgeBase,
    questions: Sequence[MemoryQuestion],
    add_up: bool,
) -> np.ndarray:
    """The rank of the best correct value of each question, from 1; infinite where the memory holds none, `(questions,)`."""
    numbers = dict(zip((fact.object for fact in base.facts), facts.objects.tolist(), strict=True))
    ranks = np.full(len(questions), np.inf)
    for row, question in enumerate(questions):
        mask = features.memory[row] >= 0
        objects = facts.objects[features.memory[row][mask]]
        values, _ = ranked_values(slots.scores[row][mask], objects, add_up)
        correct = np.isin(values, [numbers[answer] for answer in question.answers if answer in numbers])
        if correct.any():
            ranks[row] = 1 + int(correct.argmax())
    return ranks


def evaluate_slots(
    slots: SlotScores,
    features: MemoryFeatures,
    facts: EncodedFacts,
    base: KnowledgeBase,
    questions: Sequence[MemoryQuestion],
    add_up: bool,
) -> Evaluation:
    """The evaluation of some questions, at least one, from the scores of their slots.

    A question whose memory holds no correct answer counts as wrong everywhere. Intervals resample subjects.

    Args:
        slots: scores of a model or of a baseline.
        features: features of the questions.
        facts: arrays of the facts of `base`.
        base: all facts.
        questions: the questions.
        add_up: whether slots with one value add up, see `ranked_values`.

    Returns:
        `accuracy`, the fraction of questions whose best value is correct; `hits@10` and `mrr`, of the best correct value;
        `gold_key_accuracy`, the fraction whose most attended fact answers; `candidate_recall`, the fraction whose memory holds an
        answer; and `total`, the number of questions.
    """
    ranks = answer_ranks(slots, features, facts, base, questions, add_up)
    per_question = {
        "accuracy": ranks == 1,
        "hits@10": ranks <= 10,
        "mrr": 1 / ranks,
        "gold_key_accuracy": features.gold[np.arange(len(ranks)), slots.address.argmax(axis=1)],
        "candidate_recall": features.gold.any(axis=1),
    }
    subjects = np.array([question.subject for question in questions])
    evaluation = Evaluation.from_examples(
        {name: values.astype(float) for name, values in per_question.items()}, subjects
    )
    evaluation.metrics["total"] = len(ranks)
    return evaluation
