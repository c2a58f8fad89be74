"""What scores become when padding is counted as data.

deep-gpcm (https://github.com/alhazar43/deep-gpcm) reports 70.46 % accuracy and a kappa of 0.761 for its baseline, on 800 simulated
students with 400 items and 100 to 400 responses each. Its scores include the padded positions of a batch. Their target is 0, and a
model soon learns to predict 0 there. This benchmark assumes that it always does. It trains the same kind of model on a simulation
of that size and scores the same predictions twice:

    python -m benchmarks.padded_metrics --out runs/padded
"""

import argparse
import csv
from itertools import groupby
from pathlib import Path

import numpy as np

from utils.tracing.metrics import quadratic_weighted_kappa
from utils.tracing.simulation import simulate_static
from utils.training.comparison import train_or_read

BATCH_SIZE = 32
"""Test students that are padded to the longest of them."""
NUM_CATEGORIES = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the simulated files and the run")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    sequences, _ = simulate_static(
        students=800, items=400, categories=NUM_CATEGORIES, shortest=100, longest=400, seed=42
    )
    write_three_lines(out / "train.txt", sequences[:640])
    write_three_lines(out / "test.txt", sequences[640:])
    files = ("--train-files", out / "train.txt", "--test-files", out / "test.txt", "--no-export", "--tracking", "off")
    results = train_or_read("train_tracing.py", out / "run", files)
    with open(out / "run" / "test_predictions.csv") as file:
        students = [list(rows) for _, rows in groupby(csv.DictReader(file), key=lambda row: row["student"])]
    pairs = [(most_probable(row), int(row["response"])) for rows in students for row in rows]
    lengths = [len(rows) for rows in students]
    padded_lengths = [max(lengths[n - n % BATCH_SIZE :][:BATCH_SIZE]) for n in range(len(lengths))]
    padding = [(0, 0)] * (sum(padded_lengths) - sum(lengths))
    print(f"{len(pairs):,} responses, {len(padding):,} padded positions\n")
    print("| scored | accuracy | QWK |\n|---|---|---|")
    for name, scored_pairs in (("responses alone", pairs), ("padding counted as data", pairs + padding)):
        print(f"| {name} | {scores(scored_pairs)} |")
    for name, splits in results["baselines"].items():
        metrics = splits["test"]
        print(f"| {name.replace('_', ' ')}, responses alone | {metrics['accuracy']:.4f} | {metrics['qwk']:.4f} |")


def write_three_lines(path: Path, sequences) -> None:
    """Write a file of three lines per student."""
    lines = []
    for items, responses in sequences:
        lines += [str(len(items)), ",".join(map(str, items)), ",".join(map(str, responses))]
    path.write_text("\n".join(lines) + "\n")


def most_probable(row: dict) -> int:
    """The most probable category of a row of `test_predictions.csv`."""
    return max(range(NUM_CATEGORIES), key=lambda category: float(row[f"p{category}"]))


def scores(pairs) -> str:
    """Accuracy and QWK of pairs of prediction and response, as cells of a table."""
    predicted, responses = np.array(pairs).T
    kappa = quadratic_weighted_kappa(predicted, responses, NUM_CATEGORIES)
    return f"{(predicted == responses).mean():.4f} | {kappa:.4f}"


if __name__ == "__main__":
    main()
