"""Random sequences of responses and a slow kappa, for tests of `utils/tracing`."""

import itertools

import numpy as np

from utils.tracing.sequences import ResponseSequence


def sequence(student, length, categories=3):
    rng = np.random.default_rng(student)
    items = tuple(str(item) for item in rng.integers(0, 9, length))
    return ResponseSequence(str(student), items, rng.integers(0, categories, length))


SEQUENCES = [sequence(number, 3 + 5 * number) for number in range(12)]


def write_three_lines(path, students, rng, items=7):
    """Write a file of three lines per student, with random responses in two categories."""
    lines = []
    for _ in range(students):
        count = int(rng.integers(5, 20))
        responses = rng.integers(0, 2, count)
        rows = rng.integers(1, items + 1, count), responses
        lines += [str(count), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def kappa_by_loop(decided, responses):
    """Quadratic weighted kappa from its definition."""
    count, pairs = len(responses), list(zip(decided, responses, strict=True))
    observed = sum((a - b) ** 2 for a, b in pairs) / count
    expected = sum((a - b) ** 2 for a, b in itertools.product(decided, responses)) / count**2
    return 1 - observed / expected


def repeated_coins(pairs, students=60, answers=40):
    """Students who toss coins, and which responses repeat an answer.

    Args:
        pairs: first skill to second skill; an answer to the first one is written again for the second one.
    """
    rng, sequences, repeated = np.random.default_rng(0), [], []
    for student in range(students):
        skills, responses = [], []
        for _ in range(answers):
            skill, response = str(rng.integers(6)), int(rng.random() < 0.5)
            written = [skill, pairs[skill]] if skill in pairs else [skill]
            skills += written
            responses += [response] * len(written)
            repeated += [False, True][: len(written)]
        sequences.append(ResponseSequence(str(student), tuple(skills), np.array(responses)))
    return sequences, np.array(repeated)
