"""What ranks answers without training: random order, BM25, length, age, votes, and a pretrained encoder as it is."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from utils.common.archives import open_npz
from utils.common.evaluation import Evaluation
from utils.common.files import write_arrays
from utils.ranking.bm25 import BM25, BM25Scores
from utils.ranking.evaluation import EvaluationSet, evaluate_scores
from utils.ranking.records import Candidate, Query
from utils.ranking.scores import EqualScores, FusedRanks, Scores, as_scores
from utils.ranking.text_numbers import text_numbers

CEILING = "votes oracle"
"""Ranks by the votes that the grades are made from, so it is the ceiling for a question's own answers."""
PLAIN = ("random", "bm25", "length", "age", "given order", "untrained", "bm25 + untrained", "first stage")
"""Baselines that a trained model should beat; a data set has some of them."""
VERSION = 4
"""Raise it when a baseline or a metric changes, so that cached values are computed again."""


def baseline_scores(queries: Sequence[Query], candidates: Sequence[Candidate]) -> dict[str, Scores]:
    """Scores of all candidates for each question by every baseline that the data allows.

    - `random`: equal scores for all; the metrics of ties are those of a random order.
    - `bm25`: see `BM25`.
    - `length`: longer answers first.
    - `age`: older answers first, if all dates are known.
    - `votes oracle`: answers with more votes first, if all votes are known. This is a ceiling (`CEILING`), not a baseline.
    - `given order`: the order of the search that MEDIQA's answers come from.

    Args:
        queries: the questions.
        candidates: all candidates.

    Returns:
        name to scores of all questions and candidates.
    """
    numbers = text_numbers(candidate.text for candidate in candidates)
    _, indexed, places = np.unique(numbers, return_index=True, return_inverse=True)  # each text once
    index = BM25(candidates[place].text for place in indexed)
    scores: dict[str, Scores] = {
        "random": EqualScores(len(queries), np.zeros(len(candidates), np.float32)),
        "bm25": BM25Scores(index, [query.text for query in queries], places),
    }
    equal = {
        "length": np.fromiter((len(candidate.text) for candidate in candidates), np.float32),
    }
    if all(candidate.created for candidate in candidates):
        _, date = np.unique([candidate.created for candidate in candidates], return_inverse=True)
        equal["age"] = -date.astype(np.float32)
    if all(candidate.votes is not None for candidate in candidates):
        votes = np.array([candidate.votes for candidate in candidates], np.float32)
        equal["given order" if max(votes) < 0 else CEILING] = votes  # MEDIQA's are negated ranks
    return scores | {name: EqualScores(len(queries), values) for name, values in equal.items()}


def evaluate_baselines(
    evaluation_set: EvaluationSet,
    cache_dir: Path,
    untrained_name: str = "",
    untrained_scores: Callable[[], Scores] | None = None,
) -> dict[str, Evaluation]:
    """Evaluate every baseline, or read the values that an earlier run on the same data kept.

    Args:
        evaluation_set: the questions and candidates.
        cache_dir: folder of the cached values. The file's name depends on all texts, grades, dates and votes, and with
            `untrained_name` also on the tokens.
        untrained_name: what identifies the weights and the pooling of the encoder before training; empty for none.
        untrained_scores: computes the scores of that encoder, for the baselines `untrained` and `bm25 + untrained`, which is the
            fusion of both rankings.

    Returns:
        name to evaluation.
    """
    path = Path(cache_dir) / f"ranking-baselines-{_cache_key(evaluation_set, untrained_name)}.npz"
    cached = _read_cache(path)
    if cached:
        return cached
    scores = baseline_scores(evaluation_set.queries, evaluation_set.candidates)
    if untrained_name:
        scores["untrained"] = as_scores(untrained_scores())
        scores["bm25 + untrained"] = FusedRanks((scores["bm25"], scores["untrained"]), evaluation_set.texts)
    evaluations = {name: evaluate_scores(evaluation_set, values) for name, values in scores.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_arrays(
        path,
        {
            f"{name}/{metric}": values
            for name, evaluation in evaluations.items()
            for metric, values in evaluation.per_example.items()
        },
    )
    return evaluations


def by_name(baselines: dict[str, dict[str, Evaluation]]) -> dict[str, dict[str, Evaluation]]:
    """Name to split to evaluation, from split to name to evaluation."""
    splits_of: dict[str, dict[str, Evaluation]] = {}
    for split, evaluations in baselines.items():
        for name, evaluation in evaluations.items():
            splits_of.setdefault(name, {})[split] = evaluation
    return splits_of


def _cache_key(evaluation_set: EvaluationSet, untrained_name: str) -> str:
    digest = hashlib.sha256(json.dumps([VERSION, untrained_name]).encode())
    for query in evaluation_set.queries:
        digest.update(json.dumps([query.text, len(query.candidates)]).encode())
    for candidate in evaluation_set.candidates:
        record = [candidate.text, candidate.relevance, candidate.votes, candidate.created]
        digest.update(json.dumps(record).encode())
    if untrained_name:
        for ids in (evaluation_set.query_ids, evaluation_set.candidate_ids):
            for row in ids:
                digest.update(np.asarray([len(row), *row], np.int32).tobytes())
    return digest.hexdigest()[:16]


def _read_cache(path: Path) -> dict[str, Evaluation]:
    """The evaluations in a cache file; empty if there is none or it cannot be read."""
    values: dict[str, dict[str, np.ndarray]] = {}
    try:
        with open_npz(path) as arrays:
            for key in arrays.files:
                name, metric = key.split("/")
                values.setdefault(name, {})[metric] = arrays[key]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return {}
    return {name: Evaluation.from_examples(metrics) for name, metrics in values.items()}
