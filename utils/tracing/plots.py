"""Pictures of a knowledge tracing run: its training, and its predictions of a split."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.common.evaluation import Evaluation
from utils.common.figures import figure_and_axes, legend_above, save_figure
from utils.common.plots import plot_history, reference_lines
from utils.tracing.evaluation import Predictions

CALIBRATION_BINS = 10
"""Bins of predicted probability in the calibration plot."""

MIN_BIN_RESPONSES = 20
"""Bins with fewer responses are left out of the calibration plot."""


def plot_training(
    run_dir: Path, rows: list[dict], baselines: dict[str, dict[str, Evaluation]], model_and_data: str
) -> None:
    """Draw `history.png`, losses and validation scores by epoch, and `gradient_flow.png`, the size of each layer's gradient.

    Args:
        run_dir: folder for the PNG files.
        rows: the rows of `metrics.csv`.
        baselines: name to split to evaluation; those of the validation students are drawn as lines.
        model_and_data: the model's name and the data's, for the titles.
    """
    from utils.tracing.baselines import PLAIN_BASELINES
    from utils.training.fit import best_row

    panels = {
        "loss": {"loss": "training, with dropout", "val_loss": "validation"},
        "validation NLL (nats per response)": {"val_nll": "NLL"},
        "validation accuracy and kappa": {"val_accuracy": "accuracy", "val_qwk": "quadratic weighted kappa"},
    }
    lines = reference_lines(baselines, PLAIN_BASELINES, ["val_nll"], lower_is_better=["val_nll"])
    plain = {name: splits for name, splits in baselines.items() if name in PLAIN_BASELINES}
    lines |= reference_lines(plain, PLAIN_BASELINES, ["val_accuracy", "val_qwk"])
    best_epoch = best_row(rows, "val_score")["epoch"]
    plot_history(rows, run_dir / "history.png", panels, f"Training\n{model_and_data}", best_epoch, lines)
    prefix = "gradient_"
    layers = {name: name.removeprefix(prefix).replace("_", " ") for name in rows[0] if name.startswith(prefix)}
    title = f"Gradient of each layer's weights\n{model_and_data}"
    plot_history(rows, run_dir / "gradient_flow.png", {"root mean square": layers}, title, best_epoch, log=True)


def plot_test(folder: Path, predictions: Predictions, model_and_data: str, split: str) -> None:
    """Draw `confusion.png` and `calibration.png` of a split.

    Args:
        folder: where to write.
        predictions: of the split's responses.
        model_and_data: the model's name and the data's, for the titles.
        split: the split's name.
    """
    num_students = len(np.unique(predictions.students))
    conditions = f"{model_and_data}, {split}\n{len(predictions.responses):,} responses of {num_students:,} students"
    plot_confusion(predictions, folder / "confusion.png", f"Predicted and given responses\n{conditions}")
    plot_calibration(predictions, folder / "calibration.png", f"Calibration\n{conditions}")


def plot_confusion(predictions: Predictions, path: Path, title: str) -> None:
    """The most probable category against the response: fractions of each response's row, and counts.

    Args:
        predictions: the predictions and responses.
        path: the PNG file to write.
        title: title of the plot.
    """
    num_categories = predictions.probabilities.shape[1]
    counts = np.zeros((num_categories, num_categories), int)
    np.add.at(counts, (predictions.responses, predictions.probabilities.argmax(axis=1)), 1)
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = max(3.2, 0.75 * num_categories)
    figure, (ax,) = figure_and_axes(size + 1.8, size + 1.3, 1, title=title)
    image = ax.imshow(fractions, "Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if fractions[row, column] > 0.5 else "black"
        text = f"{fractions[row, column]:.0%}\n{count:,}"
        ax.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    ax.set(
        xlabel="most probable category", ylabel="response", xticks=range(num_categories), yticks=range(num_categories)
    )
    figure.colorbar(image, ax=ax, shrink=0.8, label="fraction of the responses in the row")
    save_figure(figure, path)


def plot_calibration(predictions: Predictions, path: Path, title: str) -> None:
    """How often each category occurs where it is predicted with a certain probability. Perfect calibration is the diagonal.

    The bars are 95 % intervals of a frequency among as many independent responses, 1.96 standard errors each way.

    Args:
        predictions: the predictions and responses.
        path: the PNG file to write.
        title: title of the plot; a line on the intervals is added.
    """
    title = f"{title}, 95 % intervals\nbins of at least {MIN_BIN_RESPONSES} responses"
    figure, (ax,) = figure_and_axes(5.6, 5, 1, title=title)
    ax.plot([0, 1], [0, 1], color="gray", linewidth=1, linestyle=":")
    for category in range(predictions.probabilities.shape[1]):
        predicted = predictions.probabilities[:, category]
        bins = np.minimum((predicted * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
        counts = np.bincount(bins, minlength=CALIBRATION_BINS)
        kept = counts >= MIN_BIN_RESPONSES
        mean_predicted, frequency = (
            np.bincount(bins, values, CALIBRATION_BINS)[kept] / counts[kept]
            for values in (predicted, predictions.responses == category)
        )
        errors = 1.96 * np.sqrt(frequency * (1 - frequency) / counts[kept])
        style = {"fmt": "o-", "markersize": 3.5, "linewidth": 1.4, "elinewidth": 1, "capsize": 2}
        ax.errorbar(mean_predicted, frequency, errors, label=f"category {category}", color=f"C{category}", **style)
    ax.set(xlabel="predicted probability", ylabel="frequency", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    ax.grid(alpha=0.3)
    legend_above(ax)
    save_figure(figure, path)
