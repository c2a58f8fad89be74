"""Plain baselines and ceilings, scored like a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from utils.common.evaluation import Evaluation
from utils.tracing.ceilings import bayes_filter, fit_items, oracle, practice_filter
from utils.tracing.evaluation import Predictions, evaluate
from utils.tracing.metrics import DecisionRule, fit_rule, headroom_closed
from utils.tracing.splits import ResponseData

PLAIN_BASELINES = ("majority", "item_majority")
"""What a useful model must beat."""

MAX_FITTED_RESPONSES = 2_000_000
"""Items are fitted to at most so many responses, those of students drawn at random: all of a hundred million would take hours."""
ITEM_PRIOR = 2
"""`item_majority` adds this many responses of the average item to each item's counts."""


@dataclass(frozen=True)
class FittedBaselines:
    """What the baselines learn from the training students.

    Args:
        response_counts: how often each item was answered with each category, `(items, categories)`.
        discrimination: alpha of the fitted items, `(items,)`.
        thresholds: beta of the fitted items, `(items, categories - 1)`.
        rules: name of a baseline to its decision rule, fitted on the validation students.
    """

    response_counts: np.ndarray
    discrimination: np.ndarray
    thresholds: np.ndarray
    rules: dict[str, DecisionRule] = field(default_factory=dict)

    def arrays(self) -> dict[str, np.ndarray]:
        """The same as arrays, for a file."""
        rules = {f"rule_{name}": np.array([rule.slope, rule.shift, rule.mean]) for name, rule in self.rules.items()}
        counts = self.response_counts.astype(np.int64)
        return {
            "response_counts": counts,
            "discrimination": self.discrimination,
            "thresholds": self.thresholds,
            **rules,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> FittedBaselines:
        """From what `arrays` gave.

        Raises:
            KeyError, TypeError: an array is missing or has another shape.
        """
        rules = {
            name.removeprefix("rule_"): DecisionRule(*array.tolist())
            for name, array in arrays.items()
            if name.startswith("rule_")
        }
        return cls(*(arrays[name] for name in ("response_counts", "discrimination", "thresholds")), rules)


def fit_baselines(data: ResponseData) -> FittedBaselines:
    """Fit the baselines to the training students, all but their decision rules."""
    training, counts = _drawn(data.pairs("train")), count_responses(data)
    discrimination, thresholds = fit_items(training, *counts.shape)
    # Items without a response become average items, as item 0 does, which stands for all that training does not have.
    is_fitted = np.zeros(len(counts), bool)
    is_fitted[np.concatenate([items for items, _ in training])] = True
    average_slope = discrimination[is_fitted].mean()
    intercepts = discrimination[is_fitted, None] * thresholds[is_fitted]  # logits are linear in them and in the slope
    discrimination[~is_fitted], thresholds[~is_fitted] = average_slope, intercepts.mean(axis=0) / average_slope
    return FittedBaselines(counts, discrimination, thresholds)


def count_responses(data: ResponseData) -> np.ndarray:
    """How often the training students answered each item with each category, `(items, categories)`; item 0 is none of them."""
    counts = np.zeros((len(data.item_numbers) + 1, data.num_categories))
    for items, responses in data.pairs("train"):
        np.add.at(counts, (items, responses), 1)
    return counts


def category_frequencies(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How often each category occurs of all responses, `(categories,)`, and of those of each item, `(items, categories)`."""
    overall = counts.sum(axis=0) / counts.sum()
    return overall, (counts + ITEM_PRIOR * overall) / (counts.sum(axis=1, keepdims=True) + ITEM_PRIOR)


def _drawn(training: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """As many of the students as have `MAX_FITTED_RESPONSES` together, drawn at random but always the same; at least one."""
    lengths = np.array([len(responses) for _, responses in training])
    if lengths.sum() <= MAX_FITTED_RESPONSES:
        return training
    order = np.random.default_rng(0).permutation(len(training))
    count = max(1, int(np.searchsorted(np.cumsum(lengths[order]), MAX_FITTED_RESPONSES, "right")))
    return [training[number] for number in sorted(order[:count].tolist())]


def evaluate_baselines(
    data: ResponseData, fitted: FittedBaselines | None
) -> tuple[dict[str, dict[str, Evaluation]], dict[str, DecisionRule]]:
    """Score baselines and ceilings on the students that are not for training.

    - `majority`: how often each category occurs in training.
    - `item_majority`: how often each category occurs for this item in training.
    - `fitted_items`: items fitted to the training students by marginal maximum likelihood, and a Bayes filter over the student's
      earlier responses. Where ability does not change, no model of the same data can be expected to do better.
    - `true_items`, only with true parameters: the filter with the true items, and the true learning.
    - `oracle`, only with true parameters: also the true ability.

    Args:
        data: the students.
        fitted: what the baselines learned; None: those that learn are left out. A baseline without a decision rule gets one that is
            fitted on the validation students, if there are any.

    Returns:
        name to split to evaluation, and name to decision rule.
    """
    evaluations, rules = {}, dict(fitted.rules) if fitted else {}
    for name, predict in _predictors(data, fitted).items():
        predictions = {split: _predictions(data, split, predict(split)) for split in data.sequences if split != "train"}
        if name not in rules and "validation" in predictions:
            rules[name] = fit_rule(predictions["validation"].probabilities, predictions["validation"].responses)
        evaluations[name] = {split: evaluate(part, rules.get(name)) for split, part in predictions.items()}
    return evaluations, rules


def headroom(metrics: dict[str, float], baselines: dict[str, dict[str, Evaluation]], split: str) -> dict:
    """How much of the way from `majority` to the ceiling a model goes, in accuracy and NLL.

    The ceiling is `true_items`, or `fitted_items` where the truth is unknown.

    Args:
        metrics: the model's metrics on the split.
        baselines: from `evaluate_baselines`.
        split: name of the split.

    Returns:
        metric to fraction; empty where the majority is not known.
    """
    if "majority" not in baselines:
        return {}
    ceiling = baselines.get("true_items", baselines["fitted_items"])[split].metrics
    majority = baselines["majority"][split].metrics
    return {name: headroom_closed(metrics[name], majority[name], ceiling[name]) for name in ("accuracy", "nll")}


def _predictors(data: ResponseData, fitted: FittedBaselines | None) -> dict:
    """Name to a function of a split that returns the probabilities of each sequence."""
    predictors, truth = {}, data.truth
    if fitted is not None:
        overall, item_frequencies = category_frequencies(fitted.response_counts)
        predictors = {
            "majority": lambda split: (np.tile(overall, (len(items), 1)) for items, _ in data.pairs(split)),
            "item_majority": lambda split: (item_frequencies[items] for items, _ in data.pairs(split)),
            "fitted_items": lambda split: bayes_filter(data.pairs(split), fitted.discrimination, fitted.thresholds),
        }
    if truth is None:
        return predictors
    if truth.gain.any():
        predictors["true_items"] = lambda split: practice_filter(data.truth_pairs(split), truth)
    else:
        predictors["true_items"] = lambda split: bayes_filter(
            data.truth_pairs(split), truth.discrimination, truth.thresholds
        )
    predictors["oracle"] = lambda split: oracle(data.truth_pairs(split), truth, data.truth_students[split])
    return predictors


def _predictions(data: ResponseData, split: str, parts: Iterable[np.ndarray]) -> Predictions:
    """The predictions of a split, from the probabilities of each sequence, which are given up."""
    items, responses = (np.concatenate(part) for part in zip(*data.pairs(split), strict=True))
    lengths = [len(sequence.items) for sequence in data.sequences[split]]
    probabilities, start = np.empty((len(items), data.num_categories)), 0
    for number, part in enumerate(parts):
        probabilities[start : start + len(part)] = part
        start += len(part)
        if isinstance(parts, list):
            parts[number] = None  # so that not both are in memory
    return Predictions(probabilities, responses, items, np.repeat(np.arange(len(lengths), dtype=np.int32), lengths))
