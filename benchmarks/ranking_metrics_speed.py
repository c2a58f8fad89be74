"""Seconds that all ranking metrics of many queries take, with and without ties.

Measured    `utils.ranking.metrics.ranking_metrics` (NDCG, MAP, MRR, precision and recall, over all ranks and at 1, 5 and 10) for
            100,000 queries with 100 candidates each: the best and the median of 5 calls, after one call to warm up.
Cases       distinct    random scores without ties
            ties        random scores of 10 values, so each candidate ties with about nine others of its query
            The relevance is 0 for nine of ten candidates, else a grade from 1 to 4. There is no padding.

    python -m benchmarks.ranking_metrics_speed --out runs/ranking_metrics_speed.json

The default run takes under a minute and 1 GiB of memory.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.harness import report_head, write_report
from utils.ranking.metrics import ranking_metrics

GOAL_SECONDS = 2.0
NUM_TIED_VALUES = 10


def main() -> int:
    options = parse()
    cases = [measure(case, options) for case in ("distinct", "ties")]
    report = report_head("ranking_metrics_speed", options, goal=GOAL_SECONDS, cases=cases)
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--queries", type=int, default=100_000)
    add("--candidates", type=int, default=100)
    add("--repeats", type=int, default=5)
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    if min(options.queries, options.candidates, options.repeats) < 1:
        parser.error("--queries, --candidates and --repeats must be at least 1")
    return options


def measure(case: str, options) -> dict:
    """Measure the seconds of one case."""
    rng = np.random.default_rng(options.seed)
    shape = options.queries, options.candidates
    if case == "ties":
        scores = rng.integers(0, NUM_TIED_VALUES, shape).astype(np.float64)
    else:  # a random order plus noise below half a rank, so that no two are equal
        scores = rng.permuted(np.broadcast_to(np.arange(shape[1]), shape), axis=1) + 0.4 * rng.random(shape)
    relevance = np.where(rng.random(shape) < 0.1, rng.integers(1, 5, shape), 0).astype(np.float64)
    mask, seconds = np.ones(shape, bool), []
    for _ in range(options.repeats + 1):
        start = time.perf_counter()
        metrics = ranking_metrics(scores, relevance, mask)
        seconds.append(time.perf_counter() - start)
    return {
        "case": case,
        "metrics": len(metrics),
        "best": round(min(seconds[1:]), 3),
        "median": round(median(seconds[1:]), 3),
        "per_repeat": [round(value, 3) for value in seconds[1:]],
        "mean_ndcg@10": round(float(metrics["ndcg@10"].mean()), 6),
    }


def as_markdown(report: dict) -> str:
    """The table with its conditions."""
    settings, goal = report["settings"], report["goal"]
    lines = ["", "| scores | metrics | seconds, best | median | goal |", "|---" * 5 + "|"]
    for row in report["cases"]:
        outcome = "reached" if row["median"] < goal else "missed"
        lines.append(
            f"| {row['case']} | {row['metrics']} | {row['best']:.2f} | {row['median']:.2f} | < {goal:.0f} {outcome} |"
        )
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    lines += [
        "",
        f"- {settings['queries']:,} queries with {settings['candidates']} candidates, {settings['repeats']} calls, "
        f"seed {settings['seed']}",
        f"- {report['hardware']}; commit {report['commit']}; {packages}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
