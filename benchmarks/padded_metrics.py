"""What scores become when padding is counted as data.

deep-gpcm (https://github.com/alhazar43/deep-gpcm) reports 70.46 % accuracy and a kappa of 0.761 for its baseline on 800 simulated
students, 400 items, 100 to 400 responses each. There the padded positions of a batch are scored too: their target is 0, and a model
soon learns to say 0 at them, as is assumed here of all of them. This trains the same kind of model on a simulation of that size and
scores the same predictions twice:

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

BATCH = 32
"""Test students that are padded to the longest of them."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the simulated files and the run")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    sequences, _ = simulate_static(students=800, items=400, categories=4, shortest=100, longest=400, seed=42)
    for name, part in (("train", sequences[:640]), ("test", sequences[640:])):
        lines = [line for items, responses in part for line in (str(len(items)), *map(joined, (items, responses)))]
        (out / f"{name}.txt").write_text("\n".join(lines) + "\n")
    files = ("--train-files", out / "train.txt", "--test-files", out / "test.txt", "--no-export", "--tracking", "off")
    results = train_or_read("train_tracing.py", out / "run", files)
    with open(out / "run" / "test_predictions.csv") as file:
        students = [list(rows) for _, rows in groupby(csv.DictReader(file), key=lambda row: row["student"])]
    found = [(decided(row), int(row["response"])) for rows in students for row in rows]
    lengths = [len(rows) for rows in students]
    padded = [max(lengths[n - n % BATCH :][:BATCH]) for n in range(len(lengths))]
    padding = [(0, 0)] * (sum(padded) - sum(lengths))
    print(f"{len(found):,} responses, {len(padding):,} padded positions\n")
    print("| scored | accuracy | QWK |\n|---|---|---|")
    for name, pairs in (("responses alone", found), ("padding counted as data", found + padding)):
        print(f"| {name} | {scored(pairs)} |")
    for name, of in results["baselines"].items():
        print(f"| {name.replace('_', ' ')}, responses alone | {of['test']['accuracy']:.4f} | {of['test']['qwk']:.4f} |")


def joined(values) -> str:
    return ",".join(map(str, values))


def decided(row: dict) -> int:
    """The most probable category of a row of predictions."""
    return max(range(4), key=lambda category: float(row[f"p{category}"]))


def scored(pairs) -> str:
    said, true = np.array(pairs).T
    return f"{(said == true).mean():.4f} | {quadratic_weighted_kappa(said, true, 4):.4f}"


if __name__ == "__main__":
    main()
