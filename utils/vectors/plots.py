"""Plots of what models of next vectors look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.common.plots import figure_and_axes, shortened


def plot_places(shares: dict[str, np.ndarray], path: str | Path) -> None:
    """Draw how much each place of the context counts: the mean over windows, the last place at the right.

    Args:
        shares: titles of panels to shares by place, `(windows, context)`.
        path: The PNG file to write.
    """
    figure, axes = figure_and_axes(4.5 * len(shares), 3, len(shares))
    for ax, (title, of) in zip(axes, shares.items(), strict=True):
        ax.bar(np.arange(-of.shape[1], 0), of.mean(axis=0))
        ax.set(title=title, xlabel="place before the target", ylabel="mean share")
    figure.savefig(path, dpi=120)


def plot_windows(shown: list[dict], path: str | Path) -> None:
    """Draw some windows: a bar for each of the context's texts, how much it counts, under the text that was to be found.

    Args:
        shown: of each window `target`, `rank`, `texts`, and `shares`, name to `(texts,)`.
        path: The PNG file to write.
    """
    figure, axes = figure_and_axes(12, 1.2 + 0.2 * max(len(of["texts"]) for of in shown) * len(shown), 1, len(shown))
    for ax, of in zip(axes, shown, strict=True):
        height = 0.8 / len(of["shares"])
        for number, (name, values) in enumerate(of["shares"].items()):
            ax.barh(np.arange(len(values)) + number * height, values, height, label=name)
        ax.set_yticks(range(len(of["texts"])), [shortened(text, 80) for text in of["texts"]], fontsize=7)
        ax.invert_yaxis()
        ax.set_title(f"next, found as number {of['rank']:g}: {shortened(of['target'], 90)}", fontsize=8, loc="left")
    axes[-1].set(xlabel="share")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)
