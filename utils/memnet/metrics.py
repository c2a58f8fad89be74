"""Scores of answers that are chosen among a memory's facts: accuracy, hits@10, MRR, and whether the right key was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.memnet.data import KnowledgeBase, MemoryQuestion
from utils.memnet.features import EncodedFacts, MemoryFeatures, assemble, padded_slots


@dataclass(frozen=True)
class SlotScores:
    """What a model, or a baseline, gives every slot: `scores` of its value and `address` weights of its key, float
    `(questions, slots)`, -inf and 0 where a slot is empty."""

    scores: np.ndarray
    address: np.ndarray


def score_slots(model, features: MemoryFeatures, facts: EncodedFacts, slots_a_batch: int = 16_384) -> SlotScores:
    """Run the model over all questions; `slots_a_batch` bounds what is held at a time."""
    shape = features.memory.shape
    scores, address = np.full(shape, -np.inf, np.float32), np.zeros(shape, np.float32)
    widths = padded_slots(features.sizes)
    for slots in np.unique(widths).tolist():
        group, most = np.flatnonzero(widths == slots), min(2048, max(1, slots_a_batch // slots))
        for start in range(0, len(group), most):
            rows = group[start : start + most]
            asked = np.resize(rows, 1 << (len(rows) - 1).bit_length())  # to a power of two, by repeats: few shapes
            found = model.predict_on_batch(assemble(features, facts, asked, slots))
            held = features.memory[rows, :slots] >= 0
            logits = {name: np.asarray(array)[: len(rows), : held.shape[1]] for name, array in found.items()}
            scores[rows, :slots] = np.where(held, logits["scores"], -np.inf)
            address[rows, :slots] = np.where(held, _softmax(logits["address"]), 0)
    return SlotScores(scores, address)


def _softmax(logits):
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def ranked_values(scores: np.ndarray, objects: np.ndarray, pointer: bool) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values of one question's slots, best first, and their probabilities.

    A pointer's value has the sum of its slots' probabilities; otherwise equal values have equal scores, and the best slot counts.

    Args:
        scores: of the slots in use.
        objects: the number of each slot's value.
    """
    if not len(scores):
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    values, place = np.unique(objects, return_inverse=True)
    weights = np.exp(scores - scores.max())
    found = np.zeros(len(values))
    if pointer:
        np.add.at(found, place, weights)
    else:
        np.maximum.at(found, place, weights)
    order = np.argsort(-found, kind="stable")
    return values[order], (found / found.sum())[order]


def question_ranks(found: SlotScores, features, facts: EncodedFacts, base: KnowledgeBase, questions, pointer: bool):
    """The place of the best right value, from 1, infinite where the memory holds none, for every question."""
    numbers = dict(zip((fact.object for fact in base.facts), facts.objects.tolist(), strict=True))
    ranks = np.full(len(questions), np.inf)
    for row, question in enumerate(questions):
        held = features.memory[row] >= 0
        objects = facts.objects[features.memory[row][held]]
        values, _ = ranked_values(found.scores[row][held], objects, pointer)
        right = np.isin(values, [numbers[answer] for answer in question.answers if answer in numbers])
        if right.any():
            ranks[row] = 1 + int(right.argmax())
    return ranks


def summarise(ranks: np.ndarray, found: SlotScores, features: MemoryFeatures) -> dict[str, float]:
    """The metrics of some questions; a question whose memory holds no answer counts as wrong everywhere."""
    if not len(ranks):
        return {"total": 0}
    rows = np.arange(len(ranks))
    return {
        "accuracy": float((ranks == 1).mean()),
        "hits@10": float((ranks <= 10).mean()),
        "mrr": float((1 / ranks).mean()),
        "gold_key_accuracy": float(features.gold[rows, found.address.argmax(axis=1)].mean()),
        "candidate_recall": float(features.gold.any(axis=1).mean()),
        "total": len(ranks),
    }


def evaluate(model, features, facts, base, questions: Sequence[MemoryQuestion]):
    """The metrics of a model on these questions, with the ranks and slot scores they come from."""
    found = score_slots(model, features, facts)
    ranks = question_ranks(found, features, facts, base, questions, model.config["answer"] == "pointer")
    return summarise(ranks, found, features), ranks, found
