"""Simulated responses to items in ordered categories, together with the parameters that produced them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.tracing.item_response import gpcm_probabilities


@dataclass(frozen=True)
class Truth:
    """The parameters that a simulation drew.

    Args:
        ability: theta of each student, `(students,)`.
        discrimination: alpha of each item, `(items,)`.
        thresholds: beta of each item, `(items, categories - 1)`.
        gain: how much full practice of a skill adds to each student's ability, `(students,)`; zeros where nobody learns.
        skills: the skill of each item, `(items,)`.
        learning: fraction of the missing practice that one response adds to a skill, 0-1.
        keeping: fraction of a skill's practice that remains from one response to the next, 0-1.
    """

    ability: np.ndarray
    discrimination: np.ndarray
    thresholds: np.ndarray
    gain: np.ndarray
    skills: np.ndarray
    learning: float = 0.0
    keeping: float = 1.0

    def practice(self, items: np.ndarray) -> np.ndarray:
        """How well practised the skill of each item is before the item is answered, from 0 to 1, `(steps,)`."""
        practice_of_skill = np.zeros(self.skills.max() + 1)
        practice = np.zeros(len(items))
        for step, skill in enumerate(self.skills[items]):
            practice[step] = practice_of_skill[skill]
            practice_of_skill *= self.keeping
            practice_of_skill[skill] += self.learning * (1 - practice_of_skill[skill])
        return practice


def simulate_static(students=500, items=200, categories=4, shortest=100, longest=200, seed=42):
    """Students whose ability does not change.

    The numbers are drawn in the order of the published sets `synthetic_OC` of deep-gpcm (https://github.com/alhazar43/deep-gpcm);
    the default arguments reproduce that set.

    Args:
        students: number of students.
        items: number of items.
        categories: number of response categories.
        shortest: a sequence has at least this many responses.
        longest: a sequence has fewer responses than this.
        seed: seed of all draws.

    Returns:
        `(sequences, truth)`; a sequence is a pair of arrays `(steps,)`: item numbers from 0, and responses.
    """
    rng = np.random.RandomState(seed)
    ability, discrimination = rng.normal(0, 1, students), rng.lognormal(0, 0.3, items)
    thresholds = np.stack([np.sort(rng.normal(rng.normal(0, 1), 0.5, categories - 1)) for _ in range(items)])
    sequences = []
    for theta in ability:
        drawn = rng.randint(0, items, rng.randint(shortest, longest))
        probabilities = gpcm_probabilities(np.full(len(drawn), theta), discrimination[drawn], thresholds[drawn])
        sequences.append((drawn, np.array([rng.choice(categories, p=row) for row in probabilities])))
    return sequences, Truth(ability, discrimination, thresholds, np.zeros(students), np.zeros(items, int))


def simulate_practice(
    students=2000, items=200, skills=10, categories=4, shortest=100, longest=200, learning=0.3, keeping=0.97, seed=0
):
    """Students who learn a skill by practising it and forget it while they practise others.

    Ability on an item is `theta + gain * practice` (`Truth.practice`), with `theta ~ N(-1.3, 1)` and a gain of each student's own,
    `N(2, 0.7)`. A skill is practised for about five items in a row, so that there is something to forget.

    Args and result are those of `simulate_static`, and:
        skills: number of skills, at most one per item.
        learning: see `Truth`.
        keeping: see `Truth`.
    """
    rng, skills = np.random.default_rng(seed), min(skills, items)
    truth = Truth(
        ability=rng.normal(-1.3, 1, students),
        discrimination=rng.lognormal(0, 0.3, items),
        thresholds=np.sort(rng.normal(rng.normal(0, 1, (items, 1)), 0.5, (items, categories - 1)), axis=1),
        gain=rng.normal(2, 0.7, students),
        skills=rng.permutation(np.arange(items) % skills),
        learning=learning,
        keeping=keeping,
    )
    items_of_skill = [np.flatnonzero(truth.skills == skill) for skill in range(skills)]
    sequences = []
    for student in range(students):
        length = rng.integers(shortest, longest)
        drawn = []
        while len(drawn) < length:
            candidates = items_of_skill[rng.integers(skills)]
            drawn += rng.choice(candidates, rng.geometric(0.2)).tolist()
        drawn = np.array(drawn[:length])
        theta = truth.ability[student] + truth.gain[student] * truth.practice(drawn)
        probabilities = gpcm_probabilities(theta, truth.discrimination[drawn], truth.thresholds[drawn])
        responses = (rng.random((length, 1)) > np.cumsum(probabilities, axis=1)).sum(axis=1).clip(0, categories - 1)
        sequences.append((drawn, responses))
    return sequences, truth


SIMULATIONS = {"practice": simulate_practice, "static": simulate_static}
"""Name to function of each simulation."""
