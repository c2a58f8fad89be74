"""Run a model over questions and score its answers; the test repeated with larger memories."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from utils.common.evaluation import Evaluation
from utils.common.progress import with_progress
from utils.memnet.dataset import MemoryData
from utils.memnet.evidence import FEATURES, named_subjects
from utils.memnet.features import EncodedFacts, MemoryFeatures, assemble, build_features, encode_texts
from utils.memnet.memories import draw_memories
from utils.memnet.metrics import SlotScores, evaluate_slots
from utils.memnet.records import KnowledgeBase, MemoryQuestion

STEPS = ("first", "second")
"""The outputs of a model that takes two steps, in the order of `SlotScores.steps`."""
COVERED_IF_NAMED = FEATURES.index("covered if named")
MAX_BATCH_SIZE = 2_048
"""Questions that the model is given at once, at most."""


def score_slots(
    run: Callable, features: MemoryFeatures, facts: EncodedFacts, max_slots_per_batch: int = 16_384
) -> SlotScores:
    """Run the model over all questions.

    Questions with memories of similar size go together. A batch is filled up to a power of two by repeats, so that few different
    shapes are compiled.

    Args:
        run: function of a batch that gives the outputs of a `KVMemNet`, name to array.
        features: the questions.
        facts: the facts that memories number.
        max_slots_per_batch: slots of a batch, at most; bounds the memory that is used.
    """
    shape = features.memory.shape
    scores, address = np.full(shape, -np.inf, np.float32), np.zeros(shape, np.float32)
    nothing, steps = np.zeros(shape[0], np.float32), np.zeros((2, *shape), np.float32)
    has_steps = facts.subject_numbers is not None
    named = None if facts.weights is None or has_steps else np.full(shape, -1, np.int32)
    num_slots = facts.slots(features.sizes)
    for slots in np.unique(num_slots).tolist():
        same_size = np.flatnonzero(num_slots == slots)
        # A power of two, because batches are filled up to one.
        batch_size = min(MAX_BATCH_SIZE, 1 << max(0, (max_slots_per_batch // slots).bit_length() - 1))
        for start in with_progress(range(0, len(same_size), batch_size), f"answering from {slots:,} facts"):
            rows = same_size[start : start + batch_size]
            filled = np.resize(rows, 1 << (len(rows) - 1).bit_length())
            inputs = assemble(features, facts, filled, slots)
            outputs = run(inputs)
            mask = features.memory[rows, :slots] >= 0
            logits = np.asarray(outputs["scores"])[: len(rows), : mask.shape[1]]
            scores[rows, :slots] = np.where(mask, logits, -np.inf)
            weights = _softmax(np.asarray(outputs["address"])[: len(rows)])
            address[rows, :slots] = np.where(mask, weights[:, : mask.shape[1]], 0)
            if facts.nothing:
                nothing[rows] = weights[:, -1]
            if named is not None:
                # A name of words that ask, such as a film called "Movie", stands in questions by chance.
                is_named = (inputs["evidence"][: len(rows), : mask.shape[1], COVERED_IF_NAMED] > 0) & mask
                named[rows, :slots] = named_subjects(is_named, facts.subjects[features.memory[rows, :slots]])
            for step, name in enumerate(STEPS if has_steps else ()):
                weights = np.exp(np.asarray(outputs[name])[: len(rows), : mask.shape[1]])
                steps[step, rows, :slots] = np.where(mask, weights, 0)
    return SlotScores(scores, address, nothing if facts.nothing else None, steps if has_steps else None, named)


def _softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def is_pointer(model) -> bool:
    """Whether the model's address is its answer, so that the probabilities of slots with one value add up."""
    return model.config["scoring"] == "pointer"


def evaluate(
    model,
    features: MemoryFeatures,
    facts: EncodedFacts,
    base: KnowledgeBase,
    questions: Sequence[MemoryQuestion],
) -> Evaluation:
    """The evaluation of a model on some questions."""
    slots = score_slots(model.predict_on_batch, features, facts)
    return evaluate_slots(slots, features, facts, base, questions, is_pointer(model))


def repeated_tests(
    data: MemoryData, predictor, sweep: Sequence[int], max_questions: int, split_seed: int
) -> dict[str, tuple[list[MemoryQuestion], MemoryFeatures]]:
    """At most `max_questions` of the test's questions with other memories.

    Args:
        data: the questions and facts.
        predictor: a `MemnetPredictor` of the same facts, which retrieves candidates.
        sweep: numbers of distractors. Numbers that the facts do not suffice for are left out, and so are all where the data gives
            every question its memory.
        max_questions: questions, drawn at random.
        split_seed: seed of all draws.

    Returns:
        name to questions and features: `test_N_distractors` for each number of distractors; `test_whole_kb`, with the candidates
        that retrieval finds among all facts; and for a model that can say that no fact answers `test_half_unanswerable`, the same
        questions and memories once as they are, and once without the facts that answer.
    """
    if "test" not in data.questions:
        return {}
    rng = np.random.default_rng((split_seed, 2))
    order = rng.permutation(len(data.questions["test"]))[:max_questions]
    questions = [data.questions["test"][place] for place in sorted(order)]
    question_ids = encode_texts((question.text for question in questions), predictor.vocabulary)
    memories = {
        f"test_{count}_distractors": draw_memories(data.memory_drawer, questions, count, rng)
        for count in (() if data.has_memories else sweep)
        if count < len(data.base.facts)
    }
    memories["test_whole_kb"] = predictor.candidates(question_ids)
    tests = {
        name: (questions, build_features(data.base, questions, question_ids, numbers))
        for name, numbers in memories.items()
    }
    if predictor.facts.nothing:
        answerable = memories["test_whole_kb"]
        unanswerable = [
            data.base.without_answer(question, numbers.tolist())
            for question, numbers in zip(questions, answerable, strict=True)
        ]
        twice = [*questions, *questions], np.concatenate([question_ids, question_ids])
        features = build_features(data.base, *twice, [*answerable, *unanswerable])
        tests["test_half_unanswerable"] = twice[0], features
    return tests
