"""Predictions of the next vector without training: means of the context, and ridge regression."""

from __future__ import annotations

import numpy as np

from utils.vectors.data import VectorDocuments, windows
from utils.vectors.metrics import intervals, means, nearness, retrieval

DECAYS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
RIDGE_CONTEXT = 5
RIDGE_ROWS = 200_000
"""Targets that ridge regression sees at most."""
ROWS_AT_ONCE = 2048


def baselines(parts, context_length: int) -> tuple[dict[str, dict], dict[str, np.ndarray]]:
    """What needs no gradient reaches on the test targets: metrics by name, with their 95 % `intervals` over documents, and arrays
    `NAME/METRIC` of a number for each target.

    `mean` and `mean_5` of the whole context and of its last five; `last`; `global_mean` of the training vectors; `exponential`:
    weights `d^j` at distance j, with d chosen for cosine; `last_less_mean`: the same less a share of the context's mean, both
    chosen for MRR, which turns from what was said already; `ridge`: linear from the last five, with the penalty chosen for cosine.
    Choices are made on the validation targets.

    Args:
        parts: `utils.vectors.splits.VectorSplit` by name, `train`, `validation` and `test`.
    """
    train = parts["train"]
    centre = global_mean(train.data, train.documents)

    def scored(of, predict) -> dict[str, np.ndarray]:
        predicted = in_parts(of.data, of.rows, context_length, predict)
        return nearness(of.data, of.rows, predicted, centre) | retrieval(of.data, of.rows, predicted, of.documents)

    def best(predictors: dict, metric: str):
        """The predictor with the highest score on the validation targets, and its name."""
        chosen = max(predictors, key=lambda key: scored(parts["validation"], predictors[key])[metric].mean())
        return predictors[chosen], chosen

    signed = {(decay, share): exponential(decay, share) for decay in DECAYS[:4] for share in SHARES}
    predictors = {
        "global_mean": (lambda x, there: np.tile(centre, (len(x), 1)), None),
        "mean": (exponential(1.0), None),
        "mean_5": (lambda x, there: x[:, -5:].sum(axis=1), None),
        "last": (lambda x, there: x[:, -1], None),
        "exponential": best({decay: exponential(decay) for decay in DECAYS}, "cosine"),
        "last_less_mean": best(signed, "mrr"),
        "ridge": best(ridge(train.data, train.rows, min(RIDGE_CONTEXT, context_length)), "cosine"),
    }
    test, found, arrays = parts["test"], {}, {}
    for name, (predict, chosen) in predictors.items():
        of = scored(test, predict)
        found[name] = means(of) | {"intervals": intervals(of, test.data.document[test.rows])}
        found[name] |= {} if chosen is None else {"chosen": chosen}
        arrays |= {f"{name}/{metric}": values for metric, values in of.items()}
    return found, arrays


def global_mean(data: VectorDocuments, documents: np.ndarray) -> np.ndarray:
    """The mean of these documents' vectors, each of unit norm."""
    starts = data.starts
    sums = [data.take(np.arange(starts[number], starts[number + 1])).sum(axis=0) for number in documents]
    return np.sum(sums, axis=0) / np.isin(data.document, documents).sum()


def exponential(decay: float, less: float = 0.0):
    """Predicts `sum_j decay^j x_j / sum_j decay^j - less mean(x)`, j being the distance from the end."""

    def predict(vectors: np.ndarray, there: np.ndarray) -> np.ndarray:
        weights = decay ** np.arange(vectors.shape[1] - 1, -1, -1) * there
        weights = weights / weights.sum(axis=1, keepdims=True) - less * there / there.sum(axis=1, keepdims=True)
        return np.einsum("bc,bcd->bd", weights, vectors)

    return predict


def ridge(data: VectorDocuments, rows: np.ndarray, context: int) -> dict:
    """Predictors by penalty: ridge regression of the target on the last `context` vectors (Hoerl and Kennard 1970), of all
    targets or of a random sample."""
    if len(rows) > RIDGE_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, RIDGE_ROWS, replace=False))
    size = context * data.vectors.shape[1]
    squares, products = np.zeros((size, size)), np.zeros((size, data.vectors.shape[1]))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE]
        flat = windows(data, part, context)["vectors"].reshape(len(part), -1)
        squares += flat.T @ flat
        products += flat.T @ data.take(part)

    def predictor(penalty):
        weights = np.linalg.solve(squares + penalty * np.eye(size), products)
        return lambda vectors, there: vectors[:, -context:].reshape(len(vectors), -1) @ weights

    return {penalty: predictor(penalty) for penalty in PENALTIES}


def in_parts(data: VectorDocuments, rows: np.ndarray, context_length: int, predict) -> np.ndarray:
    """`predict(vectors, there)` for the windows of these rows, part by part, brought to unit norm."""
    parts = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        inputs = windows(data, rows[start : start + ROWS_AT_ONCE], context_length)
        parts.append(np.asarray(predict(inputs["vectors"], inputs["padding_mask"]), np.float32))
    found = np.concatenate(parts)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
