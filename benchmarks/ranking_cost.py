"""What a search costs and how good it is: BM25, encoders, and re-rankers that read 10, 20 and 50 texts.

Data        the questions of --test-files; their answers and the texts of --search-files are searched.
Measured    for each system, in a process of its own: seconds to make ready what is searched (words, vectors), MiB that this adds to
            the process' own memory, milliseconds for one question at a time (median of --timed questions), and NDCG@10 of all.

    python -m benchmarks.ranking_cost runs/encoder runs/reader --test-files wikiqa/test --search-files wikiqa/dev --plot cost.png
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.harness import fresh_process, report_head, write_report
from benchmarks.resident import memory_of

DEPTHS = (10, 20, 50)
N_BEST = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", help="runs of train_ranking.py and train_reranker.py, or published models")
    parser.add_argument("--test-files", type=Path, nargs="+", required=True)
    parser.add_argument("--search-files", type=Path, nargs="*", default=[])
    parser.add_argument("--timed", type=int, default=50, help="questions whose time is measured (50)")
    parser.add_argument("--plot", type=Path, help="draw NDCG@10 against the milliseconds to this PNG file")
    parser.add_argument("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    rows = []
    for name, depth in [("bm25", 0), *((run, depth) for run in options.runs for depth in depths_of(run))]:
        with fresh_process() as process:
            arguments = name, depth, options.test_files, options.search_files, options.timed
            rows.append(process.submit(measure, *arguments).result())
            print("{system}: ready in {ready_seconds:.1f} s, {mib:.0f} MiB, {milliseconds:.1f} ms a question, NDCG@10 {ndcg:.4f}"
                  .format(**rows[-1]))  # fmt: skip
    if options.plot:
        draw(rows, options.plot)
    write_report(report_head("ranking_cost", options, systems=rows), options.out)
    return 0


def depths_of(run: str) -> tuple[int, ...]:
    """The depths at which a run is measured; 0 for an encoder, which has none."""
    from utils.training.finished import read_run

    return DEPTHS if read_run(run)[1]["task"] == "reranker" else (0,)


def measure(name: str, depth: int, test_files: list[Path], search_files: list[Path], timed: int) -> dict:
    """Measure one system in this process."""
    from utils.common.reading import Reading
    from utils.ranking.data import read_texts
    from utils.ranking.predictor import RankingPredictor
    from utils.ranking.splits import read_test_queries
    from utils.reranker.first_stage import BM25Stage
    from utils.reranker.predictor import RerankerPredictor

    reading = Reading()
    queries = [query for query in read_test_queries(test_files, "best_share", reading).parts["test"]]
    queries = [query for query in queries if any(candidate.relevance > 0 for candidate in query.candidates)]
    texts = [candidate.text for query in queries for candidate in query.candidates]
    texts += [named.text for path in search_files for named in read_texts(path, reading)]
    texts = list(dict.fromkeys(texts))
    if name == "bm25":
        system, short_name = BM25Stage(), "BM25"
    else:
        system = RerankerPredictor.load(name) if depth else RankingPredictor.load(name)
        short_name = Path(name).name
    if depth:
        system.depth = depth
    before, start = memory_of(os.getpid())["own"], time.perf_counter()
    searcher = system.searcher(texts)
    ready, added = time.perf_counter() - start, memory_of(os.getpid())["own"] - before
    questions, seconds, values = [query.text for query in queries], [], []
    searcher.search(questions[:timed], N_BEST)  # warm: every shape is compiled
    for question in questions[:timed]:
        start = time.perf_counter()
        searcher.search([question], N_BEST)
        seconds.append(time.perf_counter() - start)
    for query, ranking in zip(queries, searcher.search(questions, N_BEST), strict=True):
        grades = {candidate.text: candidate.relevance for candidate in query.candidates}
        values.append(
            ndcg([grades.get(entry["text"], 0.0) for entry in ranking], sorted(grades.values(), reverse=True))
        )
    return {
        "system": short_name + (f", {depth} texts read" if depth else ""),
        "name": short_name,
        "depth": depth,
        "texts": len(texts),
        "questions": len(queries),
        "ready_seconds": ready,
        "mib": added,
        "milliseconds": 1000 * float(np.median(seconds)),
        "ndcg": float(np.mean(values)),
    }


def ndcg(retrieved: list[float], ideal: list[float]) -> float:
    """NDCG@10 of the grades in the order in which texts were found."""
    discounts = 1 / np.log2(np.arange(2, N_BEST + 2))
    gains = [np.array(grades[:N_BEST]) @ discounts[: len(grades[:N_BEST])] for grades in (retrieved, ideal)]
    return float(gains[0] / gains[1])


def draw(rows: list[dict], path: Path) -> None:
    """NDCG@10 against milliseconds for one question; a re-ranker has a line with a point for each number of texts that it reads."""
    from utils.common.plots import figure_and_axes, readable_log_axis, save_figure

    title = f"Search among {rows[0]['texts']:,} texts: quality and time, {rows[0]['questions']:,} questions"
    figure, (ax,) = figure_and_axes(6.5, 4, 1, title=title)
    for name, points in itertools.groupby(rows, key=lambda row: row["name"]):
        points = list(points)
        label = name + (" (by the number of texts read)" if points[0]["depth"] else "")
        ax.plot([row["milliseconds"] for row in points], [row["ndcg"] for row in points], "o-", label=label)
        for row in points:
            place = row["milliseconds"], row["ndcg"]
            ax.annotate(row["depth"] or "", place, xytext=(0, 5), textcoords="offset points", ha="center", fontsize=8)
    readable_log_axis(ax, "x")
    ax.set_xlabel("milliseconds for one question (logarithmic)", fontsize=9)
    ax.set_ylabel("NDCG@10 among all texts", fontsize=9)
    ax.legend(fontsize=8)
    ax.margins(0.1)
    ax.grid(alpha=0.3)
    save_figure(figure, path)


if __name__ == "__main__":
    sys.exit(main())
