"""Pictures of a vectors run: its training, and what the model looks at."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.common.evaluation import Evaluation
from utils.common.figures import figure_and_axes, legend_above, save_figure
from utils.common.fonts import drawable
from utils.common.plots import plot_history, reference_lines
from utils.text.words import shortened
from utils.vectors.evaluation import context_weights
from utils.vectors.predictor import VectorsPredictor
from utils.vectors.splits import VectorSplit

MAX_TEXTS = 10
"""Texts of a context that are drawn, the last ones."""
MAX_PLACE_NUMBERS = 12
"""Places that have their number in a plot, at most, beside the first one."""
PLACE_STEPS = [step * 10**power for power in range(6) for step in (2, 5, 10)]


def plot_training(
    run_dir: Path, rows: list[dict], baselines: dict[str, dict[str, Evaluation]], model_and_data: str
) -> None:
    """Draw `history.png`, the loss and the validation scores epoch by epoch.

    Args:
        run_dir: the run directory.
        rows: the rows of `metrics.csv`.
        baselines: name to split to evaluation; those of the validation documents are drawn as lines.
        model_and_data: the model's name and the data's, for the title.
    """
    from utils.training.fit import best_row

    panels = {
        "training loss": {"loss": "prediction and query"},
        "validation cosine": {"val_cosine": "cosine"},
        "validation retrieval, same document": {"val_hit@5": "hit@5", "val_mrr": "MRR"},
    }
    lines = reference_lines(baselines, baselines, ["val_cosine", "val_hit@5", "val_mrr"])
    best_epoch = best_row(rows, "val_score")["epoch"]
    plot_history(rows, run_dir / "history.png", panels, f"Training\n{model_and_data}", best_epoch, lines)


def plot_test(
    folder: Path,
    predictor: VectorsPredictor,
    part: VectorSplit,
    predictions: dict[str, np.ndarray],
    evaluation: Evaluation,
    model_and_data: str,
    split: str,
) -> None:
    """Draw `places.png`, the weight of each place of the context, and `windows.png`, some contexts with their texts.

    Args:
        folder: where to write.
        predictor: the trained model.
        part: the documents that were scored.
        predictions: the model's outputs for their targets.
        evaluation: of these predictions.
        model_and_data: the model's name and the data's, for the titles.
        split: name of the documents' split.
    """
    weights, examples = context_weights(predictor, part, predictions, 1 / evaluation.per_example["mrr"])
    conditions = f"{model_and_data}, {split}"
    num_contexts = len(next(iter(weights.values())))
    title = f"How much each place of the context counts\n{conditions}: means and 95 % intervals of {num_contexts:,} contexts"
    plot_places(weights, folder / "places.png", title)
    plot_windows(examples, folder / "windows.png", f"What counts in some contexts\n{conditions}")


def plot_places(weights: dict[str, np.ndarray], path: str | Path, title: str) -> None:
    """Draw how much each place of the context counts: the mean over contexts, with the last place at the right.

    Args:
        weights: title of each panel to the weights of the places, `(contexts, context_length)`.
        path: the PNG file to write.
        title: title of the plot.
    """
    figure, axes = figure_and_axes(4.5 * len(weights), 3.5, len(weights), title=title)
    for ax, (name, values) in zip(axes, weights.items(), strict=True):
        num_contexts, num_places = values.shape
        places = np.arange(num_places, 0, -1)
        errors = 1.96 * values.std(axis=0, ddof=min(1, num_contexts - 1)) / np.sqrt(num_contexts)
        ax.bar(places, values.mean(axis=0), yerr=errors, error_kw={"linewidth": 1, "capsize": 2})
        ax.axhline(1 / num_places, color="black", linewidth=1, linestyle=":", label="equal weights")
        numbers = np.arange(1, num_places + 1)
        if num_places > MAX_PLACE_NUMBERS:
            step = next(step for step in PLACE_STEPS if num_places <= step * MAX_PLACE_NUMBERS)
            numbers = np.append(1, numbers[step - 1 :: step])
        ax.set_xticks(numbers)
        ax.invert_xaxis()
        ax.set_xlabel("vectors before the target", fontsize=9)
        ax.set_ylabel("mean weight", fontsize=9)
        ax.set_title(name, fontsize=9, loc="right")
        ax.tick_params(labelsize=8)
        legend_above(ax)
    save_figure(figure, path)


def plot_windows(examples: list[dict], path: str | Path, title: str) -> None:
    """Draw some contexts: a bar per text for how much it counts, under the text that was to be found.

    Args:
        examples: for each context `target`, `rank`, `texts`, and `weights`, title to `(texts,)`.
        path: the PNG file to write.
        title: title of the plot.
    """
    most_texts = min(MAX_TEXTS, max(len(example["texts"]) for example in examples))
    figure, axes = figure_and_axes(
        10, 1.3 + (0.5 + 0.2 * most_texts) * len(examples), 1, len(examples), title, sharex=True
    )
    for ax, example in zip(axes, examples, strict=True):
        texts = example["texts"][-MAX_TEXTS:]
        height = 0.8 / len(example["weights"])
        for number, (name, values) in enumerate(example["weights"].items()):
            ax.barh(np.arange(len(texts)) + number * height - 0.4 + height / 2, values[-MAX_TEXTS:], height, label=name)
        ax.set_yticks(range(len(texts)), [drawable(shortened(text, 75)) for text in texts], fontsize=8)
        ax.invert_yaxis()
        ax.tick_params("x", labelsize=8)
        target = drawable(shortened(example["target"], 80))
        omitted = len(example["texts"]) - len(texts)
        note = f" (the last {len(texts)} of {len(example['texts'])} texts)" if omitted else ""
        ax.set_title(f"next, at rank {example['rank']:g}: {target}{note}", fontsize=8.5, loc="left")
    axes[-1].set_xlabel("weight", fontsize=9)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower right", ncols=2, frameon=False, fontsize=8)
    save_figure(figure, path)
