"""Plots of a run, as PNG files."""

import math
from pathlib import Path


def plot_history(rows: list[dict], path: str | Path, panels: dict[str, list[str]], log: bool = False) -> None:
    """Draw metrics by epoch, one panel beside the other.

    Args:
        rows: One mapping an epoch, as read from `metrics.csv`: values may be numbers or their text. The x axis is the
            column `epoch`, or 1, 2, ... where there is none. An empty, missing or non-finite value is a gap.
        path: The PNG file to write.
        panels: Title of each panel to the columns drawn in it. A column without any value is left out, and a panel
            without any says "no values".
        log: Whether the y axes are logarithmic.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = figure_and_axes(4.8 * len(panels), 3.6, len(panels))
    epochs = [_number(row.get("epoch", i)) for i, row in enumerate(rows, start=1)]
    for ax, (title, columns) in zip(axes, panels.items(), strict=True):
        for column in columns:
            values = [_number(row.get(column)) for row in rows]
            if not all(map(math.isnan, values)):
                ax.plot(epochs, values, marker="o", markersize=3.5, linewidth=1.6, label=column)
        ax.set(title=title, xlabel="epoch")
        if ax.lines:
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            if len(rows) == 1:
                ax.set_xlim(epochs[0] - 1, epochs[0] + 1)
            ax.grid(alpha=0.3)
            ax.legend(frameon=False, fontsize=None if len(ax.lines) < 5 else 6)
            if log:
                ax.set_yscale("log")
                ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
                ax.yaxis.set_minor_formatter(lambda value, _: "")
        else:
            no_values(ax)
    figure.savefig(path, dpi=120)


def plot_bars(groups: dict[str, tuple], path: str | Path, title: str, ylabel: str, series: tuple = ()) -> None:
    """Draw a bar, or several side by side, for each group, labelled with the group's size.

    Args:
        groups: Label of each group to `(count, value, ...)`, with equally many values in each, drawn in this order.
            A value that is missing or not finite has no bar and reads "n/a".
        path: The PNG file to write. Without groups it says "no values".
        title: Title of the plot.
        ylabel: Name and unit of the values.
        series: What the values of a group are, where there is more than one.
    """
    per_group = max((len(group) - 1 for group in groups.values()), default=1)
    figure, (ax,) = figure_and_axes(max(4.8, 1.6 + len(groups) * max(0.8, 0.52 * per_group)), 3.8, 1)
    width = 0.8 / per_group
    for i in range(per_group):
        values = [_number(value[i + 1]) for value in groups.values()]
        centres = [j + (i - (per_group - 1) / 2) * width for j in range(len(groups))]
        heights = [0.0 if math.isnan(value) else value for value in values]
        bars = ax.bar(centres, heights, width * 0.94, label=series[i] if series else None)
        texts = ["n/a" if math.isnan(value) else f"{value:.3g}" for value in values]
        ax.bar_label(bars, texts, padding=2, fontsize=8)
    ax.set(title=title, ylabel=ylabel)
    if groups:
        slanted = max(map(len, groups)) > 12
        labels = [f"{label}{' ' if slanted else chr(10)}(n = {group[0]:,})" for label, group in groups.items()]
        ax.set_xticks(range(len(groups)), labels, fontsize=8)
        if slanted:
            ax.tick_params("x", rotation=30)
            for label in ax.get_xticklabels():
                label.set_horizontalalignment("right")
        ax.margins(x=0.02, y=0.12)
        ax.axhline(0, color="black", linewidth=0.8)
        if series:
            figure.legend(loc="outside upper right", ncols=per_group, frameon=False, fontsize=8)
    else:
        no_values(ax)
    figure.savefig(path, dpi=120)


def plot_comparison(rows: dict[str, dict[str, tuple]], path: str | Path, title: str, xlabel: str) -> None:
    """Draw scores side by side with their intervals: a row a model, from top to bottom, a bar a score.

    Args:
        rows: label of each row to its scores: name to `(value, low, high)`; the same names in every row, drawn in this order.
        path: The PNG file to write.
        title: Title of the plot.
        xlabel: Name and unit of the scores.
    """
    names = list(next(iter(rows.values())))
    figure, (ax,) = figure_and_axes(8, 1.4 + 0.3 * len(rows) * (len(names) + 0.6), 1)
    height = 0.8 / len(names)
    for number, name in enumerate(names):
        values, lows, highs = zip(*(row[name] for row in rows.values()), strict=True)
        places = [place + (number - (len(names) - 1) / 2) * height for place in range(len(rows))]
        away = [
            [v - low for v, low in zip(values, lows, strict=True)],
            [h - v for v, h in zip(values, highs, strict=True)],
        ]
        bars = ax.barh(places, values, height * 0.92, xerr=away, label=name, error_kw={"linewidth": 1, "capsize": 2})
        ax.bar_label(bars, [f"{value:.4g}" for value in values], padding=3, fontsize=8)
    ax.set_yticks(range(len(rows)), [label.replace(":--", "\n--") for label in rows], fontsize=8)
    ax.invert_yaxis()
    ax.margins(x=0.1)
    ax.set(title=title, xlabel=xlabel)
    figure.legend(loc="outside upper right", ncols=len(names), frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)


def plot_attention(shown, path: str | Path) -> None:
    """Draw which facts some questions attended to: a heat map a question, a row a fact, marked where the fact answers. The colour
    is the weight's logarithm, white from 1e-6 down.

    Args:
        shown: pairs of question and its `(fact, weight, answers)`, most attention first. None says "no values".
        path: The PNG file to write.
    """
    figure, axes = figure_and_axes(
        7, max(1.6, 0.2 + sum(0.35 + 0.18 * len(seen) for _, seen in shown)), 1, max(1, len(shown))
    )
    for ax, (question, seen) in zip(axes, shown, strict=False):
        weights = [[max(float(weight), 1e-6)] for _, weight, _ in seen] or [[math.nan]]
        ax.imshow([[math.log10(weight) for weight in row] for row in weights], "Greens", aspect="auto", vmin=-6, vmax=0)
        for place, (_, weight, _) in enumerate(seen):
            told = f"{weight:.4f}" if weight >= 5e-5 else f"{weight:.0e}"
            ax.text(0, place, told, ha="center", va="center", fontsize=7, color="white" if weight > 1e-2 else "black")
        facts = [f"{fact[:60]} {'✓' if answers else '  '}" for fact, _, answers in seen]
        ax.set_yticks(range(len(seen)), facts, fontsize=7)
        ax.set_xticks([])
        ax.tick_params("y", length=0)
        ax.set_title(question[:100], fontsize=8, loc="left")
    if not shown:
        no_values(axes[0])
    figure.savefig(path, dpi=120)


def figure_and_axes(width: float, height: float, columns: int, rows: int = 1):
    """A figure without pyplot's global state, and its axes row by row."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    matplotlib.rcParams["text.parse_math"] = False  # a "$" in a text is a dollar
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def shortened(text: str, most: int) -> str:
    """The text's beginning on one line, of at most so many characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def no_values(ax) -> None:
    ax.set(xticks=[], yticks=[])
    ax.text(0.5, 0.5, "no values", transform=ax.transAxes, ha="center", va="center", color="gray")


def _number(value) -> float:
    """The value as a float; NaN for none, empty text and infinities."""
    number = math.nan if value in (None, "") else float(value)
    return number if math.isfinite(number) else math.nan
