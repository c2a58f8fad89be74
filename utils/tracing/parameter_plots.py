"""Pictures of what a knowledge tracing model says about students and items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.figures import figure_and_axes, legend_above, no_values, save_figure
from utils.common.fonts import drawable
from utils.text.words import shortened

MAX_STUDENTS = 4
"""Students whose abilities are drawn."""
MAX_SKILL_NAMES = 30
"""With more skills than this, their names do not fit beside the addresses."""
PARAMETERS = {"theta": "ability", "alpha": "discrimination", "beta": "threshold"}


@dataclass(frozen=True)
class StudentCurve:
    """The ability of a student before each response.

    Args:
        name: the student's name.
        ability: `(steps,)`.
        error: its standard error, `(steps,)`.
        responses: `(steps,)`.
        truth: the ability of a simulated student for the item of each step, `(steps,)`, or None.
    """

    name: str
    ability: np.ndarray
    error: np.ndarray
    responses: np.ndarray
    truth: np.ndarray | None = None


def plot_abilities(students: Sequence[StudentCurve], num_categories: int, path: Path, title: str) -> None:
    """Ability of some students over their responses, with a band of one standard error; below it, the responses.

    Args:
        students: the students, on one scale of ability: the truth's, where that is known.
        num_categories: number of response categories.
        path: the PNG file to write. Without students it says "no values".
        title: title of the plot.
    """
    count = max(1, len(students))
    size = {"height_ratios": [3, 1] * count, "sharex": True, "gridspec_kw": {"hspace": 0}}
    figure, axes = figure_and_axes(9, 0.9 + 1.6 * count, 1, 2 * count, title, **size)
    for number, student in enumerate(students):
        ax, strip = axes[2 * number : 2 * number + 2]
        steps = np.arange(len(student.ability))
        ax.plot(steps, student.ability, linewidth=1.4, label="estimate before each response")
        band = student.ability - student.error, student.ability + student.error
        ax.fill_between(steps, *band, alpha=0.25, linewidth=0, label="one standard error each way")
        if student.truth is not None:
            ax.plot(steps, student.truth, color="black", linewidth=1, alpha=0.7, linestyle="--", label="true ability")
        ax.set_ylabel(f"student {drawable(shortened(student.name, 12))}\nability", fontsize=8)
        strip.scatter(steps, student.responses, s=4, color="gray", linewidths=0)
        strip.set(ylim=(-0.6, num_categories - 0.4), yticks=(0, num_categories - 1))
        strip.set_ylabel("response", fontsize=7)
        for panel in (ax, strip):
            panel.tick_params(labelsize=8)
            panel.grid(alpha=0.3)
    if students:
        low = min(axes[2 * number].get_ylim()[0] for number in range(count))
        high = max(axes[2 * number].get_ylim()[1] for number in range(count))
        for number in range(count):
            axes[2 * number].set_ylim(low, high)
        legend_above(axes[0])
        axes[-1].set_xlabel("earlier responses", fontsize=9)
    else:
        no_values(axes[0])
        axes[1].set_visible(False)
    save_figure(figure, path)


def plot_item_curves(
    names: Sequence[str], discrimination: np.ndarray, thresholds: np.ndarray, head: Callable, path: Path, title: str
) -> None:
    """Item characteristic curves: category probabilities over ability, for up to six items from easy to hard.

    Args:
        names: the items' names.
        discrimination: `(items,)`.
        thresholds: `(items, categories - 1)`.
        head: a function of `utils.tracing.item_response.PROBABILITIES`.
        path: the PNG file to write.
        title: title of the plot.
    """
    places = np.linspace(0, len(names) - 1, min(6, len(names))).round().astype(int)
    items = np.argsort(thresholds.mean(axis=1), kind="stable")[places]
    columns, rows = min(3, len(items)), -(-len(items) // 3)
    figure, axes = figure_and_axes(9, 0.9 + 2.3 * rows, columns, rows, title, sharex=True, sharey=True)
    ability = np.linspace(-4, 4, 161)
    for number, (ax, item) in enumerate(zip(axes, items, strict=False)):
        probabilities = head(ability, np.full(161, discrimination[item]), thresholds[item])
        for category in range(probabilities.shape[1]):
            ax.plot(ability, probabilities[:, category], linewidth=1.4, label=f"response {category}")
        ax.set(ylim=(0, 1))
        ax.set_title(f"item {drawable(names[item])[:40]}", fontsize=9)
        ax.tick_params(labelsize=8)
        ax.grid(alpha=0.3)
        if number % columns == 0:
            ax.set_ylabel("probability", fontsize=9)
        if number >= len(items) - columns:
            ax.set_xlabel("ability", fontsize=9)
            ax.tick_params(labelbottom=True)
    for ax in axes[len(items) :]:
        ax.set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False, fontsize=8)
    save_figure(figure, path)


def plot_wright_map(abilities: np.ndarray, thresholds: np.ndarray, path: Path, title: str) -> None:
    """Students' abilities and items' thresholds on one scale (Wright map); the outermost 0.5 % stand at the edges.

    Args:
        abilities: `(students,)`.
        thresholds: `(items, categories - 1)`.
        path: the PNG file to write.
        title: title of the plot.
    """
    figure, (left, right) = figure_and_axes(7, 4.6, 2, title=title, sharey=True)
    low, high = np.percentile(np.concatenate([abilities, thresholds.ravel()]), [0.5, 99.5])
    bins = np.linspace(low, high, 31)
    left.hist(np.clip(abilities, low, high), bins, orientation="horizontal", color="0.5")
    left.invert_xaxis()
    left.set(xlabel=f"number of students (of {len(abilities):,})", ylabel="ability and threshold")
    left.set_title("students' last abilities", fontsize=9)
    columns = [np.clip(thresholds[:, number], low, high) for number in range(thresholds.shape[1])]
    labels = [f"from {number} to {number + 1}" for number in range(len(columns))]
    right.hist(columns, bins, orientation="horizontal", stacked=True, label=labels)
    right.set(xlabel=f"number of thresholds (of {thresholds.size:,})")
    right.set_title(f"thresholds of {len(thresholds):,} items", fontsize=9)
    right.legend(frameon=False, fontsize=8)
    for ax in (left, right):
        ax.set_ylim(low, high)
        ax.grid(alpha=0.3)
        ax.xaxis.get_major_locator().set_params(integer=True)
    save_figure(figure, path)


def plot_addresses(address: np.ndarray, path: Path, title: str, skills: Sequence | None = None) -> None:
    """Which slots of the memory the items address: a heat map with a row per item.

    Args:
        address: `(items, slots)`.
        path: the PNG file to write.
        title: title of the plot.
        skills: skill of each item; items of a skill are drawn together. None groups items by the slot they address most.
    """
    from matplotlib.ticker import MaxNLocator

    groups = address.argmax(axis=1) if skills is None else np.asarray(skills)
    order = np.lexsort((address.argmax(axis=1), groups))
    figure, (ax,) = figure_and_axes(max(5, 2.5 + 0.16 * address.shape[1]), 5.2, 1, title=title)
    image = ax.imshow(address[order], "viridis", aspect="auto", interpolation="nearest", vmin=0)
    ylabel = f"{len(address):,} items, by the slot that they address most"
    if skills is not None:
        starts = np.flatnonzero(np.diff(groups[order], prepend=groups[order][0] - 1))
        ylabel = f"{len(address):,} items, by their {len(starts):,} skills"
        for start in starts[1:]:
            ax.axhline(start - 0.5, color="white", linewidth=0.6)
        if len(starts) <= MAX_SKILL_NAMES:
            middles = (starts + np.append(starts[1:], len(order)) - 1) / 2
            ax.set_yticks(middles, [f"skill {groups[order][start]}" for start in starts], fontsize=7)
            ax.tick_params("y", length=0)
    if skills is None or len(starts) > MAX_SKILL_NAMES:
        ax.set_yticks([])
    ax.set(xlabel="slot of the memory", ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.colorbar(image, ax=ax, label="weight of the slot")
    save_figure(figure, path)


def plot_recovery(pairs: dict[str, tuple[np.ndarray, np.ndarray]], path: Path, title: str) -> None:
    """Estimates against the truth, one panel per parameter; the dotted line is equality.

    Args:
        pairs: name to truth and estimate.
        path: the PNG file to write.
        title: title of the plot.
    """
    figure, axes = figure_and_axes(3.6 * len(pairs), 4.1, len(pairs), title=title)
    for ax, (name, pair) in zip(axes, pairs.items(), strict=True):
        truth, estimate = (np.ravel(values) for values in pair)
        low, high = min(truth.min(), estimate.min()), max(truth.max(), estimate.max())
        ax.plot([low, high], [low, high], color="gray", linewidth=1, linestyle=":")
        ax.scatter(truth, estimate, s=6, alpha=0.5, linewidths=0)
        noun = PARAMETERS.get(name, name)
        ax.set(xlabel=f"true {noun} ({name})", ylabel="estimate")
        ax.set_title(f"{len(truth):,} values, r = {np.corrcoef(truth, estimate)[0, 1]:.3f}", fontsize=9)
        ax.grid(alpha=0.3)
    save_figure(figure, path)
