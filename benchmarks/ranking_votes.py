"""How far votes can be predicted: age and text as features together, and the ceiling that the noise of votes allows.

Data        questions whose answers have votes and dates, such as threads of Stack Exchange; split as train_ranking.py splits them.
Measured    NDCG@10 of a question's own answers, over the test questions that have something to rank:
            - age, length and BM25 alone;
            - a weighted sum of features, whose weights minimise the listwise loss (softmax against the shares of the votes) on the
              training questions, or on validation questions where the score of a trained model is among them;
            - the ceilings; negative votes count as 0. If the votes v of an answer are a Poisson count with an unknown rate, then
              after v has been seen the rate is Gamma(v + 1/2, 1) (Jeffreys' prior). A rate is drawn for each answer, and votes from
              it, which grade two orders: that of the rates, which no predictor can beat, and that of the votes that were seen.

    python -m benchmarks.ranking_votes *.stackexchange.jsonl.gz --run runs/reader
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.harness import report_head, write_report
from utils.common.errors import UserError, exit_on_user_error
from utils.ranking.evaluation import rerankable
from utils.ranking.metrics import pad_arrays, ranking_metrics
from utils.ranking.predictor import RankingPredictor
from utils.ranking.records import Query, grades_from_votes
from utils.ranking.splits import read_ranking_splits
from utils.ranking.word_scores import USUAL_PARAMETERS, LexicalScorer, WordStatistics, word_counts
from utils.reranker.predictor import RerankerPredictor
from utils.training.finished import read_run

DRAWS = 200
PENALTY = 1e-2
FEATURES = ("age", "oldest", "length", "bm25")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--run", help="a run of train_ranking.py or train_reranker.py on the same files")
    parser.add_argument("--seed", type=int, default=0, help="seed of the drawn votes (0)")
    parser.add_argument("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    splits = read_splits(options.files, options.run)
    statistics = WordStatistics.of(candidate.text for query in splits["train"] for candidate in query.candidates)
    words = LexicalScorer(1.0, 0.0, USUAL_PARAMETERS, statistics)
    parts = {name: [queries[number] for number in rerankable(queries)] for name, queries in splits.items()}
    test = parts["test"]
    features = {name: [features_of(query, words) for query in queries] for name, queries in parts.items()}
    scores = {
        name: [matrix[:, place] for matrix in features["test"]]
        for place, name in enumerate(FEATURES)
        if name != "oldest"
    }
    scores["age, length and bm25"] = weighted(features, "train", parts)
    if options.run:
        of_run = {name: run_scores(options.run, parts[name]) for name in ("validation", "test")}
        scores["run"] = of_run["test"]
        with_run = {
            name: [np.column_stack(pair) for pair in zip(features[name], map(standardised, values), strict=True)]
            for name, values in of_run.items()
        }
        scores["age, length, bm25 and run"] = weighted(with_run, "validation", parts)
    results = {name: ndcg(values, [grades(query) for query in test]) for name, values in scores.items()}
    results |= ceilings(test, np.random.default_rng(options.seed))
    for name, value in results.items():
        print(f"{name}: NDCG@10 {value:.4f}")
    write_report(report_head("ranking_votes", options, questions=len(test), ndcg=results), options.out)
    return 0


def read_splits(files: Sequence[Path], run: str | None) -> dict[str, list[Query]]:
    """The questions of each split; as in the training of the run, if one is named.

    Raises:
        UserError: the run was trained on other questions, or an answer has no votes or no date.
    """
    settings = read_run(run)[0] if run else {}
    defaults = {"validation_fraction": 0.1, "test_fraction": 0.2, "split_seed": 0, "limit": 0, "votes": "best_share"}
    splits = read_ranking_splits(files, [], [], *(settings.get(name, value) for name, value in defaults.items()))
    if run and settings["data_checksums"]["questions"] != splits.checksum():
        raise UserError(
            f"{run}: was trained on other questions than those of the files; name its --train-files in their order"
        )
    candidates = [candidate for queries in splits.parts.values() for query in queries for candidate in query.candidates]
    if not all(candidate.created and candidate.votes is not None for candidate in candidates):
        raise UserError("not all answers have votes and dates; name files such as threads of Stack Exchange")
    return splits.parts


def features_of(query: Query, words: LexicalScorer) -> np.ndarray:
    """The features of a question's answers, `(answers, features)`, in the order of `FEATURES`."""
    dates = np.array([candidate.created for candidate in query.candidates])
    order = np.argsort(np.argsort(dates, kind="stable"), kind="stable")
    lengths = np.array([len(candidate.text) for candidate in query.candidates], float)
    counts = [word_counts(candidate.text) for candidate in query.candidates]
    bm25 = words.scores(query.text, counts, np.zeros(len(counts)))
    return np.column_stack([standardised(-order), order == 0, standardised(np.log1p(lengths)), standardised(bm25)])


