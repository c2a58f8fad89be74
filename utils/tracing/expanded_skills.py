"""Whether a data set of skills looks as if answers were written once for each of their skills.

Without items and times, repeated rows cannot be told one by one. But a row that repeats an answer has the response of the row
before it, and another skill. Pairs of skills that nearly always agree where they follow one another, although by student and skill
alone they should often differ, are answers with two skills.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.tracing.sequences import ResponseSequence

MAX_RESPONSES = 1_000_000
"""A note looks at the first students, with so many responses."""
MIN_FRACTION = 0.01
"""Fewer rows than this fraction that look repeated need no note."""
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


def find_transitions(sequences: Sequence[ResponseSequence]) -> Transitions:
    """Number students and skills, and fit how often responses in two categories are expected to agree.

    Args:
        sequences: the students, whose items are skills.
    """
    numbers = {skill: number for number, skill in enumerate(sorted({s for part in sequences for s in part.items}))}
    students = np.repeat(np.arange(len(sequences)), [len(sequence.items) for sequence in sequences])
    skills = np.array([numbers[skill] for sequence in sequences for skill in sequence.items])
    responses = np.concatenate([sequence.responses for sequence in sequences])
    correct = fit_rasch(students, skills, responses)
    agreement = correct[1:] * correct[:-1] + (1 - correct[1:]) * (1 - correct[:-1])
    follows = (students[1:] == students[:-1]) & (skills[1:] != skills[:-1])
    return Transitions(students, skills, responses, np.append(False, follows), np.append(1.0, agreement))


def fit_rasch(students: np.ndarray, skills: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """The probability that each response is 1, `sigmoid(theta + beta)` of its student and skill (Rasch 1960), `(responses,)`.

    Fitted by Newton steps in turns, with priors theta ~ N(0, 1) and beta ~ N(0, 10), the latter a variance.
    """
    theta, beta = np.zeros(students.max() + 1), np.zeros(skills.max() + 1)
    for _ in range(FITTING_ROUNDS):
        for parameters, places, precision in ((theta, students, 1.0), (beta, skills, 0.1)):
            correct = 1 / (1 + np.exp(-(theta[students] + beta[skills])))
            gradient = np.bincount(places, responses - correct, len(parameters)) - precision * parameters
            parameters += gradient / (np.bincount(places, correct * (1 - correct), len(parameters)) + precision)
    return 1 / (1 + np.exp(-(theta[students] + beta[skills])))


def notes_on_expanded_skills(sequences: Sequence[ResponseSequence], num_categories: int) -> list[str]:
    """A note if many responses look as if they repeated the answer before them for another skill.

    Args:
        sequences: all students.
        num_categories: number of response categories; only two can be judged.
    """
    if num_categories != 2:
        return []
    ends = itertools.accumulate(len(sequence.items) for sequence in sequences)
    looked_at = [sequence for sequence, end in zip(sequences, ends, strict=True) if end <= MAX_RESPONSES] or sequences[
        :1
    ]
    repeated = find_transitions(looked_at).repeated()
    if repeated.mean() < MIN_FRACTION:
        return []
    return [
        f"{repeated.mean():.0%} of the responses look as if they repeated the answer before them for another skill; a model can "
        "copy them, so that its AUC is too high (docs/tracing.md)"
    ]
