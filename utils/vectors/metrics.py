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
CANDIDATES_AT_ONCE = 32_768
ROWS_AT_ONCE = 32_768


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
    blocks = (slice(start, start + ROWS_AT_ONCE) for start in range(0, len(rows), ROWS_AT_ONCE))
    parts = [_nearness(data, rows[block], predicted[block], global_mean) for block in blocks]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _nearness(
    data: VectorDocuments, rows: np.ndarray, predicted: np.ndarray, global_mean: np.ndarray | None
) -> dict[str, np.ndarray]:
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
    columns, number = np.searchsorted(candidates, rows), data.document[rows]
    firsts = columns - (rows - starts[number])  # of the columns of each target's document
    ends = firsts + starts[number + 1] - starts[number]
    blocks = [slice(start, start + QUERIES_AT_ONCE) for start in range(0, len(rows), QUERIES_AT_ONCE)]
    candidate_starts = range(0, len(candidates), CANDIDATES_AT_ONCE)
    target_similarity = np.empty(len(rows), queries.dtype)
    higher, equal = ({name: np.zeros(len(rows), np.int64) for name in ("", "_all")} for _ in range(2))
    # The similarity of a target has to come from the same product as those that it is compared with: others differ in the last
    # bits. Of several blocks of candidates, all that hold targets are therefore computed twice.
    for is_last_pass in (True,) if len(candidate_starts) == 1 else (False, True):
        for start in candidate_starts:
            part, vectors = candidates[start : start + CANDIDATES_AT_ONCE], None
            for block in blocks:
                own = np.flatnonzero((columns[block] >= start) & (columns[block] < start + len(part)))
                if not is_last_pass and not len(own):
                    continue
                vectors = data.take(part) if vectors is None else vectors
                similarities = queries[block] @ vectors.T
                lows, highs = (np.clip(edges[block] - start, 0, len(part)) for edges in (firsts, ends))
                skipped = (
                    np.clip(columns[block] - start - ahead - EXCLUSION, lows, None),
                    columns[block] - start - ahead,
                )
                for similarity, low, high in zip(similarities, *(edge.tolist() for edge in skipped), strict=True):
                    similarity[low : max(high, 0)] = -np.inf
                if not is_last_pass or len(candidate_starts) == 1:
                    target_similarity[block][own] = similarities[own, columns[block][own] - start]
                if is_last_pass:
                    for compare, counts in ((np.greater, higher), (np.equal, equal)):
                        is_true = compare(similarities, target_similarity[block][:, None])
                        counts["_all"][block] += np.count_nonzero(is_true, axis=1)
                        edges = zip(is_true, lows.tolist(), highs.tolist(), strict=True)
                        counts[""][block] += [np.count_nonzero(row[low:high]) for row, low, high in edges]
    ranks = {name: 1 + higher[name] + (equal[name] - 1) / 2 for name in higher}
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
    return float(_variance(predicted, len(rows)) / max(_variance(data, len(rows), rows), 1e-12))


def _variance(vectors, count: int, rows: np.ndarray | None = None) -> np.floating:
    """The variance of vectors around their mean, over all elements; of many, by blocks and in float64.

    Args:
        vectors: float `(count, dim)`; or documents, of which the vectors in `rows` are taken.
        count: how many vectors.
        rows: their numbers in documents.
    """

    def block(start: int, end: int) -> np.ndarray:
        return vectors[start:end] if rows is None else vectors.take(rows[start:end])

    if count <= ROWS_AT_ONCE:
        return block(0, count).var(axis=0).sum()
    starts = range(0, count, ROWS_AT_ONCE)
    mean = sum(block(start, start + ROWS_AT_ONCE).sum(axis=0, dtype=np.float64) for start in starts) / count
    squares = (((block(start, start + ROWS_AT_ONCE) - mean) ** 2).sum() for start in starts)
    return sum(squares) / count


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
