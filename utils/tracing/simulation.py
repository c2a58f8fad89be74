"""Simulated responses to items in ordered categories, with the truth that made them.

Generalised partial credit model (Muraki 1992): `P(k) ~ exp(sum_{h<=k} alpha (theta - beta_h))`, the empty sum being 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Truth:
    """What a simulation drew.

    Args:
        ability: theta of every student, `(students,)`.
        discrimination: alpha of every item, `(items,)`.
        thresholds: beta of every item, `(items, categories - 1)`.
        gain: how much of its practice shows in each student's ability, `(students,)`; zeros where nobody learns.
        skills: the skill of every item, `(items,)`.
        learning: share of what is missing that one practice of a skill adds to it.
        keeping: share of a skill's practice that is kept from one response to the next.
    """

    ability: np.ndarray
    discrimination: np.ndarray
    thresholds: np.ndarray
    gain: np.ndarray
    skills: np.ndarray
    learning: float = 0.0
    keeping: float = 1.0

    def practice(self, items: np.ndarray) -> np.ndarray:
        """How well practised, 0-1, the skill of each item is before it is answered."""
        practised = np.zeros(self.skills.max() + 1)
        found = np.zeros(len(items))
        for step, skill in enumerate(self.skills[items]):
            found[step] = practised[skill]
            practised *= self.keeping
            practised[skill] += self.learning * (1 - practised[skill])
        return found


def category_probabilities(ability, discrimination, thresholds) -> np.ndarray:
    """Probabilities `(..., categories)` for abilities and discriminations `(...)` and thresholds `(..., categories - 1)`."""
    steps = np.asarray(discrimination)[..., None] * (np.asarray(ability)[..., None] - thresholds)
    logits = np.concatenate([np.zeros((*steps.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def graded_probabilities(ability, discrimination, thresholds) -> np.ndarray:
    """As `category_probabilities`, of the graded response model (`components.irt_logits.graded_logits`)."""
    away = np.asarray(discrimination)[..., None] * (np.asarray(ability)[..., None] - thresholds)
    above = 1 / (1 + np.exp(-away))
    ends = np.ones((*above.shape[:-1], 1))
    above = np.concatenate([ends, above, 0 * ends], axis=-1)
    return above[..., :-1] - above[..., 1:]


PROBABILITIES = {"gpcm": category_probabilities, "graded": graded_probabilities}
"""Categories' probabilities by the model's head."""


def simulate_static(students=500, items=200, categories=4, shortest=100, longest=200, seed=42):
    """Students whose ability does not change: `(sequences, truth)`, a sequence being a pair of items and responses.

    Lengths are at least `shortest` and less than `longest`. The numbers are drawn in the order of the published sets `synthetic_OC`
    of deep-gpcm (https://github.com/alhazar43/deep-gpcm), which the default arguments give again.
    """
    rng = np.random.RandomState(seed)
    ability, discrimination = rng.normal(0, 1, students), rng.lognormal(0, 0.3, items)
    thresholds = np.stack([np.sort(rng.normal(rng.normal(0, 1), 0.5, categories - 1)) for _ in range(items)])
    sequences = []
    for theta in ability:
        asked = rng.randint(0, items, rng.randint(shortest, longest))
        chances = category_probabilities(np.full(len(asked), theta), discrimination[asked], thresholds[asked])
        sequences.append((asked, np.array([rng.choice(categories, p=chance) for chance in chances])))
    return sequences, Truth(ability, discrimination, thresholds, np.zeros(students), np.zeros(items, int))


def simulate_practice(
    students=2000, items=200, skills=10, categories=4, shortest=100, longest=200, learning=0.3, keeping=0.97, seed=0
):
    """Students who learn a skill by practising it and forget it while they practise others: `(sequences, truth)`.

    Ability on an item is `theta + gain * practice` (`Truth.practice`), with `theta ~ N(-1.3, 1)` and a gain of each student's own,
    `N(2, 0.7)`. Skills are practised in runs of about five items, so that there is something to forget.
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
    of_skill = [np.flatnonzero(truth.skills == skill) for skill in range(skills)]
    sequences = []
    for student in range(students):
        length = rng.integers(shortest, longest)
        asked = []
        while len(asked) < length:
            chosen = of_skill[rng.integers(skills)]
            asked += rng.choice(chosen, rng.geometric(0.2)).tolist()
        asked = np.array(asked[:length])
        theta = truth.ability[student] + truth.gain[student] * truth.practice(asked)
        chances = category_probabilities(theta, truth.discrimination[asked], truth.thresholds[asked])
        responses = (rng.random((length, 1)) > np.cumsum(chances, axis=1)).sum(axis=1).clip(0, categories - 1)
        sequences.append((asked, responses))
    return sequences, truth
