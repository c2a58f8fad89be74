"""How well a model recovers the parameters that produced simulated responses.

The responses determine the parameters only up to the scale of ability: its unit is free, and its zero, for each skill. Before a
comparison the estimates are therefore linked, which means brought to the scale of the truth (`linking`).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from utils.tracing.features import Piece
from utils.tracing.splits import ResponseData

LEVELS = (50, 80, 95)
"""Percent of the true abilities that bands around the estimates should hold."""
THIRDS = ("first", "middle", "last")


class Pair(NamedTuple):
    """True values of a parameter and their linked estimates, of one shape."""

    truth: np.ndarray
    estimate: np.ndarray


class Link(NamedTuple):
    """How a model's scale becomes that of the truth: `theta* = slope theta + shift`, with a shift for each skill, `(skills,)`."""

    slope: float
    shifts: np.ndarray

    def on_true_scale(self, values: np.ndarray, skills: np.ndarray) -> np.ndarray:
        """Abilities `(n,)` or thresholds `(n, categories - 1)` on the scale of the truth; `skills` are those of their items."""
        shifts = self.shifts[skills]
        return self.slope * values + shifts.reshape(len(shifts), *[1] * (np.ndim(values) - 1))


def linking(
    thresholds: np.ndarray, true_thresholds: np.ndarray, skills: np.ndarray, num_skills: int | None = None
) -> Link:
    """Mean and sigma linking (Kolen and Brennan 2014, section 6.2), with a shift of its own for each skill.

    A model's ability may depend on the item. If it is higher by a constant for the items of one skill, and so are their thresholds,
    no response tells. So each skill's thresholds get the mean of the true ones, and all the true ones' deviation within skills.
    Skills without items get the mean shift of the others. Where each skill has a single threshold, all skills have one shift.

    Args:
        thresholds: the model's, `(items, categories - 1)`.
        true_thresholds: of the same shape.
        skills: skill of each item, `(items,)`.
        num_skills: number of skills; left out, as many as `skills` names.
    """
    num_skills = num_skills or skills.max() + 1
    if thresholds.size == len(np.unique(skills)):
        slope = true_thresholds.std() / thresholds.std()
        return Link(float(slope), np.full(num_skills, true_thresholds.mean() - slope * thresholds.mean()))
    shifts, means, true_means = np.full(num_skills, np.nan), np.zeros(num_skills), np.zeros(num_skills)
    for skill in np.unique(skills):
        means[skill], true_means[skill] = (part[skills == skill].mean() for part in (thresholds, true_thresholds))
    slope = (true_thresholds - true_means[skills, None]).std() / (thresholds - means[skills, None]).std()
    shifts[skills] = (true_means - slope * means)[skills]
    return Link(float(slope), np.where(np.isnan(shifts), np.nanmean(shifts), shifts))


def link_to_truth(data: ResponseData, items: dict[str, np.ndarray]) -> Link:
    """The link of a model whose `items` are those of `recover`."""
    rows = _true_rows(data)
    skills = data.truth.skills
    return linking(items["thresholds"], data.truth.thresholds[rows], skills[rows], int(skills.max()) + 1)


def recover(
    data: ResponseData,
    split: str,
    pieces: Sequence[Piece],
    abilities: Sequence[np.ndarray],
    errors: Sequence[np.ndarray],
    items: dict[str, np.ndarray],
) -> tuple[dict[str, Pair], dict[str, float]]:
    """Compare a model's items, and its abilities of a split's students, with the truth.

    Args:
        data: has `truth`.
        split: the split.
        pieces: of its students.
        abilities: each piece's abilities before each of its responses, `(steps,)`.
        errors: their standard errors, of the same shapes.
        items: `discrimination` `(items,)` and `thresholds` `(items, categories - 1)` of the items of training.

    Returns:
        name to pair: `alpha`, `beta`, and `theta`, the abilities before each piece's last response; and scores: correlations,
        errors, and those of `coverage`. Abilities are left out where a student has several pieces.
    """
    rows, link, truth = _true_rows(data), link_to_truth(data, items), data.truth
    pairs = {
        "alpha": Pair(truth.discrimination[rows], items["discrimination"] / link.slope),
        "beta": Pair(truth.thresholds[rows], link.on_true_scale(items["thresholds"], truth.skills[rows])),
    }
    if len(pieces) != len(data.sequences[split]):
        return pairs, recovery_scores(pairs)
    true_of, skills_of = true_abilities(data, split)
    true = [true_of[piece.student] for piece in pieces]
    estimates = [
        link.on_true_scale(ability, skills_of[piece.student]) for piece, ability in zip(pieces, abilities, strict=True)
    ]
    last = (np.array([values[-1] for values in part]) for part in (true, estimates))
    pairs = {"theta": Pair(*last), **pairs}
    distances = [
        np.abs(t - estimate) / (link.slope * error) for t, estimate, error in zip(true, estimates, errors, strict=True)
    ]
    return pairs, recovery_scores(pairs) | coverage(distances)


def true_abilities(data: ResponseData, split: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Each student's true ability on each item before responding to it, and the items' skills, `(steps,)`."""
    truth, abilities, skills = data.truth, [], []
    for (items, _), row in zip(data.truth_pairs(split), data.truth_students[split], strict=True):
        abilities.append(truth.ability[row] + truth.gain[row] * truth.practice(items))
        skills.append(truth.skills[items])
    return abilities, skills


def coverage(distances: Sequence[np.ndarray]) -> dict[str, float]:
    """Which fraction of true values lies in bands around their estimates, in all steps and in thirds of each student's.

    Args:
        distances: for each student the distances of truth and estimate in standard errors, `(steps,)`.

    Returns:
        `coverage_50`, `coverage_80`, `coverage_95`, which are 0.5, 0.8 and 0.95 where the errors are right and the estimates
        normally distributed; and `coverage_95_first_third`, `coverage_95_middle_third`, `coverage_95_last_third`.
    """
    widths = {level: NormalDist().inv_cdf(0.5 + level / 200) for level in LEVELS}
    values = np.concatenate(distances)
    thirds = np.concatenate([np.arange(len(part)) * 3 // len(part) for part in distances])
    shares = {f"coverage_{level}": float((values <= width).mean()) for level, width in widths.items()}
    for number, name in enumerate(THIRDS):
        shares[f"coverage_95_{name}_third"] = float((values[thirds == number] <= widths[95]).mean())
    return shares


def _true_rows(data: ResponseData) -> np.ndarray:
    """The rows of `data.truth` of the items of training."""
    return np.array([int(item) for item in data.item_names])


def recovery_scores(pairs: dict[str, Pair]) -> dict[str, float]:
    """Correlation and root mean squared error of each pair of truth and estimate."""
    scores = {}
    for name, (truth, estimate) in pairs.items():
        scores[f"r_{name}"] = float(np.corrcoef(np.ravel(truth), np.ravel(estimate))[0, 1])
        scores[f"rmse_{name}"] = float(np.sqrt(((truth - estimate) ** 2).mean()))
    return scores
