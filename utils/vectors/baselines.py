"""Predictions of the next vector without a neural network: means of the context, and ridge regression."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.archives import open_npz
from utils.common.evaluation import Evaluation
from utils.common.files import write_arrays
from utils.common.scratch import scratch_array
from utils.vectors.data import VectorDocuments
from utils.vectors.features import contexts, contexts_at_once
from utils.vectors.metrics import DEPTHS, EXCLUSION, chance, nearness, retrieval
from utils.vectors.splits import VectorSplit, VectorSplits

VERSION = 3
"""Raise this when a change of the code changes the numbers; scores in the cache are then computed again."""
SCORED = ("validation", "test")
DECAYS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
MEAN_FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
RIDGE_CONTEXT = 5
"""Vectors that ridge regression sees."""
MAX_RIDGE_ROWS = 200_000
"""Targets that ridge regression is fitted to; of more, a random sample."""
ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class FittedBaselines:
    """What the baselines learn from training documents, and which settings they have from validation documents.

    Args:
        global_mean: the mean of the training vectors, `(dim,)`; None: not known, so that `global_mean` is left out.
        chosen: name of a baseline to its settings: of `exponential` the decay, of `last_less_mean` the decay and the fraction of
            the mean, of `ridge` the penalty. A baseline that is not among them is left out.
        ridge_weights: float32 `(context * dim, dim)`; None: not known, so that `ridge` is left out.
    """

    global_mean: np.ndarray | None
    chosen: dict[str, float | Sequence[float]]
    ridge_weights: np.ndarray | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """The same as arrays, for a file."""
        arrays = {f"chosen_{name}": np.array(settings, np.float64) for name, settings in self.chosen.items()}
        arrays |= {"global_mean": self.global_mean, "ridge_weights": self.ridge_weights}
        return {name: array for name, array in arrays.items() if array is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> FittedBaselines:
        """From what `arrays` gave, of which some may be missing."""
        chosen = {
            name.removeprefix("chosen_"): array.tolist() for name, array in arrays.items() if name.startswith("chosen_")
        }
        return cls(arrays.get("global_mean"), chosen, arrays.get("ridge_weights"))

    def predictors(self) -> dict[str, Callable]:
        """Name to a function of `vectors` and `padding_mask` that predicts the next vectors:

        global_mean      the mean of the training vectors
        mean, mean_5     the mean of the context; of its last five vectors
        last             the last vector of the context
        exponential      weights d^j at distance j from the end; d chosen for cosine
        last_less_mean   the same less a fraction of the context's mean, so that it turns away from what was said; both chosen
                         for MRR
        ridge            a linear map of the last five vectors; the penalty chosen for cosine
        """
        predictors = {
            "mean": exponential(1.0),
            "mean_5": lambda vectors, mask: vectors[:, -5:].sum(axis=1),
            "last": lambda vectors, mask: vectors[:, -1],
        }
        if self.global_mean is not None:
            predictors = {
                "global_mean": lambda vectors, mask: np.tile(self.global_mean, (len(vectors), 1)),
                **predictors,
            }
        if "exponential" in self.chosen:
            predictors["exponential"] = exponential(self.chosen["exponential"])
        if "last_less_mean" in self.chosen:
            predictors["last_less_mean"] = exponential(*self.chosen["last_less_mean"])
        if self.ridge_weights is not None:
            predictors["ridge"] = linear(self.ridge_weights)
        return predictors


def cached_baselines(
    splits: VectorSplits, checksum: str, context_length: int, cache_dir: Path
) -> tuple[dict[str, dict[str, Evaluation]], FittedBaselines]:
    """Fit the baselines and score them on validation and test targets, once for each data set, split and context length.

    Args:
        splits: the data.
        checksum: `splits.checksum()`.
        context_length: vectors in a context.
        cache_dir: the folder of the cache, which is created.

    Returns:
        name to split to evaluation, and what they learned.
    """
    documents = [part.documents.tolist() for part in splits.parts.values()]
    choices = [DECAYS, MEAN_FRACTIONS, PENALTIES, RIDGE_CONTEXT, MAX_RIDGE_ROWS, EXCLUSION, DEPTHS]
    key = hashlib.sha256(json.dumps([VERSION, checksum, documents, context_length, choices]).encode()).hexdigest()[:24]
    cached = Path(cache_dir) / "vectors" / f"baselines-{key}.npz"
    if not cached.exists():
        fitted = fit_baselines(splits.parts, context_length)
        arrays = {
            f"{split}/{name}/{metric}": values
            for split in SCORED
            for name, evaluation in score_baselines(splits.parts[split], fitted, context_length).items()
            for metric, values in evaluation.per_example.items()
        }
        cached.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(cached, arrays | fitted.arrays())
    per_example: dict[tuple[str, str], dict] = {}
    with open_npz(cached) as stored:
        arrays = {name: stored[name] for name in stored.files}
    for path in arrays:
        if "/" in path:
            split, name, metric = path.split("/")
            per_example.setdefault((name, split), {})[metric] = arrays[path]
    evaluations: dict[str, dict[str, Evaluation]] = {}
    for (name, split), values in per_example.items():
        evaluations.setdefault(name, {})[split] = Evaluation.from_examples(values, splits.parts[split].groups)
    return evaluations, FittedBaselines.from_arrays(arrays)


def fit_baselines(parts: dict[str, VectorSplit], context_length: int) -> FittedBaselines:
    """Fit the baselines to the training targets; settings are chosen on the validation targets.

    Args:
        parts: `train` and `validation`.
        context_length: vectors in a context.
    """
    train, validation = parts["train"], parts["validation"]
    mean = global_mean(train.data, train.documents)
    ridge_weights = fit_ridge(train.data, train.rows, min(RIDGE_CONTEXT, context_length))
    candidates = {
        "exponential": ({decay: exponential(decay) for decay in DECAYS}, "cosine"),
        "last_less_mean": (
            {(decay, part): exponential(decay, part) for decay in DECAYS[:4] for part in MEAN_FRACTIONS},
            "mrr",
        ),
        "ridge": ({penalty: linear(weights) for penalty, weights in ridge_weights.items()}, "cosine"),
    }

    def score(predict: Callable, metric: str) -> float:
        return float(score_predictor(predict, validation, context_length, mean)[metric].mean())

    chosen = {
        name: max(predictors, key=lambda settings: score(predictors[settings], metric))
        for name, (predictors, metric) in candidates.items()
    }
    return FittedBaselines(mean, chosen, ridge_weights[chosen["ridge"]])


def score_baselines(split: VectorSplit, fitted: FittedBaselines, context_length: int) -> dict[str, Evaluation]:
    """Score the baselines on the targets of a split, and `chance`: candidates in random order, which have no cosine.

    Args:
        split: the split.
        fitted: what the baselines learned.
        context_length: vectors in a context.

    Returns:
        name to evaluation.
    """
    values = {"chance": chance(split.data, split.rows, split.documents)}
    for name, predict in fitted.predictors().items():
        values[name] = score_predictor(predict, split, context_length, fitted.global_mean)
    return {name: Evaluation.from_examples(part, split.groups) for name, part in values.items()}


def score_predictor(
    predict: Callable, split: VectorSplit, context_length: int, mean: np.ndarray | None
) -> dict[str, np.ndarray]:
    """The metrics of a predictor for each target of a split."""
    predicted = predict_in_blocks(split.data, split.rows, context_length, predict)
    scores = nearness(split.data, split.rows, predicted, mean)
    return scores | retrieval(split.data, split.rows, predicted, split.documents)


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


def linear(weights: np.ndarray) -> Callable:
    """A predictor that maps the last vectors of the context, one after another, by a matrix `(vectors * dim, dim)`."""

    def predict(vectors: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return vectors[:, -(weights.shape[0] // weights.shape[1]) :].reshape(len(vectors), -1) @ weights

    return predict


def fit_ridge(data: VectorDocuments, rows: np.ndarray, context_length: int) -> dict[float, np.ndarray]:
    """Ridge regression of the target on the last `context_length` vectors (Hoerl and Kennard 1970): penalty to weights."""
    if len(rows) > MAX_RIDGE_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MAX_RIDGE_ROWS, replace=False))
    size = context_length * data.dim
    squares, products = np.zeros((size, size)), np.zeros((size, data.dim))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        block = rows[start : start + ROWS_AT_ONCE]
        inputs = contexts(data, block, context_length)["vectors"].reshape(len(block), -1)
        squares += inputs.T @ inputs
        products += inputs.T @ data.take(block)
    return {
        penalty: np.linalg.solve(squares + penalty * np.eye(size), products).astype(np.float32) for penalty in PENALTIES
    }


def predict_in_blocks(data: VectorDocuments, rows: np.ndarray, context_length: int, predict: Callable) -> np.ndarray:
    """`predict(vectors, mask)` for the contexts of these rows, block by block, scaled to unit norm; float32 `(rows, dim)`.

    What is predicted for many rows is kept on the disk.
    """
    predicted = scratch_array((len(rows), data.dim))
    at_once = contexts_at_once(context_length, data.dim)
    for start in range(0, len(rows), at_once):
        inputs = contexts(data, rows[start : start + at_once], context_length)
        block = np.asarray(predict(inputs["vectors"], inputs["padding_mask"]), np.float32)
        norms = np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12)
        predicted[start : start + len(block)] = block / norms
    return predicted
