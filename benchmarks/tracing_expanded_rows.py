"""How much of a data set of skills looks as if answers were written once for each of their skills.

DKVMN's files have neither items nor times, so that repeated rows cannot be told one by one. But a row that repeats an answer has
the response of the row before it, and another skill. For each pair of skills that follow one another, this benchmark compares how
often both responses agree with how often they would if they depended on student and skill alone (a Rasch model, fitted to the same
data). Pairs that nearly always agree, although they should often differ, are answers with two skills:

    python -m benchmarks.tracing_expanded_rows assist2009_updated=NAME_train.csv,NAME_test.csv assist2015=TRAIN,TEST

With `--out` it writes each data set again with such rows joined, so that models can be trained on both. With `--predictions` it
scores the `test_predictions.csv` of a run on the last file of the first data set: all rows, those that repeat an answer, and the
others.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from utils.common.files import write_atomically
from utils.common.reading import Reading
from utils.tracing.data import read_responses
from utils.tracing.expanded_skills import Transitions, find_transitions
from utils.tracing.metrics import area_under_curve
from utils.tracing.sequences import ResponseSequence


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "data_sets", nargs="+", metavar="NAME=FILE,FILE", help="a data set and its files, the test file last"
    )
    parser.add_argument("--out", type=Path, help="folder for the files with joined rows")
    parser.add_argument(
        "--predictions", type=Path, help="test_predictions.csv of a run on the last file of the first data set"
    )
    options = parser.parse_args()
    print(
        "| data set | responses | after another skill | of these agree | expected | excess | look repeated | of all |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for number, data_set in enumerate(options.data_sets):
        name, _, paths = data_set.partition("=")
        paths = [Path(path) for path in paths.split(",")]
        parts, _ = read_responses(paths, Reading())
        transitions = find_transitions([sequence for part in parts for sequence in part])
        repeated = transitions.repeated()
        print_row(name, transitions, repeated)
        if options.out:
            write_joined(parts, [options.out / f"{name}_{place}.txt" for place in range(len(parts))], repeated)
        if number == 0:
            first_repeated, last_part = repeated, parts[-1]
    if options.predictions:
        count = sum(len(sequence.items) for sequence in last_part)
        print_scores(options.predictions, first_repeated[-count:])


def print_row(name: str, transitions: Transitions, repeated: np.ndarray) -> None:
    """Print a data set as a row of the table."""
    follows = transitions.follows
    agree, expected = transitions.agrees[follows].mean(), transitions.expected[follows].mean()
    excess = (agree - expected) / (1 - expected)
    print(
        f"| {name} | {len(follows):,} | {follows.sum():,} | {agree:.1%} | {expected:.1%} | {excess:.1%} | {repeated.sum():,} | "
        f"{repeated.mean():.1%} |"
    )


def write_joined(parts: list[list[ResponseSequence]], paths: list[Path], repeated: np.ndarray) -> None:
    """Write files of three lines per student, in which each row that looks repeated is joined with the row before it."""
    start = 0
    for part, path in zip(parts, paths, strict=True):
        lines = []
        for sequence in part:
            items, responses = [], []
            for item, response, repeats in zip(sequence.items, sequence.responses, repeated[start:], strict=False):
                if repeats:
                    items[-1] = "+".join(sorted({*items[-1].split("+"), item}))
                else:
                    items.append(item)
                    responses.append(str(response))
            start += len(sequence.items)
            lines += [str(len(items)), ",".join(items), ",".join(responses)]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, "\n".join(lines) + "\n")


def print_scores(path: Path, repeated: np.ndarray) -> None:
    """Print the AUC of a run's predictions, of all test rows and of those that look repeated."""
    with open(path) as file:
        rows = [(float(row["p1"]), int(row["response"])) for row in csv.DictReader(file)]
    scores, responses = np.array(rows).T
    print("\n| rows | number | AUC |\n|---|---|---|")
    for title, chosen in (("all", repeated | True), ("look repeated", repeated), ("the others", ~repeated)):
        print(f"| {title} | {chosen.sum():,} | {area_under_curve(scores[chosen], responses[chosen]):.4f} |")


if __name__ == "__main__":
    main()