def standardised(values: np.ndarray) -> np.ndarray:
    """Values with mean 0 and deviation 1; all 0 where they are equal."""
    values = np.asarray(values, float)
    return (values - values.mean()) / max(values.std(), 1e-9)


def grades(query: Query) -> np.ndarray:
    """The grades of a question's answers."""
    return np.array([candidate.relevance for candidate in query.candidates])


def weighted(features: dict[str, list[np.ndarray]], part: str, parts: dict[str, list[Query]]) -> list[np.ndarray]:
    """The weighted sums of the test questions' features, with weights that are fitted on a part, by Newton's method."""
    weights = np.zeros(features[part][0].shape[1])
    shares = [values / values.sum() for values in map(grades, parts[part])]
    for _ in range(20):
        gradient, curvature = -PENALTY * weights, PENALTY * np.eye(len(weights))
        for matrix, vote_shares in zip(features[part], shares, strict=True):
            probabilities = np.exp(matrix @ weights - np.max(matrix @ weights))
            probabilities /= probabilities.sum()
            gradient += matrix.T @ (vote_shares - probabilities)
            curvature += matrix.T @ (np.diag(probabilities) - np.outer(probabilities, probabilities)) @ matrix
        weights = weights + np.linalg.solve(curvature, gradient)
    print(f"weights fitted on {part}: {', '.join(f'{weight:.2f}' for weight in weights)}")
    return [matrix @ weights for matrix in features["test"]]


def run_scores(run: str, queries: Sequence[Query]) -> list[np.ndarray]:
    """A trained model's scores of each question's own answers."""
    _, results = read_run(run)
    predictor = (RerankerPredictor if results["task"] == "reranker" else RankingPredictor).load(run)
    rankings = predictor.rank(
        [query.text for query in queries], [[candidate.text for candidate in query.candidates] for query in queries]
    )
    scores = [np.empty(len(ranking)) for ranking in rankings]
    for values, ranking in zip(scores, rankings, strict=True):
        for entry in ranking:
            values[entry["candidate"]] = entry["score"]
    return scores


def ceilings(queries: Sequence[Query], rng: np.random.Generator) -> dict[str, float]:
    """Mean NDCG@10 of orders that know votes or their rates, against votes that are drawn again."""
    votes = [np.array([max(candidate.votes, 0) for candidate in query.candidates], float) for query in queries]
    by_votes, by_rates = [], []
    for _ in range(DRAWS):
        rates = [rng.gamma(values + 0.5) for values in votes]
        drawn = [np.array(grades_from_votes(rng.poisson(values).tolist())) for values in rates]
        by_votes.append(ndcg(votes, drawn))
        by_rates.append(ndcg(rates, drawn))
    return {
        "the votes that were seen, against votes drawn again": float(np.mean(by_votes)),
        "the rates of the votes, against votes drawn again": float(np.mean(by_rates)),
    }


def ndcg(scores: Sequence[np.ndarray], relevance: Sequence[np.ndarray]) -> float:
    """Mean NDCG@10 over the questions that have a relevant answer."""
    numbers = [number for number, values in enumerate(relevance) if values.max() > 0]
    padded, mask = pad_arrays([np.asarray(scores[number], float) for number in numbers])
    padded_grades, _ = pad_arrays([relevance[number] for number in numbers])
    return float(ranking_metrics(padded, padded_grades, mask)["ndcg@10"].mean())


if __name__ == "__main__":
    with exit_on_user_error():
        sys.exit(main())
