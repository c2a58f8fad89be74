"""Pictures that several tasks share: a training's history, scores by group, and systems side by side."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence
from pathlib import Path

from utils.common.evaluation import Evaluation
from utils.common.figures import LETTERS_PER_INCH, figure_and_axes, legend_above, no_values, save_figure
from utils.common.fonts import drawable

LINE_STYLES = (":", "--", "-.", (0, (5, 1)))
VALUE_STYLE = {
    "textcoords": "offset points",
    "ha": "center",
    "fontsize": 8,
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8},  # above the lines of baselines
}
SYSTEM_COLOUR, BASELINE_COLOUR = "tab:blue", "0.45"


def plot_history(
    rows: Sequence[dict],
    path: str | Path,
    panels: dict[str, dict[str, str]],
    title: str = "",
    best_epoch: int | None = None,
    lines: dict[str, dict[str, float]] | None = None,
    log: bool = False,
) -> None:
    """Draw metrics by epoch, in panels side by side.

    Args:
        rows: one dict per epoch, as read from `metrics.csv`; values may be numbers or text. The x axis is the column `epoch`, or
            1, 2, ... without such a column. A missing, empty or non-finite value is a gap in the line.
        path: the PNG file to write.
        panels: what a panel's y axis shows, with its unit, to the columns in it: column to its name in the legend. A column without
            values is left out. A panel without values says "no values".
        title: the picture's title.
        best_epoch: the epoch that is marked.
        lines: column to horizontal lines in its panel, name to value, such as `reference_lines` makes.
        log: whether the y axes are logarithmic.
    """
    from matplotlib.ticker import MaxNLocator

    num_entries = max(sum(1 + len((lines or {}).get(column, ())) for column in columns) for columns in panels.values())
    height = 3.6 + 0.18 * (1 + num_entries)  # the legend stands below
    figure, axes = figure_and_axes(4.6 * len(panels), height, len(panels), title=title)
    epochs = [_number(row.get("epoch", i)) for i, row in enumerate(rows, start=1)]
    for ax, (label, columns) in zip(axes, panels.items(), strict=True):
        for number, (column, name) in enumerate(columns.items()):
            values = [_number(row.get(column)) for row in rows]
            if all(map(math.isnan, values)):
                continue
            width = 1.6 if len(columns) > 3 else 2.2 - 0.4 * number  # so that no line hides another one
            ax.plot(epochs, values, "o-", markersize=2 * width, linewidth=width, color=f"C{number}", label=name)
            references = (lines or {}).get(column, {}).items()
            for style, (reference, value) in zip(itertools.cycle(LINE_STYLES), references, strict=False):
                ax.axhline(value, color=f"C{number}", linestyle=style, linewidth=1.2, label=reference)
        ax.set_ylabel(label, fontsize=9)
        ax.set_xlabel("epoch", fontsize=9)
        if not ax.lines:
            no_values(ax)
            continue
        if best_epoch is not None:
            ax.axvline(best_epoch, color="0.6", linewidth=5, alpha=0.35, zorder=0, label=f"best epoch: {best_epoch}")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if len(rows) == 1:
            ax.set_xlim(epochs[0] - 1, epochs[0] + 1)
        ax.grid(alpha=0.3)
        if log:
            readable_log_axis(ax)
        ax.legend(loc="upper left", bbox_to_anchor=(0, -0.16), frameon=False, fontsize=8, borderaxespad=0)
    save_figure(figure, path)


def reference_lines(
    baselines: dict[str, dict[str, Evaluation]],
    plain: Collection[str],
    columns: Collection[str],
    lower_is_better: Collection[str] = (),
    split: str = "validation",
) -> dict[str, dict[str, float]]:
    """The lines that a history is compared with: in each column the best plain baseline, and every ceiling.

    Args:
        baselines: name to split to evaluation.
        plain: names of plain baselines; the others are ceilings.
        columns: columns of `metrics.csv` named after a split's metrics, such as `val_accuracy`.
        lower_is_better: those of the columns of which small values are good.
        split: the split whose scores are compared.
    """
    lines = {}
    for column in columns:
        metric, sign = column.removeprefix("val_"), -1 if column in lower_is_better else 1
        scores = {
            name: splits[split].metrics[metric]
            for name, splits in baselines.items()
            if split in splits and math.isfinite(splits[split].metrics.get(metric, math.nan))
        }
        best = max((name for name in scores if name in plain), key=lambda name: sign * scores[name], default=None)
        lines[column] = {
            f"{name.replace('_', ' ')}, {'best baseline' if name in plain else 'ceiling'}": value
            for name, value in scores.items()
            if name == best or name not in plain
        }
    return lines


def plot_bars(
    groups: dict[str, tuple[int, dict[str, tuple[float, float, float]]]],
    path: str | Path,
    title: str,
    xlabel: str,
    ylabel: str,
    marks: dict[str, dict[str, float]] | None = None,
) -> None:
    """Draw one or several bars with intervals for each group, and the group's size below them.

    Args:
        groups: label of each group to its size and its values, name to `(value, low, high)`, in the order in which they are drawn.
            A value that is missing or not finite has no bar and reads "n/a". Without groups the plot says "no values".
        path: the PNG file to write.
        title: title of the plot.
        xlabel: what the groups are.
        ylabel: name and unit of the values.
        marks: name of a baseline to its value in each group, drawn as a line across the group's bars.
    """
    names = list(dict.fromkeys(name for _, values in groups.values() for name in values))
    per_group = max(1, len(names))
    inches_per_group = max(0.8, 0.52 * per_group)
    figure, (ax,) = figure_and_axes(max(5.5, 1.6 + len(groups) * inches_per_group), 4, 1, title=title)
    width = 0.8 / per_group
    for number, name in enumerate(names):
        for group, (_, values) in enumerate(groups.values()):
            value, low, high = map(_number, values.get(name, (None,) * 3))
            position = group + (number - (per_group - 1) / 2) * width
            if math.isnan(value):
                ax.annotate("n/a", (position, 0), (0, 3), **VALUE_STYLE)
                continue
            label = None if name in ax.get_legend_handles_labels()[1] else name
            ax.bar(position, value, width * 0.94, color=f"C{number}", label=label)
            top = _interval(ax, position, value, low, high)
            ax.annotate(f"{value:.3g}", (position, top), (0, 3), **VALUE_STYLE)
    for number, (name, values) in enumerate((marks or {}).items()):
        for group, label in enumerate(groups):
            if label in values:
                style = {"color": "black", "linewidth": 1.4, "linestyle": ("-", ":")[number % 2]}
                named = None if name in ax.get_legend_handles_labels()[1] else name
                ax.hlines(values[label], group - 0.45, group + 0.45, label=named, **style)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if not groups:
        no_values(ax)
    else:
        is_slanted = max(map(len, groups)) > LETTERS_PER_INCH * inches_per_group
        separator = " " if is_slanted else "\n"
        labels = [f"{drawable(label)}{separator}(n = {count:,})" for label, (count, _) in groups.items()]
        ax.set_xticks(range(len(groups)), labels, fontsize=8)
        if is_slanted:
            ax.tick_params("x", rotation=30)
            for label in ax.get_xticklabels():
                label.set_horizontalalignment("right")
        ax.margins(x=0.02, y=0.12)
        ax.axhline(0, color="black", linewidth=0.8)
        if len(names) > 1 or marks:
            legend_above(ax)
    save_figure(figure, path)


def plot_comparison(
    rows: dict[str, dict[str, tuple[float, float, float]]],
    path: str | Path,
    title: str,
    intervals: str = "95 % intervals",
    models: Collection[str] | None = None,
    lower_is_better: Collection[str] = (),
) -> None:
    """Draw the scores of systems with their intervals: an axis for each metric, a row for each system, best first.

    Args:
        rows: label of each system to its scores, and each score's name to `(value, low, high)`. Rows are sorted by the first score.
        path: the PNG file to write.
        title: title of the plot. A line on the order and the intervals is added.
        intervals: what low and high are.
        models: labels of the systems in colour, the others are grey; None: all.
        lower_is_better: names of the scores of which small values are good.
    """
    names = list(dict.fromkeys(name for scores in rows.values() for name in scores))
    sign = 1 if names and names[0] in lower_is_better else -1
    first = {label: sign * _number(scores.get(names[0], (None,))[0]) for label, scores in rows.items()} if names else {}
    # Those without the first score stand last.
    order = sorted(first, key=lambda label: (math.isnan(first[label]), first[label], label))
    title = f"{title}\nsorted by {names[0]}, best first; {intervals}" if names else title
    num_lines = sum(1 + label.count(":--") for label in order)
    figure, axes = figure_and_axes(2.2 + 2.6 * max(1, len(names)), 1.5 + 0.27 * max(2, num_lines), max(1, len(names)),
                                   title=title, sharey=True)  # fmt: skip
    for ax, name in zip(axes, names, strict=False):
        for position, label in enumerate(order):
            value, low, high = map(_number, rows[label].get(name, (None,) * 3))
            colour = SYSTEM_COLOUR if models is None or label in models else BASELINE_COLOUR
            if math.isfinite(value):
                ax.plot(value, position, "o", color=colour, markersize=5)
                _interval(ax, position, value, low, high, colour, horizontal=True)
            text = f"{value:.{3 if abs(value) < 10 else 1}f}" if math.isfinite(value) else "n/a"
            ax.text(1.02, position, text, transform=ax.get_yaxis_transform(), va="center", fontsize=8, color=colour)
        arrow = "lower is better" if name in lower_is_better else "higher is better"
        ax.set_xlabel(f"{name}\n({arrow})", fontsize=9)
        ax.tick_params("x", labelsize=8)
        ax.margins(x=0.08)
        ax.grid(alpha=0.3)
        ax.xaxis.get_major_locator().set_params(nbins=5)
    # Benchmarks label a variant of a model "model:--flag value"; its flags go to a second line.
    axes[0].set_yticks(range(len(order)), [drawable(label).replace(":--", "\n--") for label in order], fontsize=8)
    axes[0].set_ylim(len(order) - 0.5, -0.5)
    if not names:
        no_values(axes[0])
    save_figure(figure, path)


def scores_with_intervals(evaluation: Evaluation, metrics: dict[str, str]) -> dict[str, tuple[float, float, float]]:
    """A row of `plot_comparison`.

    Args:
        evaluation: of one system.
        metrics: name of a metric to its title. Those that the evaluation lacks are left out.

    Returns:
        title to `(value, low, high)`; low and high are NaN where the metric is no mean over examples.
    """
    row = {}
    for name, title in metrics.items():
        if name in evaluation.metrics:
            values = evaluation.per_example.get(name, ())
            part = Evaluation({name: 0.0}, {name: values}, evaluation.groups) if len(values) else Evaluation({})
            row[title] = (evaluation.metrics[name], *part.intervals().get(name, (math.nan, math.nan)))
    return row


def readable_log_axis(ax, axis: str = "y") -> None:
    """Make the axis "x" or "y" logarithmic.

    It has numbers at 1, 2 and 5 times the powers of ten, or at the powers where these are many.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    ax.set(**{f"{axis}scale": "log"})
    ticks = {"x": ax.xaxis, "y": ax.yaxis}[axis]
    low, high = ticks.get_view_interval()
    ticks.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 3e3 else (1,)))
    ticks.set_minor_locator(NullLocator())
    ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _interval(ax, position, value, low, high, colour="black", horizontal=False) -> float:
    """Draw an interval, and return its upper end; a value without an interval has none."""
    if math.isnan(low) or math.isnan(high):
        return value
    distances = [[max(0.0, value - low)], [max(0.0, high - value)]]
    x, y, direction = (value, position, "xerr") if horizontal else (position, value, "yerr")
    ax.errorbar(x, y, **{direction: distances}, color=colour, linewidth=1, capsize=2, fmt="none")
    return max(value, high)


def _number(value) -> float:
    """The value as a float; NaN for None, empty text and infinities."""
    number = math.nan if value in (None, "") else float(value)
    return number if math.isfinite(number) else math.nan
