"""Plots of what a model of responses found, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.common.plots import figure_and_axes, no_values

BINS = 10
"""Of predicted probability, in the calibration plot."""


def plot_confusion(chances: np.ndarray, responses: np.ndarray, path: Path) -> None:
    """The most probable category against the response: shares of each response's row, and counts."""
    categories = chances.shape[1]
    counts = np.zeros((categories, categories), int)
    np.add.at(counts, (responses, chances.argmax(axis=1)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, (ax,) = figure_and_axes(2 + 0.8 * categories, 1.6 + 0.7 * categories, 1)
    ax.imshow(shares, "Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        told = f"{shares[row, column]:.0%}\n{count:,}"
        ax.text(column, row, told, ha="center", va="center", fontsize=8, color=colour)
    ax.set(xlabel="predicted", ylabel="response", xticks=range(categories), yticks=range(categories))
    ax.set_title("responses and predictions")
    figure.savefig(path, dpi=120)


def plot_calibration(chances: np.ndarray, responses: np.ndarray, path: Path) -> None:
    """Of each category, how often it occurs where it is predicted with some probability; on the diagonal they agree."""
    figure, (ax,) = figure_and_axes(4.8, 4.2, 1)
    ax.plot([0, 1], [0, 1], color="gray", linewidth=1, linestyle=":")
    for category in range(chances.shape[1]):
        bins = np.minimum((chances[:, category] * BINS).astype(int), BINS - 1)
        counts = np.bincount(bins, minlength=BINS)
        enough = counts >= 20
        predicted, found = (
            np.bincount(bins, weights=of, minlength=BINS)[enough] / counts[enough]
            for of in (chances[:, category], responses == category)
        )
        ax.plot(predicted, found, marker="o", markersize=3.5, linewidth=1.4, label=f"category {category}")
    ax.set(xlabel="predicted probability", ylabel="share that occurred", title="calibration", xlim=(0, 1), ylim=(0, 1))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)


def plot_abilities(students: Sequence[dict], path: Path) -> None:
    """Ability over the responses of some students, with one standard error to both sides; dots are the responses.

    Args:
        students: mappings with `name`, and arrays `ability`, `error` and `responses` of equal lengths.
    """
    figure, axes = figure_and_axes(9, 1.9 * max(1, len(students)), 1, max(1, len(students)))
    for ax, student in zip(axes, students, strict=False):
        steps, ability, error = np.arange(len(student["ability"])), student["ability"], student["error"]
        ax.plot(steps, ability, linewidth=1.4)
        ax.fill_between(steps, ability - error, ability + error, alpha=0.2, linewidth=0)
        other = ax.twinx()
        other.scatter(steps, student["responses"], s=5, color="gray", alpha=0.6)
        other.set_ylabel("response", fontsize=8, color="gray")
        other.spines[["top"]].set_visible(False)
        ax.set(ylabel="ability", title=f"student {student['name']}"[:80])
        ax.title.set_fontsize(9)
        ax.grid(alpha=0.3)
    axes[-1].set_xlabel("responses before")
    if not students:
        no_values(axes[0])
    figure.savefig(path, dpi=120)


def plot_item_curves(
    names: Sequence[str], discrimination: np.ndarray, thresholds: np.ndarray, curves, path: Path
) -> None:
    """Item characteristic curves: the categories' probabilities over ability, of up to six items from easy to hard.

    Args:
        curves: of `utils.tracing.simulation.PROBABILITIES`.
    """
    shown = np.linspace(0, len(names) - 1, min(6, len(names))).round().astype(int)
    shown = np.argsort(thresholds.mean(axis=1), kind="stable")[shown]
    figure, axes = figure_and_axes(9, 2.4 * -(-len(shown) // 3), min(3, len(shown)), -(-len(shown) // 3))
    ability = np.linspace(-4, 4, 161)
    for ax, item in zip(axes, shown, strict=False):
        found = curves(ability, np.full(161, discrimination[item]), thresholds[item])
        for category in range(found.shape[1]):
            ax.plot(ability, found[:, category], linewidth=1.4, label=str(category))
        ax.set(title=f"item {names[item]}"[:40], ylim=(0, 1))
        ax.title.set_fontsize(9)
        ax.grid(alpha=0.3)
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    axes[0].legend(frameon=False, fontsize=7, title="response", title_fontsize=7)
    figure.supxlabel("ability", fontsize=9)
    figure.savefig(path, dpi=120)


def plot_wright_map(abilities: np.ndarray, thresholds: np.ndarray, path: Path) -> None:
    """Students' abilities and items' thresholds on one scale (Wright map)."""
    figure, (left, right) = figure_and_axes(7, 4.2, 2)
    everything = np.concatenate([abilities, thresholds.ravel()])
    low, high = np.percentile(everything, [0.5, 99.5])
    bins = np.linspace(low, high, 31)
    left.hist(np.clip(abilities, low, high), bins, orientation="horizontal", color="tab:blue", alpha=0.7)
    left.invert_xaxis()
    left.set(xlabel="students", ylabel="ability, threshold", title="last abilities")
    kinds = [np.clip(thresholds[:, number], low, high) for number in range(thresholds.shape[1])]
    labels = [f"{number} to {number + 1}" for number in range(len(kinds))]
    right.hist(kinds, bins, orientation="horizontal", stacked=True, label=labels)
    right.set(xlabel="items", title="thresholds")
    right.legend(frameon=False, fontsize=8)
    for ax in (left, right):
        ax.set_ylim(low, high)
        ax.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def plot_addresses(address: np.ndarray, path: Path, labels: Sequence | None = None) -> None:
    """Which slots of the memory the items address: a heat map, a row an item.

    Args:
        address: `(items, slots)`.
        labels: of the items' groups, such as skills, in which they are drawn together; else by the slot they address most.
    """
    groups = address.argmax(axis=1) if labels is None else np.asarray(labels)
    order = np.lexsort((address.argmax(axis=1), groups))
    figure, (ax,) = figure_and_axes(2.5 + 0.16 * address.shape[1], 5, 1)
    image = ax.imshow(address[order], "viridis", aspect="auto", interpolation="nearest", vmin=0)
    if labels is not None:
        starts = np.flatnonzero(np.diff(groups[order], prepend=groups[order][0] - 1))
        ax.set_yticks(starts, [f"skill {groups[order][start]}" for start in starts], fontsize=7)
        for start in starts[1:]:
            ax.axhline(start - 0.5, color="white", linewidth=0.6)
    ax.set(xlabel="slot", ylabel="" if labels is not None else "item", title="address of each item")
    figure.colorbar(image, ax=ax)
    figure.savefig(path, dpi=120)


def plot_recovery(pairs: dict[str, tuple[np.ndarray, np.ndarray]], path: Path) -> None:
    """Estimates against the truth, a panel a parameter: its name to `(truth, estimate)`."""
    figure, axes = figure_and_axes(3.6 * len(pairs), 3.6, len(pairs))
    for ax, (name, (truth, found)) in zip(axes, pairs.items(), strict=True):
        truth, found = np.ravel(truth), np.ravel(found)
        low, high = min(truth.min(), found.min()), max(truth.max(), found.max())
        ax.plot([low, high], [low, high], color="gray", linewidth=1, linestyle=":")
        ax.scatter(truth, found, s=6, alpha=0.5, linewidths=0)
        ax.set(xlabel=f"true {name}", ylabel=f"estimate (r = {np.corrcoef(truth, found)[0, 1]:.3f})")
        ax.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
