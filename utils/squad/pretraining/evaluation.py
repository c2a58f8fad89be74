"""How well a model that learns from text does on held-out text, beside baselines that need no model."""

from __future__ import annotations

import numpy as np

from components.losses.places_cross_entropy import NO_TARGET
from utils.common.evaluation import Evaluation
from utils.squad.pretraining.batches import validation_batches
from utils.squad.pretraining.masking import ReplacementMasking, SpanMasking
from utils.squad.pretraining.text_windows import TextWindows
from utils.training.publish import Headline

RATIOS = {
    "spans": {
        "span_start_accuracy": ("correct_starts", "questions"),
        "span_end_accuracy": ("correct_ends", "questions"),
        "span_accuracy": ("correct_spans", "questions"),
        "word_accuracy": ("correct_words", "words"),
    },
    "replaced": {
        "detection_accuracy": ("correct_tokens", "tokens"),
        "replaced_fraction": ("replaced", "tokens"),
        "replaced_recall": ("detected", "replaced"),
        "replaced_precision": ("detected", "suspected"),
        "word_accuracy": ("correct_words", "words"),
    },
}
"""Metrics of each method: what is counted, and what of."""
HEADLINES = {
    "spans": Headline("span_start_accuracy", "accuracy of span starts", "steps", plain=("any_token",)),
    "replaced": Headline("detection_accuracy", "accuracy of replaced tokens", "steps", plain=("nothing_replaced",)),
}
"""The last epoch is kept: scores on held-out text do not say which one is the best start for another task."""


def evaluate(
    model, text: TextWindows, masking: SpanMasking | ReplacementMasking, groups: np.ndarray, batch_size: int
) -> tuple[Evaluation, dict[str, Evaluation]]:
    """Score a model on windows of text, which are masked alike each time.

    Args:
        model: `SpanPretrainer` or `ReplacedTokenPretrainer`, as the masking asks for.
        text: the windows.
        masking: what is masked.
        groups: `(windows,)`, the number of each window's article; intervals resample them.
        batch_size: windows that are computed together.

    Returns:
        the model's evaluation, and those of baselines by name: `any_token`, a start that is drawn from the window's tokens;
        `nothing_replaced`, no token is taken for replaced.
    """
    count = _count_spans if isinstance(masking, SpanMasking) else _count_replaced
    counts: dict[str, np.ndarray] = {}
    for chosen, inputs, targets in validation_batches(text, masking, batch_size):
        outputs = {name: np.asarray(value) for name, value in model.predict_on_batch(inputs).items()}
        outputs["words"] = outputs["words"].argmax(-1)
        for name, values in (count(inputs, targets, outputs) | _count_words(targets, outputs)).items():
            counts.setdefault(name, np.zeros(len(text)))[chosen] = values
    if isinstance(masking, SpanMasking):
        lengths = text.windows.window_end - text.windows.window_start
        by_chance = counts | {"correct_starts": counts["questions"] / lengths}
        ratios = {"span_start_accuracy": RATIOS["spans"]["span_start_accuracy"]}
        return _evaluation(counts, RATIOS["spans"], groups), {"any_token": _evaluation(by_chance, ratios, groups)}
    nothing = counts | {"correct_tokens": counts["tokens"] - counts["replaced"]}
    ratios = {"detection_accuracy": RATIOS["replaced"]["detection_accuracy"]}
    return _evaluation(counts, RATIOS["replaced"], groups), {"nothing_replaced": _evaluation(nothing, ratios, groups)}


def _evaluation(counts: dict[str, np.ndarray], ratios: dict[str, tuple[str, str]], groups: np.ndarray) -> Evaluation:
    def metrics(weights):
        sums = {name: float(weights @ values) for name, values in counts.items()}
        return {name: sums[part] / sums[whole] if sums[whole] else np.nan for name, (part, whole) in ratios.items()}

    return Evaluation(metrics(np.ones(len(groups))), groups=groups, weighted_metrics=metrics)


def _count_spans(inputs, targets, outputs) -> dict[str, np.ndarray]:
    is_question = targets["start"] != NO_TARGET
    is_correct = {end: (outputs[end].argmax(-1) == targets[end]) & is_question for end in ("start", "end")}
    return {
        "questions": is_question.sum(1),
        "correct_starts": is_correct["start"].sum(1),
        "correct_ends": is_correct["end"].sum(1),
        "correct_spans": (is_correct["start"] & is_correct["end"]).sum(1),
    }


def _count_replaced(inputs, targets, outputs) -> dict[str, np.ndarray]:
    is_token = targets["replaced"] == 1
    is_suspected = (outputs["replaced"][..., 0] > 0) & is_token
    is_replaced = (outputs["replaced"][..., 1] == 1) & is_token
    return {
        "tokens": is_token.sum(1),
        "replaced": is_replaced.sum(1),
        "suspected": is_suspected.sum(1),
        "detected": (is_suspected & is_replaced).sum(1),
        "correct_tokens": (is_token & (is_suspected == is_replaced)).sum(1),
    }


def _count_words(targets, outputs) -> dict[str, np.ndarray]:
    is_word = targets["words"] != NO_TARGET
    return {"words": is_word.sum(1), "correct_words": ((outputs["words"] == targets["words"]) & is_word).sum(1)}
