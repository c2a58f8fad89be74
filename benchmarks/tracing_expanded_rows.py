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
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.files import write_atomically
from utils.common.reading import Reading
from utils.tracing.data import read_responses
from utils.tracing.metrics import area_under_curve
from utils.tracing.sequences import ResponseSequence

MIN_AGREEMENT = 0.99
"""A pair of skills that agrees at least so often"""
MIN_EXPECTED_DIFFERENCES = 10
"""and should differ at least so many times is an answer with two skills."""
FITTING_ROUNDS = 60


@dataclass(frozen=True)
class Transitions:
    """All responses of a data set, and how each follows the one before.

    Args:
        students: number of each response's student, `(responses,)`.
        skills: number of its skill, `(responses,)`.
        responses: 0 or 1, `(responses,)`.
        follows: whether the response before it is of the same student and of another skill, `(responses,)`.
        expected: probability that it agrees with the response before it, `(responses,)`.
    """

    students: np.ndarray
    skills: np.ndarray
    responses: np.ndarray
    follows: np.ndarray
    expected: np.ndarray

    @property
    def agrees(self) -> np.ndarray:
        """Whether each response is that of the row before it."""
        return np.append(False, self.responses[1:] == self.responses[:-1])

    def repeated(self) -> np.ndarray:
        """The rows that look like repetitions of the answer before them, boolean `(responses,)`."""
        pairs = np.append(0, self.skills[:-1]) * (self.skills.max() + 1) + self.skills
        rows = np.flatnonzero(self.follows)
        _, pair = np.unique(pairs[rows], return_inverse=True)
        counts, agreements = np.bincount(pair), np.bincount(pair, self.agrees[rows])
        differences = np.bincount(pair, 1 - self.expected[rows])
        is_repetition = (agreements >= MIN_AGREEMENT * counts) & (differences >= MIN_EXPECTED_DIFFERENCES)
        repeated = np.zeros(len(self.skills), bool)
        repeated[rows] = is_repetition[pair] & self.agrees[rows]
        return repeated


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


def find_transitions(sequences: list[ResponseSequence]) -> Transitions:
    """Number students and skills, and fit how often responses are expected to agree."""
    numbers = {skill: number for number, skill in enumerate(sorted({s for part in sequences for s in part.items}))}
    students = np.repeat(np.arange(len(sequences)), [len(sequence.items) for sequence in sequences])
    skills = np.array([numbers[skill] for sequence in sequences for skill in sequence.items])
    responses = np.concatenate([sequence.responses for sequence in sequences])
    correct = fit_rasch(students, skills, responses)
    agreement = correct[1:] * correct[:-1] + (1 - correct[1:]) * (1 - correct[:-1])
    follows = (students[1:] == students[:-1]) & (skills[1:] != skills[:-1])
    return Transitions(students, skills, responses, np.append(False, follows), np.append(1.0, agreement))


def fit_rasch(students: np.ndarray, skills: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """The probability that each response is 1 by its student and skill, `sigmoid(theta + beta)` with normal priors."""
    theta, beta = np.zeros(students.max() + 1), np.zeros(skills.max() + 1)
    for _ in range(FITTING_ROUNDS):
        for parameters, places, precision in ((theta, students, 1.0), (beta, skills, 0.1)):
            correct = 1 / (1 + np.exp(-(theta[students] + beta[skills])))
            gradient = np.bincount(places, responses - correct, len(parameters)) - precision * parameters
            parameters += gradient / (np.bincount(places, correct * (1 - correct), len(parameters)) + precision)
    return 1 / (1 + np.exp(-(theta[students] + beta[skills])))


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
