"""Scores of answers that are chosen among the facts of a memory: accuracy, hits@10, MRR, and attention to the right key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.common.evaluation import Evaluation
from utils.memnet.features import EncodedFacts, MemoryFeatures
from utils.memnet.records import KnowledgeBase, MemoryQuestion

MINOR_KEY = 0.1
"""A key of a subject counts if it has at least this fraction of the weight of the subject's most attended one."""
MINOR_SUBJECT = 0.02
"""A question is about a named subject if its most attended key has at least this fraction of the highest weight of a key."""
UNSEEN = 1e-4
"""The probability that a named subject leaves for each value that its facts do not have."""
NO_FACT = "no fact answers"
NOTHING_IN_COMMON = "the subjects have nothing in common"
"""Why a question is left unanswered."""


@dataclass(frozen=True)
class SlotScores:
    """What a model, or a baseline, gives to each slot of each memory.

    Args:
        scores: score of the slot's value, float32 `(questions, slots)`, -inf for an empty slot.
        address: attention weight of the slot's key, float32 `(questions, slots)`, 0 for an empty slot.
        nothing: probability that no fact answers, float32 `(questions,)`, which sums to 1 with the weights of the memory; None
            where the model, or the baseline, cannot say so.
        steps: for a model that takes two steps the weights of the slots after the first one and after the second one, float32
            `(2, questions, slots)`, whose sum is `address`; None for others.
        named: for a model that reads evidence and takes one step, which of several named subjects each slot is about, int32
            `(questions, slots)`, see `utils.memnet.evidence.named_subjects`; None for others.
    """

    scores: np.ndarray
    address: np.ndarray
    nothing: np.ndarray | None = None
    steps: np.ndarray | None = None
    named: np.ndarray | None = None

    def of(self, rows: Sequence[int]) -> SlotScores:
        """The scores of some of the questions."""
        nothing = None if self.nothing is None else self.nothing[rows]
        steps = None if self.steps is None else self.steps[:, rows]
        named = None if self.named is None else self.named[rows]
        return SlotScores(self.scores[rows], self.address[rows], nothing, steps, named)


