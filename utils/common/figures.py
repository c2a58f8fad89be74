"""Figures as PNG files: made, titled and saved in one way."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path

from utils.common.files import write_atomically
from utils.common.fonts import drawable

DOTS_PER_INCH = 120
LETTERS_PER_INCH = 13
"""Letters of a title in an inch of its width."""
MAX_NAMED_FILES = 2


def model_and_data(model: str, files: Sequence[str | Path], built_in: str) -> str:
    """What a picture's title says first: the model's name and where its data comes from.

    >>> model_and_data("amn", ["data/wiki.npz"], "demo")
    'amn, wiki.npz'

    Args:
        model: the model's name.
        files: the files of the data.
        built_in: name of the built-in data, where there are no files.
    """
    return f"{model}, {data_name(files, built_in)}"


def data_name(files: Sequence[str | Path], built_in: str) -> str:
    """Where data comes from: the names of its files, or of the built-in data. Of many files, all but the first are counted.

    >>> data_name([], "demo"), data_name(["a.csv", "b.csv", "c.csv"], "demo")
    ('demo', 'a.csv and 2 other files')
    """
    names = [Path(file).name for file in files]
    if len(names) > MAX_NAMED_FILES:
        names = [names[0], f"{len(names) - 1} other files"]
    return " and ".join(names) or built_in


def figure_and_axes(width: float, height: float, columns: int, rows: int = 1, title: str = "", **subplots):
    """A figure that leaves pyplot's global state alone, and its axes row by row.

    Args:
        width, height: in inches.
        columns, rows: numbers of axes.
        title: one or more lines above all axes; a line that is too long is broken.
        subplots: further arguments of `matplotlib.figure.Figure.subplots`.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    matplotlib.rcParams["text.parse_math"] = False  # a "$" is a dollar, not mathematics
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    FigureCanvasAgg(figure)
    if title:
        lines = [textwrap.fill(drawable(line), int(width * LETTERS_PER_INCH)) for line in title.splitlines()]
        figure.suptitle("\n".join(lines), fontsize=10)
    axes = figure.subplots(rows, columns, squeeze=False, **subplots).ravel()
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save_figure(figure, path: str | Path) -> None:
    """Write a figure as a PNG file, atomically; the same figure gives the same bytes.

    256 colours make the file about a third as large and look the same.
    """
    import matplotlib
    from matplotlib.text import Text
    from PIL import Image

    for text in figure.findobj(Text):  # texts that were made before a font was needed do not know it
        text.set_fontfamily(matplotlib.rcParams["font.family"])
    drawn, reduced = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, dpi=DOTS_PER_INCH)
    image = Image.open(drawn).convert("RGB")
    image.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(reduced, "PNG", optimize=True)
    write_atomically(path, reduced.getvalue())


def no_values(ax, text: str = "no values") -> None:
    """Write "no values", or another short text, into an empty panel."""
    ax.set(xticks=[], yticks=[])
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color="gray")


def legend_above(ax, columns: int = 4, **settings) -> None:
    """A legend in a line above the axes, where it covers nothing."""
    position = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2}
    ax.legend(ncols=columns, frameon=False, fontsize=8, **position, **settings)
