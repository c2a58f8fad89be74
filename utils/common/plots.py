"""Plots of a run, as PNG files."""

import io
import math
import warnings
from pathlib import Path

from utils.common.files import write_atomically

DOTS_PER_INCH = 120


def plot_history(rows: list[dict], path: str | Path, panels: dict[str, list[str]], log: bool = False) -> None:
    """Draw metrics by epoch, in panels side by side.

    Args:
        rows: one dict per epoch, as read from `metrics.csv`; values may be numbers or text. The x axis is the column `epoch`, or
            1, 2, ... without such a column. A missing, empty or non-finite value is a gap in the line.
        path: the PNG file to write.
        panels: title of each panel to the columns drawn in it. A column without values is left out. A panel without values
            says "no values".
        log: whether the y axes are logarithmic.
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
    save_figure(figure, path)


def plot_bars(groups: dict[str, tuple], path: str | Path, title: str, ylabel: str, series: tuple = ()) -> None:
    """Draw one or several bars for each group, and the group's size below them.

    Args:
        groups: label of each group to `(count, value, ...)`, in the order in which they are drawn. Each group has the same number
            of values. A value that is missing or not finite has no bar and reads "n/a".
        path: the PNG file to write. Without groups it says "no values".
        title: title of the plot.
        ylabel: name and unit of the values.
        series: names of a group's values, for the legend, where a group has more than one.
    """
    per_group = max((len(group) - 1 for group in groups.values()), default=1)
    figure, (ax,) = figure_and_axes(max(4.8, 1.6 + len(groups) * max(0.8, 0.52 * per_group)), 3.8, 1)
    width = 0.8 / per_group
    for i in range(per_group):
        values = [_number(value[i + 1]) for value in groups.values()]
        positions = [group + (i - (per_group - 1) / 2) * width for group in range(len(groups))]
        heights = [0.0 if math.isnan(value) else value for value in values]
        bars = ax.bar(positions, heights, width * 0.94, label=series[i] if series else None)
        texts = ["n/a" if math.isnan(value) else f"{value:.3g}" for value in values]
        ax.bar_label(bars, texts, padding=2, fontsize=8)
    ax.set(title=title, ylabel=ylabel)
    if groups:
        slanted = max(map(len, groups)) > 12
        separator = " " if slanted else "\n"
        labels = [f"{label}{separator}(n = {group[0]:,})" for label, group in groups.items()]
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
    save_figure(figure, path)


def plot_comparison(rows: dict[str, dict[str, tuple]], path: str | Path, title: str, xlabel: str) -> None:
    """Draw scores with their intervals, one row of horizontal bars per model.

    Args:
        rows: label of each row to its scores, and each score's name to `(value, low, high)`. All rows have the same names. They
            are drawn from top to bottom in this order.
        path: the PNG file to write.
        title: title of the plot.
        xlabel: name and unit of the scores.
    """
    names = list(next(iter(rows.values())))
    figure, (ax,) = figure_and_axes(8, 1.4 + 0.3 * len(rows) * (len(names) + 0.6), 1)
    height = 0.8 / len(names)
    for number, name in enumerate(names):
        values, lows, highs = zip(*(row[name] for row in rows.values()), strict=True)
        positions = [row + (number - (len(names) - 1) / 2) * height for row in range(len(rows))]
        errors = [
            [value - low for value, low in zip(values, lows, strict=True)],
            [high - value for value, high in zip(values, highs, strict=True)],
        ]
        style = {"linewidth": 1, "capsize": 2}
        bars = ax.barh(positions, values, height * 0.92, xerr=errors, label=name, error_kw=style)
        ax.bar_label(bars, [f"{value:.4g}" for value in values], padding=3, fontsize=8)
    # Benchmarks label a variant of a model "model:--flag value"; its flags go to a second line.
    ax.set_yticks(range(len(rows)), [label.replace(":--", "\n--") for label in rows], fontsize=8)
    ax.invert_yaxis()
    ax.margins(x=0.1)
    ax.set(title=title, xlabel=xlabel)
    figure.legend(loc="outside upper right", ncols=len(names), frameon=False, fontsize=8)
    save_figure(figure, path)


def plot_attention(questions, path: str | Path) -> None:
    """Draw the attention of questions to facts: one heat map per question, one row per fact, with a mark on facts that answer.

    The colour shows the logarithm of the weight, white for 1e-6 and less.

    Args:
        questions: pairs `(question, facts)`. `facts` are triples `(fact, weight, whether it answers)`, largest weight first.
            Without questions the plot says "no values".
        path: the PNG file to write.
    """
    height = max(1.6, 0.2 + sum(0.35 + 0.18 * len(facts) for _, facts in questions))
    figure, axes = figure_and_axes(7, height, 1, max(1, len(questions)))
    for ax, (question, facts) in zip(axes, questions, strict=False):
        logarithms = [[math.log10(max(float(weight), 1e-6))] for _, weight, _ in facts] or [[math.nan]]
        ax.imshow(logarithms, "Greens", aspect="auto", vmin=-6, vmax=0)
        for row, (_, weight, _) in enumerate(facts):
            label = f"{weight:.4f}" if weight >= 5e-5 else f"{weight:.0e}"
            ax.text(0, row, label, ha="center", va="center", fontsize=7, color="white" if weight > 1e-2 else "black")
        labels = [f"{fact[:60]} {'✓' if answers else '  '}" for fact, _, answers in facts]
        ax.set_yticks(range(len(facts)), labels, fontsize=7)
        ax.set_xticks([])
        ax.tick_params("y", length=0)
        ax.set_title(question[:100], fontsize=8, loc="left")
    if not questions:
        no_values(axes[0])
    save_figure(figure, path)


def figure_and_axes(width: float, height: float, columns: int, rows: int = 1):
    """A figure that leaves pyplot's global state alone, and its axes row by row; sizes are in inches."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    matplotlib.rcParams["text.parse_math"] = False  # a "$" is a dollar, not mathematics
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save_figure(figure, path: str | Path) -> None:
    """Write a figure as a PNG file, atomically. 256 colours make the file about a third as large and look the same.

    Letters that matplotlib's fonts lack are drawn as boxes; one line is printed about them.
    """
    from PIL import Image

    drawn, reduced = io.BytesIO(), io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(drawn, dpi=DOTS_PER_INCH)
    num_missing = 0
    for warning in caught:
        if str(warning.message).startswith("Glyph "):
            num_missing += 1
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if num_missing:
        print(f"{path}: {num_missing:,} letters are drawn as boxes; matplotlib's fonts do not have them")
    image = Image.open(drawn).convert("RGB")
    image.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(reduced, "PNG", optimize=True)
    write_atomically(path, reduced.getvalue())


def no_values(ax) -> None:
    """Write "no values" into an empty panel."""
    ax.set(xticks=[], yticks=[])
    ax.text(0.5, 0.5, "no values", transform=ax.transAxes, ha="center", va="center", color="gray")


def _number(value) -> float:
    """The value as a float; NaN for None, empty text and infinities."""
    number = math.nan if value in (None, "") else float(value)
    return number if math.isfinite(number) else math.nan
