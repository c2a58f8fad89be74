"""Plots of a knowledge tracing run, as PNG files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from utils.common.plots import figure_and_axes, no_values, plot_history, save_figure
from utils.tracing.evaluation import Predictions
from utils.tracing.features import Piece
from utils.tracing.item_response import PROBABILITIES

CALIBRATION_BINS = 10
"""Bins of predicted probability in the calibration plot."""

MIN_BIN_RESPONSES = 20
"""Bins with fewer responses are left out of the calibration plot."""


MAX_STUDENTS = 6
"""Students whose abilities are drawn."""


def plot_training(rows: list[dict], run_dir: Path) -> None:
    """Losses, validation metrics and gradients by epoch.

    Args:
        rows: the rows of `metrics.csv`.
        run_dir: folder for the PNG files.
    """
    panels = {"loss": ["loss", "val_loss"], "validation": ["val_accuracy", "val_qwk"]}
    plot_history(rows, run_dir / "history.png", panels)
    layers = [name for name in rows[0] if name.startswith("gradient_")]
    plot_history(rows, run_dir / "gradient_flow.png", {"gradient, root mean square": layers}, log=True)


def plot_predictions(predictions: Predictions, run_dir: Path) -> None:
    """Confusion and calibration of a split."""
    plot_confusion(predictions.probabilities, predictions.responses, run_dir / "confusion.png")
    plot_calibration(predictions.probabilities, predictions.responses, run_dir / "calibration.png")


def plot_parameters(
    predictor,
    item_names: Sequence[str],
    item_skills: Sequence[int] | None,
    pieces: Sequence[Piece],
    outputs: Sequence[dict],
    student_names: Sequence[str],
    run_dir: Path,
) -> None:
    """What the model says about items and students, as far as it has such parameters.

    Args:
        predictor: a `TracingPredictor`.
        item_names: the items' names in the order of their numbers.
        item_skills: skill of each item number, or None.
        pieces: pieces of a split.
        outputs: the model's outputs for the pieces.
        student_names: names of the split's students.
        run_dir: folder for the PNG files.
    """
    items = predictor.item_parameters()
    if "address" in items:
        plot_addresses(items["address"], run_dir / "addresses.png", item_skills[1:] if item_skills else None)
    if "thresholds" not in items:
        return
    curves = items["discrimination"], items["thresholds"], PROBABILITIES[predictor.head]
    plot_item_curves(item_names, *curves, run_dir / "item_curves.png")
    plot_wright_map(predictor.last_abilities(outputs), items["thresholds"], run_dir / "wright_map.png")
    num_pieces = Counter(piece.student for piece in pieces)
    whole = [number for number, piece in enumerate(pieces) if num_pieces[piece.student] == 1][:MAX_STUDENTS]
    students = [
        {
            "name": student_names[pieces[number].student],
            "ability": outputs[number]["ability"],
            "error": np.array(predictor.ability_errors(outputs[number], range(len(pieces[number].items)))),
            "responses": pieces[number].responses,
        }
        for number in whole
    ]
    plot_abilities(students, run_dir / "abilities.png")


def plot_confusion(probabilities: np.ndarray, responses: np.ndarray, path: Path) -> None:
    """The most probable category against the response: fractions of each response's row, and counts.

    Args:
        probabilities: `(responses, categories)`.
        responses: `(responses,)`.
        path: the PNG file to write.
    """
    num_categories = probabilities.shape[1]
    counts = np.zeros((num_categories, num_categories), int)
    np.add.at(counts, (responses, probabilities.argmax(axis=1)), 1)
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, (ax,) = figure_and_axes(2 + 0.8 * num_categories, 1.6 + 0.7 * num_categories, 1)
    ax.imshow(fractions, "Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if fractions[row, column] > 0.5 else "black"
        text = f"{fractions[row, column]:.0%}\n{count:,}"
        ax.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    ax.set(xlabel="predicted", ylabel="response", xticks=range(num_categories), yticks=range(num_categories))
    ax.set_title("responses and predictions")
    save_figure(figure, path)


def plot_calibration(probabilities: np.ndarray, responses: np.ndarray, path: Path) -> None:
    """How often each category occurs where it is predicted with a certain probability. Perfect calibration is the diagonal.

    Args:
        probabilities: `(responses, categories)`.
        responses: `(responses,)`.
        path: the PNG file to write.
    """
    figure, (ax,) = figure_and_axes(4.8, 4.2, 1)
    ax.plot([0, 1], [0, 1], color="gray", linewidth=1, linestyle=":")
    for category in range(probabilities.shape[1]):
        predicted = probabilities[:, category]
        bins = np.minimum((predicted * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
        counts = np.bincount(bins, minlength=CALIBRATION_BINS)
        kept = counts >= MIN_BIN_RESPONSES
        mean_predicted, frequency = (
            np.bincount(bins, values, CALIBRATION_BINS)[kept] / counts[kept]
            for values in (predicted, responses == category)
        )
        ax.plot(mean_predicted, frequency, marker="o", markersize=3.5, linewidth=1.4, label=f"category {category}")
    ax.set(xlabel="predicted probability", ylabel="frequency", title="calibration", xlim=(0, 1), ylim=(0, 1))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def plot_abilities(students: Sequence[dict], path: Path) -> None:
    """Ability of some students over their responses, with a band of one standard error; dots are the responses.

    Args:
        students: mappings with `name`, and arrays `ability`, `error` and `responses` of equal lengths.
        path: the PNG file to write.
    """
    figure, axes = figure_and_axes(9, 1.9 * max(1, len(students)), 1, max(1, len(students)))
    for ax, student in zip(axes, students, strict=False):
        steps, ability, error = np.arange(len(student["ability"])), student["ability"], student["error"]
        ax.plot(steps, ability, linewidth=1.4)
        ax.fill_between(steps, ability - error, ability + error, alpha=0.2, linewidth=0)
        responses_ax = ax.twinx()
        responses_ax.scatter(steps, student["responses"], s=5, color="gray", alpha=0.6)
        responses_ax.set_ylabel("response", fontsize=8, color="gray")
        responses_ax.spines[["top"]].set_visible(False)
        ax.set(ylabel="ability", title=f"student {student['name']}"[:80])
        ax.title.set_fontsize(9)
        ax.grid(alpha=0.3)
    axes[-1].set_xlabel("earlier responses")
    if not students:
        no_values(axes[0])
    save_figure(figure, path)


def plot_item_curves(
    names: Sequence[str], discrimination: np.ndarray, thresholds: np.ndarray, head: Callable, path: Path
) -> None:
    """Item characteristic curves: category probabilities over ability, for up to six items from easy to hard.

    Args:
        names: the items' names.
        discrimination: `(items,)`.
        thresholds: `(items, categories - 1)`.
        head: a function of `utils.tracing.item_response.PROBABILITIES`.
        path: the PNG file to write.
    """
    places = np.linspace(0, len(names) - 1, min(6, len(names))).round().astype(int)
    items = np.argsort(thresholds.mean(axis=1), kind="stable")[places]
    figure, axes = figure_and_axes(9, 2.4 * -(-len(items) // 3), min(3, len(items)), -(-len(items) // 3))
    ability = np.linspace(-4, 4, 161)
    for ax, item in zip(axes, items, strict=False):
        probabilities = head(ability, np.full(161, discrimination[item]), thresholds[item])
        for category in range(probabilities.shape[1]):
            ax.plot(ability, probabilities[:, category], linewidth=1.4, label=str(category))
        ax.set(title=f"item {names[item]}"[:40], ylim=(0, 1))
        ax.title.set_fontsize(9)
        ax.grid(alpha=0.3)
    for ax in axes[len(items) :]:
        ax.set_visible(False)
    axes[0].legend(frameon=False, fontsize=7, title="response", title_fontsize=7)
    figure.supxlabel("ability", fontsize=9)
    save_figure(figure, path)


def plot_wright_map(abilities: np.ndarray, thresholds: np.ndarray, path: Path) -> None:
    """Students' abilities and items' thresholds on one scale (Wright map).

    Args:
        abilities: `(students,)`.
        thresholds: `(items, categories - 1)`.
        path: the PNG file to write.
    """
    figure, (left, right) = figure_and_axes(7, 4.2, 2)
    low, high = np.percentile(np.concatenate([abilities, thresholds.ravel()]), [0.5, 99.5])
    bins = np.linspace(low, high, 31)
    left.hist(np.clip(abilities, low, high), bins, orientation="horizontal", color="tab:blue", alpha=0.7)
    left.invert_xaxis()
    left.set(xlabel="students", ylabel="ability, threshold", title="last abilities")
    columns = [np.clip(thresholds[:, number], low, high) for number in range(thresholds.shape[1])]
    labels = [f"{number} to {number + 1}" for number in range(len(columns))]
    right.hist(columns, bins, orientation="horizontal", stacked=True, label=labels)
    right.set(xlabel="items", title="thresholds")
    right.legend(frameon=False, fontsize=8)
    for ax in (left, right):
        ax.set_ylim(low, high)
        ax.grid(alpha=0.3)
    save_figure(figure, path)


def plot_addresses(address: np.ndarray, path: Path, skills: Sequence | None = None) -> None:
    """Which slots of the memory the items address: a heat map with a row per item.

    Args:
        address: `(items, slots)`.
        path: the PNG file to write.
        skills: skill of each item; items of a skill are drawn together. None groups items by the slot they address most.
    """
    groups = address.argmax(axis=1) if skills is None else np.asarray(skills)
    order = np.lexsort((address.argmax(axis=1), groups))
    figure, (ax,) = figure_and_axes(2.5 + 0.16 * address.shape[1], 5, 1)
    image = ax.imshow(address[order], "viridis", aspect="auto", interpolation="nearest", vmin=0)
    if skills is not None:
        starts = np.flatnonzero(np.diff(groups[order], prepend=groups[order][0] - 1))
        ax.set_yticks(starts, [f"skill {groups[order][start]}" for start in starts], fontsize=7)
        for start in starts[1:]:
            ax.axhline(start - 0.5, color="white", linewidth=0.6)
    ax.set(xlabel="slot", ylabel="" if skills is not None else "item", title="address of each item")
    figure.colorbar(image, ax=ax)
    save_figure(figure, path)


def plot_recovery(pairs: dict[str, tuple[np.ndarray, np.ndarray]], path: Path) -> None:
    """Estimates against the truth, one panel per parameter.

    Args:
        pairs: name to truth and estimate.
        path: the PNG file to write.
    """
    figure, axes = figure_and_axes(3.6 * len(pairs), 3.6, len(pairs))
    for ax, (name, pair) in zip(axes, pairs.items(), strict=True):
        truth, estimate = (np.ravel(values) for values in pair)
        low, high = min(truth.min(), estimate.min()), max(truth.max(), estimate.max())
        ax.plot([low, high], [low, high], color="gray", linewidth=1, linestyle=":")
        ax.scatter(truth, estimate, s=6, alpha=0.5, linewidths=0)
        ax.set(xlabel=f"true {name}", ylabel=f"estimate (r = {np.corrcoef(truth, estimate)[0, 1]:.3f})")
        ax.grid(alpha=0.3)
    save_figure(figure, path)
