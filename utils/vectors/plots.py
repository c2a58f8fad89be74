"""Plots of what models of next vectors look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.common.plots import figure_and_axes, save_figure
from utils.text.words import shortened


def plot_places(weights: dict[str, np.ndarray], path: str | Path) -> None:
    """Draw how much each place of the context counts: the mean over contexts, with the last place at the right.

    Args:
        weights: title of each panel to the weights of the places, `(contexts, context_length)`.
        path: the PNG file to write.
    """
    figure, axes = figure_and_axes(4.5 * len(weights), 3, len(weights))
    for ax, (title, values) in zip(axes, weights.items(), strict=True):
        ax.bar(np.arange(-values.shape[1], 0), values.mean(axis=0))
        ax.set(title=title, xlabel="place before the target", ylabel="mean weight")
    save_figure(figure, path)


def plot_windows(examples: list[dict], path: str | Path) -> None:
    """Draw some contexts: a bar per text for how much it counts, under the text that was to be found.

    Args:
        examples: for each context `target`, `rank`, `texts`, and `weights`, title to `(texts,)`.
        path: the PNG file to write.
    """
    most_texts = max(len(example["texts"]) for example in examples)
    figure, axes = figure_and_axes(12, 1.2 + 0.2 * most_texts * len(examples), 1, len(examples))
    for ax, example in zip(axes, examples, strict=True):
        height = 0.8 / len(example["weights"])
        for number, (title, values) in enumerate(example["weights"].items()):
            ax.barh(np.arange(len(values)) + number * height, values, height, label=title)
        ax.set_yticks(range(len(example["texts"])), [shortened(text, 80) for text in example["texts"]], fontsize=7)
        ax.invert_yaxis()
        target = shortened(example["target"], 90)
        ax.set_title(f"next, found at rank {example['rank']:g}: {target}", fontsize=8, loc="left")
    axes[-1].set(xlabel="weight")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", frameon=False, fontsize=8)
    save_figure(figure, path)
