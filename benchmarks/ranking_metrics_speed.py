"""Seconds that all ranking metrics of many queries take, with and without ties.

Measured    `utils.ranking.metrics.ranking_metrics` (NDCG, MAP, MRR, precision and recall, of all ranks and at 1, 5 and 10) of
            100,000 queries with 100 candidates each: the best and the median of 5 calls, after one that warms up.
Cases       distinct    random scores, no two of a query alike
            ties        random scores of 10 values, so that a query's candidates share each with about nine others
            Relevance is 0 for nine candidates of ten, else a grade from 1 to 4. All candidates are real.

    python -m benchmarks.ranking_metrics_speed --out runs/ranking_metrics_speed.json

The default run takes under a minute, and 1 GiB of memory.
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

GOAL = 2.0
"""Seconds, of either case."""
LEVELS = 10
"""Values that tied scores have."""


def main() -> int:
    options = parse()
    report = report_head(
        "ranking_metrics_speed", options, goal=GOAL, cases=[measure(case, options) for case in ("distinct", "ties")]
    )
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
    """Seconds of one case."""
    rng = np.random.default_rng(options.seed)
    shape = options.queries, options.candidates
    if case == "ties":
        scores = rng.integers(0, LEVELS, shape).astype(np.float64)
    else:  # a random order, and less than half a place beside it
        scores = rng.permuted(np.broadcast_to(np.arange(shape[1]), shape), axis=1) + 0.4 * rng.random(shape)
    relevance = np.where(rng.random(shape) < 0.1, rng.integers(1, 5, shape), 0).astype(np.float64)
    mask, seconds = np.ones(shape, bool), []
    for _ in range(options.repeats + 1):
        begin = time.perf_counter()
        found = ranking_metrics(scores, relevance, mask)
        seconds.append(time.perf_counter() - begin)
    return {
        "case": case,
        "metrics": len(found),
        "best": round(min(seconds[1:]), 3),
        "median": round(median(seconds[1:]), 3),
        "of_repeats": [round(each, 3) for each in seconds[1:]],
        "mean_ndcg@10": round(float(found["ndcg@10"].mean()), 6),
    }


def as_markdown(report: dict) -> str:
    """The table with its conditions."""
    asked, goal = report["settings"], report["goal"]
    lines = ["", "| scores | metrics | seconds, best | median | goal |", "|---" * 5 + "|"]
    for row in report["cases"]:
        said = "reached" if row["median"] < goal else "missed"
        lines.append(
            f"| {row['case']} | {row['metrics']} | {row['best']:.2f} | {row['median']:.2f} | < {goal:.0f} {said} |"
        )
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    lines += [
        "",
        f"- {asked['queries']:,} queries of {asked['candidates']} candidates, {asked['repeats']} calls, seed {asked['seed']}",
        f"- {report['hardware']}; commit {report['commit']}; {packages}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
