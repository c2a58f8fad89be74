"""Plots of what models of next vectors look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.plots import figure_and_axes


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