def ranked_values(
    scores: np.ndarray, objects: np.ndarray, add_up: bool, named: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values in one memory, best first, and their probabilities.

    Where a question names several subjects ("Which films starring Ada did Bo direct?"), the facts of each say how likely a value
    is, and these probabilities are multiplied: p(v) is in proportion to the product over subjects s of (p_s(v) + `UNSEEN`). Sums
    alone would prefer what one of them has. That is done only if the best value is one that several of them have, because a name
    may stand in a question by chance.

    Args:
        scores: score of each slot that holds a fact, `(slots,)`.
        objects: number of each slot's value, `(slots,)`.
        add_up: whether the probabilities of slots with one value are added up, as for a pointer, which scores keys. Otherwise the
            best slot counts: a model that scores values gives equal values equal scores.
        named: for each slot the number of the named subject that it is about, -1 for others; None where this is not known.

    Returns:
        numbers of the values `(values,)`, and probabilities `(values,)`, which sum to 1.
    """
    if not len(scores):
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    values, place = np.unique(objects, return_inverse=True)
    slot_weights = np.exp(scores - scores.max())
    weights = np.zeros(len(values))
    (np.add if add_up else np.maximum).at(weights, place, slot_weights)
    if named is not None:
        weights = _weights_in_common(weights, scores, place, named)
    order = np.argsort(-weights, kind="stable")
    return values[order], (weights / weights.sum())[order]


def _weights_in_common(weights: np.ndarray, scores: np.ndarray, place: np.ndarray, named: np.ndarray) -> np.ndarray:
    """The weights of values, or their products over the subjects that a question names, see `ranked_values`."""
    subjects = np.unique(named[named >= 0])
    of_subject = np.zeros((len(subjects), len(weights)))
    for row, subject in enumerate(subjects):
        slots = named == subject
        shares = np.exp(scores[slots] - scores[slots].max())
        np.add.at(of_subject[row], place[slots], shares / shares.sum())
    product = (of_subject + UNSEEN).prod(axis=0)
    best_is_common = (of_subject[:, product.argmax()] > 0).sum() > 1
    return product if best_is_common else weights


def answer_ranks(
    slots: SlotScores,
    features: MemoryFeatures,
    facts: EncodedFacts,
    base: KnowledgeBase,
    questions: Sequence[MemoryQuestion],
    add_up: bool,
) -> np.ndarray:
    """The rank of the best correct value of each question, from 1; infinite where the memory holds none, `(questions,)`.

    A value is correct if its text is one of the question's answers, also where the fact that has it is about something else.
    """
    numbers = dict(zip((fact.object for fact in base.facts), facts.objects.tolist(), strict=True))
    ranks = np.full(len(questions), np.inf)
    for row, question in enumerate(questions):
        mask = features.memory[row] >= 0
        objects = facts.objects[features.memory[row][mask]]
        named = None if slots.named is None else slots.named[row][mask]
        values, _ = ranked_values(slots.scores[row][mask], objects, add_up, named)
        correct = np.isin(values, [numbers[answer] for answer in question.answers if answer in numbers])
        if correct.any():
            ranks[row] = 1 + int(correct.argmax())
    return ranks


def certainty(slots: SlotScores, memory: np.ndarray, facts: EncodedFacts) -> np.ndarray:
    """The weight of the most attended key of each memory, over all of its facts, `(questions,)`.

    A key has several facts where a subject has several objects. Each is an answer, so that none of them has all of the weight.
    Where a question names several subjects, the weights of the most attended key of each are added up.

    Args:
        slots: the scores of the slots.
        memory: fact numbers, `(questions, slots)`, -1 for an empty slot.
        facts: the facts that it numbers.
    """
    first = memory[np.arange(len(memory)), slots.address.argmax(axis=1)]
    has_first_key = memory >= 0
    for words in (facts.subjects, facts.keys):
        has_first_key &= (words[memory] == words[first][:, None]).all(axis=-1)
    certainties = (slots.address * has_first_key).sum(axis=1)
    for row in _rows_with_several_subjects(slots):
        of_subjects = sum(weight for weight, _ in _best_keys(slots, memory, facts, row))
        certainties[row] = max(certainties[row], of_subjects)
    return certainties


def _rows_with_several_subjects(slots: SlotScores) -> np.ndarray:
    return np.flatnonzero([] if slots.named is None else (slots.named >= 0).any(axis=1))


def _best_keys(slots: SlotScores, memory: np.ndarray, facts: EncodedFacts, row: int) -> list[tuple[float, set[int]]]:
    """The weight of each named subject's most attended key, and the objects of its keys that count."""
    best = []
    for subject in np.unique(slots.named[row][slots.named[row] >= 0]):
        at = np.flatnonzero(slots.named[row] == subject)
        numbers = memory[row, at]
        _, keys = np.unique(facts.keys[numbers], axis=0, return_inverse=True)
        weights = np.bincount(keys.ravel(), slots.address[row, at])
        counts = weights[keys.ravel()] >= MINOR_KEY * weights.max()
        best.append((float(weights.max()), set(facts.objects[numbers[counts]].tolist())))
    return best


def abstention_reasons(slots: SlotScores, memory: np.ndarray, facts: EncodedFacts) -> list[str | None]:
    """Why a model that can say that no fact answers leaves each question unanswered; None for one that it answers.

    It is `NO_FACT` where "no fact answers" has more weight than the most attended key (see `certainty`), and else
    `NOTHING_IN_COMMON` where a question is about several subjects whose keys have no object in common. Little attention does not
    count (`MINOR_SUBJECT`, `MINOR_KEY`), because a name may stand in a question by chance.
    """
    reasons: list[str | None] = [None] * len(memory)
    if slots.nothing is None:
        return reasons
    for row in _rows_with_several_subjects(slots):
        keys = _best_keys(slots, memory, facts, row)
        highest = max(weight for weight, _ in keys)
        objects = [objects for weight, objects in keys if weight >= MINOR_SUBJECT * highest]
        if not set.intersection(*objects):
            reasons[row] = NOTHING_IN_COMMON
    for row in np.flatnonzero(slots.nothing > certainty(slots, memory, facts)):
        reasons[row] = NO_FACT
    return reasons


def abstentions(slots: SlotScores, memory: np.ndarray, facts: EncodedFacts) -> np.ndarray:
    """Whether the model leaves each question unanswered, bool `(questions,)`, see `abstention_reasons`."""
    return np.array([reason is not None for reason in abstention_reasons(slots, memory, facts)], bool)


def evaluate_slots(
    slots: SlotScores,
    features: MemoryFeatures,
    facts: EncodedFacts,
    base: KnowledgeBase,
    questions: Sequence[MemoryQuestion],
    add_up: bool,
) -> Evaluation:
    """The evaluation of some questions, at least one, from the scores of their slots.

    An answer is correct if its text is one of the question's answers, whichever fact of the memory it comes from. Where no fact of
    the memory has such a text, the question is wrong in accuracy and 0 in hits@10 and MRR. A question that the model does not
    answer is wrong in accuracy; hits@10 and MRR are those of the ranking that it has all the same. Intervals resample subjects.

    Args:
        slots: scores of a model or of a baseline.
        features: features of the questions.
        facts: arrays of the facts of `base`.
        base: all facts.
        questions: the questions.
        add_up: whether slots with one value add up, see `ranked_values`.

    Returns:
        `accuracy`, the fraction of questions whose best value is correct; `hits@10` and `mrr`, of the best correct value;
        `gold_key_accuracy`, the fraction whose most attended fact answers; `candidate_recall`, the fraction whose memory holds a
        fact that answers (`KnowledgeBase.gold`); `total`, the number of questions; and for a model that can say that no fact
        answers what `abstention_scores` gives.
    """
    ranks = answer_ranks(slots, features, facts, base, questions, add_up)
    abstains = abstentions(slots, features.memory, facts)
    per_question = {
        "accuracy": (ranks == 1) & ~abstains,
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
    if slots.nothing is not None:
        certainties = certainty(slots, features.memory, facts)
        evaluation.metrics.update(abstention_scores(ranks == 1, certainties, abstains, features.gold.any(axis=1)))
    return evaluation


def abstention_scores(
    is_correct: np.ndarray, certainties: np.ndarray, abstains: np.ndarray, is_answerable: np.ndarray
) -> dict[str, float]:
    """How well a model knows what its facts do not answer.

    Args:
        is_correct: whether the text of the best value is a correct answer, also where the model abstains, `(questions,)`.
        certainties: from `certainty`, `(questions,)`.
        abstains: from `abstentions`, `(questions,)`.
        is_answerable: whether a fact of the memory answers, `(questions,)`.

    Returns:
        `aurc`, the area under the risk-coverage curve (Geifman and El-Yaniv 2017), less is better: the questions are answered from
        the most certain one to the least certain one, and the fraction of wrong answers so far is averaged over them. Each
        counts by its best value, also where the model abstains; one that no fact answers is right if that value has the text of a
        correct answer. `abstained_answerable`: the fraction of the answerable questions that the model does not
        answer. `answered_unanswerable`: the fraction of the others that it answers. Each only where there are such questions.
    """
    order = np.argsort(-certainties, kind="stable")
    risks = np.cumsum(~is_correct[order]) / np.arange(1, len(order) + 1)
    scores = {"aurc": float(risks.mean()) if len(risks) else 0.0}
    if is_answerable.any():
        scores["abstained_answerable"] = float(abstains[is_answerable].mean())
    if not is_answerable.all():
        scores["answered_unanswerable"] = float((~abstains[~is_answerable]).mean())
    return scores
