"""Plain baselines and ceilings, scored like a model."""

from __future__ import annotations

import numpy as np

from utils.common.evaluation import Evaluation
from utils.tracing.ceilings import bayes_filter, fit_items, oracle, practice_filter
from utils.tracing.evaluation import Predictions, evaluate
from utils.tracing.metrics import fit_rule, headroom_closed
from utils.tracing.splits import ResponseData

PLAIN_BASELINES = ("majority", "item_majority")
"""What a useful model must beat."""

ITEM_PRIOR = 2
"""`item_majority` adds this many responses of the average item to each item's counts."""


def evaluate_baselines(data: ResponseData) -> dict[str, dict[str, Evaluation]]:
    """Score baselines and ceilings on the validation and test students.

    - `majority`: how often each category occurs in training.
    - `item_majority`: how often each category occurs for this item in training.
    - `fitted_items`: items fitted to the training students by marginal maximum likelihood, and a Bayes filter over the student's
      earlier responses. Where ability does not change, no model of the same data can be expected to do better.
    - `true_items`, only with true parameters: the filter with the true items, and the true learning.
    - `oracle`, only with true parameters: also the true ability.

    Returns:
        name to split to evaluation; decision rules are fitted on the validation students.
    """
    evaluations = {}
    for name, predict in _predictors(data).items():
        predictions = {split: _predictions(data, split, predict(split)) for split in data.sequences if split != "train"}
        rule = fit_rule(predictions["validation"].probabilities, predictions["validation"].responses)
        evaluations[name] = {split: evaluate(part, rule) for split, part in predictions.items()}
    return evaluations


def headroom(metrics: dict[str, float], baselines: dict[str, dict[str, Evaluation]], split: str) -> dict:
    """How much of the way from `majority` to the ceiling a model goes, in accuracy and NLL.

    The ceiling is `true_items`, or `fitted_items` where the truth is unknown.

    Args:
        metrics: the model's metrics on the split.
        baselines: from `evaluate_baselines`.
        split: name of the split.
    """
    ceiling = baselines.get("true_items", baselines["fitted_items"])[split].metrics
    majority = baselines["majority"][split].metrics
    return {name: headroom_closed(metrics[name], majority[name], ceiling[name]) for name in ("accuracy", "nll")}


def _predictors(data: ResponseData) -> dict:
    """Name to a function of a split that returns the probabilities of each sequence."""
    training, num_items, truth = data.pairs("train"), len(data.item_numbers) + 1, data.truth
    counts = np.zeros((num_items, data.num_categories))
    for items, responses in training:
        np.add.at(counts, (items, responses), 1)
    overall = counts.sum(axis=0) / counts.sum()
    item_frequencies = (counts + ITEM_PRIOR * overall) / (counts.sum(axis=1, keepdims=True) + ITEM_PRIOR)
    fitted = fit_items(training, num_items, data.num_categories)
    predictors = {
        "majority": lambda split: [np.tile(overall, (len(items), 1)) for items, _ in data.pairs(split)],
        "item_majority": lambda split: [item_frequencies[items] for items, _ in data.pairs(split)],
        "fitted_items": lambda split: bayes_filter(data.pairs(split), *fitted),
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


def _predictions(data: ResponseData, split: str, probabilities: list[np.ndarray]) -> Predictions:
    items, responses = (np.concatenate(part) for part in zip(*data.pairs(split), strict=True))
    students = np.repeat(np.arange(len(probabilities)), [len(part) for part in probabilities])
    return Predictions(np.concatenate(probabilities), responses, items, students)
