"""Metrics of predicted vectors: nearness, retrieval, direction; with intervals over documents."""

from __future__ import annotations

import numpy as np

from utils.vectors.data import VectorDocuments

EXCLUSION = 5
"""The last places of the context, which a search for the next vector leaves out."""

DEPTHS = (1, 5, 10)
ROWS_AT_ONCE = 1024


def nearness(
    data: VectorDocuments, rows: np.ndarray, predicted: np.ndarray, centre: np.ndarray
) -> dict[str, np.ndarray]:
    """How near each prediction is to its target: arrays `(rows,)`.

    `cosine`; `centred_cosine`, of both less `centre`, the mean of the training vectors, so that what all vectors have in common
    counts for nothing; `direction_margin`, cosine with the target less cosine with the vector before it; and `hit_previous`, 1
    where that is above 0.

    Args:
        predicted: `(rows, dim)`, of unit norm.
    """
    wanted, before = data.take(rows), data.take(rows - 1)
    cosine = (predicted * wanted).sum(axis=1)
    margin = cosine - (predicted * before).sum(axis=1)
    centred = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (predicted - centre, wanted - centre)]
    return {
        "cosine": cosine,
        "centred_cosine": (centred[0] * centred[1]).sum(axis=1),
        "direction_margin": margin,
        "hit_previous": (margin > 0).astype(np.float64),
    }


def retrieval(
    data: VectorDocuments, rows: np.ndarray, query: np.ndarray, documents: np.ndarray, ahead: int = 0
) -> dict[str, np.ndarray]:
    """How well each query finds its target by cosine: `hit@k` and `mrr`, arrays `(rows,)`, among the target's document's other
    vectors, and with `_all` among those of all these documents. The last `EXCLUSION` vectors that were known, which
    stand right before the target or `ahead` places further back, are no candidates.

    Of equal candidates the target counts as the middle one.

    Args:
        query: `(rows, dim)`, of unit norm.
        documents: numbers; those of `rows` among them.
    """
    starts = data.starts
    candidates = np.concatenate([np.arange(starts[number], starts[number + 1]) for number in documents])
    vectors, of = data.take(candidates), data.document[candidates]
    ranks = {"": np.empty(len(rows)), "_all": np.empty(len(rows))}
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE]
        similar = query[start : start + ROWS_AT_ONCE] @ vectors.T
        away = part[:, None] - ahead - candidates[None]
        similar[(away > 0) & (away <= EXCLUSION) & (of[None] == data.document[part][:, None])] = -np.inf
        right = np.searchsorted(candidates, part)
        mine = similar[np.arange(len(part)), right][:, None]
        for name, among in (("", of[None] == data.document[part][:, None]), ("_all", True)):
            higher, equal = ((similar > mine) & among).sum(axis=1), ((similar == mine) & among).sum(axis=1)
            ranks[name][start : start + ROWS_AT_ONCE] = 1 + higher + (equal - 1) / 2
    found = {}
    for name, rank in ranks.items():
        found |= {f"hit@{depth}{name}": (rank <= depth).astype(np.float64) for depth in DEPTHS}
        found[f"mrr{name}"] = 1 / rank
    return found


def variance_ratio(data: VectorDocuments, rows: np.ndarray, predicted: np.ndarray) -> float:
    """Variance of the predictions around their mean, as share of the targets': near 0 where a model always says the same."""
    return float(predicted.var(axis=0).sum() / max(data.take(rows).var(axis=0).sum(), 1e-12))


def means(scores: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(values.mean()) for name, values in scores.items()}


def intervals(
    scores: dict[str, np.ndarray], document: np.ndarray, draws: int = 1000, seed: int = 0
) -> dict[str, list[float]]:
    """95 % intervals of the means, by a bootstrap that draws whole documents.

    Args:
        scores: arrays `(rows,)`.
        document: of each row.
    """
    numbers, of = np.unique(document, return_inverse=True)
    counts = np.bincount(of)
    drawn = np.random.default_rng(seed).integers(0, len(numbers), (draws, len(numbers)))
    found = {}
    for name, values in scores.items():
        sums = np.bincount(of, weights=values)
        resampled = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
        found[name] = [float(edge) for edge in np.quantile(resampled, (0.025, 0.975))]
    return found


def over_best(
    scores: dict[str, np.ndarray], others: dict[str, np.ndarray], document: np.ndarray, metrics: tuple[str, ...]
) -> dict[str, dict]:
    """How much better than the best of others, metric by metric: which it is, the mean difference on the same targets, and its
    95 % interval over documents.

    Args:
        scores: arrays `(rows,)` by metric.
        others: alike, by `NAME/METRIC`.
    """
    found = {}
    for metric in metrics:
        rivals = [name for name in others if name.split("/")[1] == metric]
        rival = max(rivals, key=lambda name: others[name].mean())
        difference = scores[metric] - others[rival]
        within = intervals({metric: difference}, document)[metric]
        found[metric] = {"best": rival.split("/")[0], "difference": float(difference.mean()), "interval": within}
    return found
