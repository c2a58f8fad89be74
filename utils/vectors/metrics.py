"""Metrics of predicted vectors: cosine, retrieval and direction."""

from __future__ import annotations

import numpy as np

from utils.common.evaluation import Evaluation
from utils.common.statistics import bootstrap_interval
from utils.vectors.data import VectorDocuments

EXCLUSION = 5
"""The last vectors of the context, which a search for the next vector skips."""
DEPTHS = (1, 5, 10)
"""The k of `hit@k`."""
QUERIES_AT_ONCE = 1024


def nearness(
    data: VectorDocuments, rows: np.ndarray, predicted: np.ndarray, global_mean: np.ndarray | None
) -> dict[str, np.ndarray]:
    """How near each prediction `p` is to its target `y`.

        cosine             p . y
        centred_cosine     cosine of p - m and y - m, where m is the mean of the training vectors; what all vectors have in
                           common does not count
        direction_margin   p . y - p . x, where x is the vector before the target
        hit_previous       1 where the margin is above 0, else 0

    Args:
        data: the documents.
        rows: int `(rows,)`, the targets.
        predicted: float `(rows, dim)`, of unit norm.
        global_mean: float `(dim,)`, m; None: `centred_cosine` is left out.

    Returns:
        name to float `(rows,)`.
    """
    target, previous = data.take(rows), data.take(rows - 1)
    cosine = (predicted * target).sum(axis=1)
    margin = cosine - (predicted * previous).sum(axis=1)
    scores = {"cosine": cosine}
    if global_mean is not None:
        centred = [
            vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            for vectors in (predicted - global_mean, target - global_mean)
        ]
        scores["centred_cosine"] = (centred[0] * centred[1]).sum(axis=1)
    return scores | {"direction_margin": margin, "hit_previous": (margin > 0).astype(np.float64)}


def retrieval(
    data: VectorDocuments, rows: np.ndarray, queries: np.ndarray, documents: np.ndarray, ahead: int = 0
) -> dict[str, np.ndarray]:
    """How well each query finds its target by cosine.

    Candidates are the vectors of the target's document; for names with `_all`, those of all given documents. The last `EXCLUSION`
    vectors of the context are no candidates. Among candidates of equal cosine, the target's rank is the middle one.

    Args:
        data: the documents.
        rows: int `(rows,)`, the targets.
        queries: float `(rows, dim)`, of unit norm.
        documents: numbers of the documents to search; those of `rows` are among them.
        ahead: places between the end of the context and the target.

    Returns:
        `hit@k`, 1 where the target is among the first k, and `mrr`, 1 / rank; both also with `_all`; float `(rows,)`.
    """
    starts = data.starts
    candidates = np.concatenate([np.arange(starts[number], starts[number + 1]) for number in documents])
    vectors, candidate_document = data.take(candidates), data.document[candidates]
    ranks = {"": np.empty(len(rows)), "_all": np.empty(len(rows))}
    for start in range(0, len(rows), QUERIES_AT_ONCE):
        block = slice(start, start + QUERIES_AT_ONCE)
        targets = rows[block]
        similarities = queries[block] @ vectors.T
        same_document = candidate_document[None] == data.document[targets][:, None]
        distance = targets[:, None] - ahead - candidates[None]
        similarities[(distance > 0) & (distance <= EXCLUSION) & same_document] = -np.inf
        columns = np.searchsorted(candidates, targets)
        target_similarity = similarities[np.arange(len(targets)), columns][:, None]
        for name, searched in (("", same_document), ("_all", True)):
            higher = ((similarities > target_similarity) & searched).sum(axis=1)
            equal = ((similarities == target_similarity) & searched).sum(axis=1)
            ranks[name][block] = 1 + higher + (equal - 1) / 2
    values = {}
    for name, rank in ranks.items():
        values |= {f"hit@{depth}{name}": (rank <= depth).astype(np.float64) for depth in DEPTHS}
        values[f"mrr{name}"] = 1 / rank
    return values


def chance(data: VectorDocuments, rows: np.ndarray, documents: np.ndarray) -> dict[str, np.ndarray]:
    """What `retrieval` is expected to give where the candidates stand in random order.

        hit@k = min(1, k / n), mrr = (1 + 1/2 + ... + 1/n) / n    of n candidates

    Args:
        data: the documents.
        rows: int `(rows,)`, the targets.
        documents: numbers of the documents to search; those of `rows` are among them.

    Returns:
        `hit@k` and `mrr`, also with `_all`; float `(rows,)`.
    """
    starts = data.starts
    sizes, number = np.diff(starts), data.document[rows]
    skipped = np.minimum(rows - starts[number], EXCLUSION)
    values = {}
    for name, count in (("", sizes[number] - skipped), ("_all", sizes[documents].sum() - skipped)):
        harmonic = np.cumsum(1 / np.arange(1, count.max() + 1))
        values |= {f"hit@{depth}{name}": np.minimum(1, depth / count) for depth in DEPTHS}
        values[f"mrr{name}"] = harmonic[count - 1] / count
    return values


def variance_ratio(data: VectorDocuments, rows: np.ndarray, predicted: np.ndarray) -> float:
    """Variance of the predictions around their mean, as a fraction of the targets'; near 0 where all predictions are alike."""
    return float(predicted.var(axis=0).sum() / max(data.take(rows).var(axis=0).sum(), 1e-12))


def gain_over_best(
    evaluation: Evaluation, baselines: dict[str, Evaluation], metrics: tuple[str, ...]
) -> dict[str, dict]:
    """How much a model is above the best baseline of each metric, on the same targets.

    Args:
        evaluation: the model's.
        baselines: name to evaluation.
        metrics: names of metrics in `per_example`.

    Returns:
        metric to `best`, the baseline's name; `difference`, the mean difference; `interval`, its 95 % interval over documents.
    """
    gains = {}
    for metric in metrics:
        known = [name for name in baselines if metric in baselines[name].per_example]
        best = max(known, key=lambda name: baselines[name].per_example[metric].mean())
        difference = evaluation.per_example[metric] - baselines[best].per_example[metric]
        interval = list(bootstrap_interval(difference, evaluation.groups))
        gains[metric] = {"best": best, "difference": float(difference.mean()), "interval": interval}
    return gains


def skill(evaluation: Evaluation, baseline: Evaluation, metrics: tuple[str, ...]) -> dict[str, float]:
    """How much of the distance from the baseline's score to 1 a model covers, by metric."""
    scores = {name: (evaluation.metrics[name], baseline.metrics[name]) for name in metrics}
    return {name: (value - base) / max(1 - base, 1e-9) for name, (value, base) in scores.items()}
