"""Predictions of the next vector without a neural network: means of the context, and ridge regression."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from utils.common.archives import open_npz
from utils.common.evaluation import Evaluation
from utils.common.files import write_arrays
from utils.vectors.data import VectorDocuments
from utils.vectors.features import contexts
from utils.vectors.metrics import DEPTHS, EXCLUSION, nearness, retrieval
from utils.vectors.splits import VectorSplit, VectorSplits

VERSION = 1
"""Raise this when a change of the code changes the numbers; scores in the cache are then computed again."""
DECAYS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
MEAN_FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
RIDGE_CONTEXT = 5
"""Vectors that ridge regression sees."""
MAX_RIDGE_ROWS = 200_000
"""Targets that ridge regression is fitted to; of more, a random sample."""
ROWS_AT_ONCE = 2048


def cached_baselines(
    splits: VectorSplits, checksum: str, context_length: int, cache_dir: Path
) -> tuple[dict[str, Evaluation], dict[str, object]]:
    """`score_baselines`, computed once for each data set, split and context length.

    Args:
        splits: the data.
        checksum: `splits.checksum()`.
        context_length: vectors in a context.
        cache_dir: the folder of the cache, which is created.
    """
    documents = [part.documents.tolist() for part in splits.parts.values()]
    choices = [DECAYS, MEAN_FRACTIONS, PENALTIES, RIDGE_CONTEXT, MAX_RIDGE_ROWS, EXCLUSION, DEPTHS]
    key = hashlib.sha256(json.dumps([VERSION, checksum, documents, context_length, choices]).encode()).hexdigest()[:24]
    cached = Path(cache_dir) / "vectors" / f"baselines-{key}.npz"
    if not cached.exists():
        evaluations, chosen = score_baselines(splits.parts, context_length)
        arrays = {
            f"{name}/{metric}": values
            for name, evaluation in evaluations.items()
            for metric, values in evaluation.per_example.items()
        }
        cached.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(cached, {**arrays, "chosen": np.array(json.dumps(chosen))})
    per_example: dict[str, dict] = {}
    with open_npz(cached) as arrays:
        chosen = json.loads(str(arrays["chosen"]))
        for path in arrays.files:
            name, _, metric = path.partition("/")
            if metric:
                per_example.setdefault(name, {})[metric] = arrays[path]
    groups = splits.parts["test"].groups
    return {name: Evaluation.from_examples(values, groups) for name, values in per_example.items()}, chosen


def score_baselines(
    parts: dict[str, VectorSplit], context_length: int
) -> tuple[dict[str, Evaluation], dict[str, object]]:
    """Score closed-form predictions on the test targets. Settings are chosen on the validation targets.

        global_mean      the mean of the training vectors
        mean, mean_5     the mean of the context; of its last five vectors
        last             the last vector of the context
        exponential      weights d^j at distance j from the end; d chosen for cosine
        last_less_mean   the same less a fraction of the context's mean, so that it turns away from what was said; both chosen
                         for MRR
        ridge            a linear map of the last five vectors; the penalty chosen for cosine

    Args:
        parts: `train`, `validation` and `test`.
        context_length: vectors in a context.

    Returns:
        name to evaluation on the test targets, and name to chosen settings.
    """
    train, test = parts["train"], parts["test"]
    mean = global_mean(train.data, train.documents)

    def score(split: VectorSplit, predict: Callable) -> dict[str, np.ndarray]:
        predicted = predict_in_blocks(split.data, split.rows, context_length, predict)
        scores = nearness(split.data, split.rows, predicted, mean)
        return scores | retrieval(split.data, split.rows, predicted, split.documents)

    def best_settings(predictors: dict, metric: str):
        """The settings whose predictor scores highest on the validation targets."""
        return max(predictors, key=lambda settings: score(parts["validation"], predictors[settings])[metric].mean())

    candidates = {
        "exponential": ({decay: exponential(decay) for decay in DECAYS}, "cosine"),
        "last_less_mean": (
            {(decay, part): exponential(decay, part) for decay in DECAYS[:4] for part in MEAN_FRACTIONS},
            "mrr",
        ),
        "ridge": (ridge(train.data, train.rows, min(RIDGE_CONTEXT, context_length)), "cosine"),
    }
    chosen = {name: best_settings(predictors, metric) for name, (predictors, metric) in candidates.items()}
    predictors = {
        "global_mean": lambda vectors, mask: np.tile(mean, (len(vectors), 1)),
        "mean": exponential(1.0),
        "mean_5": lambda vectors, mask: vectors[:, -5:].sum(axis=1),
        "last": lambda vectors, mask: vectors[:, -1],
        **{name: candidates[name][0][settings] for name, settings in chosen.items()},
    }
    evaluations = {
        name: Evaluation.from_examples(score(test, predict), test.groups) for name, predict in predictors.items()
    }
    return evaluations, chosen


def global_mean(data: VectorDocuments, documents: np.ndarray) -> np.ndarray:
    """The mean of the vectors of these documents, each scaled to unit norm; `(dim,)`."""
    starts = data.starts
    sums = [data.take(np.arange(starts[number], starts[number + 1])).sum(axis=0) for number in documents]
    return np.sum(sums, axis=0) / np.isin(data.document, documents).sum()


def exponential(decay: float, mean_fraction: float = 0.0) -> Callable:
    """A predictor `sum_j decay^j x_j / sum_j decay^j - mean_fraction mean(x)`, where j is the distance from the end."""

    def predict(vectors: np.ndarray, mask: np.ndarray) -> np.ndarray:
        weights = decay ** np.arange(vectors.shape[1] - 1, -1, -1) * mask
        weights = weights / weights.sum(axis=1, keepdims=True) - mean_fraction * mask / mask.sum(axis=1, keepdims=True)
        return np.einsum("bc,bcd->bd", weights, vectors)

    return predict


def ridge(data: VectorDocuments, rows: np.ndarray, context_length: int) -> dict[float, Callable]:
    """Ridge regression of the target on the last `context_length` vectors (Hoerl and Kennard 1970): penalty to predictor."""
    if len(rows) > MAX_RIDGE_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MAX_RIDGE_ROWS, replace=False))
    size = context_length * data.dim
    squares, products = np.zeros((size, size)), np.zeros((size, data.dim))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        block = rows[start : start + ROWS_AT_ONCE]
        inputs = contexts(data, block, context_length)["vectors"].reshape(len(block), -1)
        squares += inputs.T @ inputs
        products += inputs.T @ data.take(block)

    def predictor(penalty: float) -> Callable:
        weights = np.linalg.solve(squares + penalty * np.eye(size), products)
        return lambda vectors, mask: vectors[:, -context_length:].reshape(len(vectors), -1) @ weights

    return {penalty: predictor(penalty) for penalty in PENALTIES}


def predict_in_blocks(data: VectorDocuments, rows: np.ndarray, context_length: int, predict: Callable) -> np.ndarray:
    """`predict(vectors, mask)` for the contexts of these rows, block by block, scaled to unit norm; float32 `(rows, dim)`."""
    blocks = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        inputs = contexts(data, rows[start : start + ROWS_AT_ONCE], context_length)
        blocks.append(np.asarray(predict(inputs["vectors"], inputs["padding_mask"]), np.float32))
    predicted = np.concatenate(blocks)
    return predicted / np.maximum(np.linalg.norm(predicted, axis=1, keepdims=True), 1e-12)
