"""Line charts as SVG, in the colours of the page, light or dark."""

from __future__ import annotations

import math
from collections.abc import Sequence

from utils.app.markup import escaped

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 12, 42
"""Margins."""
NUM_COLOURS = 6
"""Colours of lines, `qkv-line-0` and so on in style.css; more lines begin again with the first."""


class Chart:
    """Axes, and what is drawn in them.

    Args:
        x_range: lowest and highest value of the horizontal axis.
        y_range: lowest and highest value of the vertical axis; what lies outside is drawn at the nearer end.
        x_label: title of the horizontal axis.
        y_label: title of the vertical axis.
        description: what the chart shows, for those who cannot see it.
        whole_numbers: whether the horizontal axis counts something.

    Example:

    >>> chart = Chart((0, 2), (0.0, 1.0), "responses", "ability", "a student's ability", whole_numbers=True)
    >>> chart.line([0, 1, 2], [0.2, 0.5, 0.4])
    >>> chart.svg().startswith('<svg class="qkv-chart"')
    True
    """

    def __init__(self, x_range, y_range, x_label: str, y_label: str, description: str, whole_numbers: bool = False):
        self.x_range = x_range
        self.y_range = y_range
        self.x_label = x_label
        self.y_label = y_label
        self.description = description
        self.whole_numbers = whole_numbers
        self.shapes: list[str] = []

    def line(self, x: Sequence[float], y: Sequence[float], colour: int = 0) -> None:
        """Draw a line through points; `x` and `y` have equal lengths, here and below."""
        self.shapes.append(f'<polyline class="qkv-line-{colour % NUM_COLOURS}" points="{self._points(x, y)}"/>')

    def band(self, x: Sequence[float], low: Sequence[float], high: Sequence[float]) -> None:
        """Fill the area between two lines."""
        points = self._points([*x, *reversed(x)], [*low, *reversed(high)])
        self.shapes.append(f'<polygon class="qkv-band" points="{points}"/>')

    def dots(self, x: Sequence[float], y: Sequence[float], titles: Sequence[str]) -> None:
        """Draw points, each with a title that the mouse shows."""
        for place, height, title in zip(x, y, titles, strict=True):
            cx, cy = self._point(place, height)
            self.shapes.append(
                f'<circle class="qkv-dot" cx="{cx:.1f}" cy="{cy:.1f}" r="3.5"><title>{escaped(title)}</title></circle>'
            )

    def vertical(self, x: float, label: str) -> None:
        """Draw a vertical line with a label."""
        place, top = self._point(x, self.y_range[1])
        _, bottom = self._point(x, self.y_range[0])
        is_right = place > WIDTH * 0.6
        anchor, shift = ("end", -5) if is_right else ("start", 5)
        self.shapes.append(
            f'<line class="qkv-now" x1="{place:.1f}" x2="{place:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>'
            f'<text class="qkv-note-text" x="{place + shift:.1f}" y="{top + 11:.1f}" text-anchor="{anchor}">{escaped(label)}</text>'
        )

    def svg(self) -> str:
        """The chart."""
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        parts = []
        for value in ticks(*self.y_range):
            _, y = self._point(self.x_range[0], value)
            parts.append(f'<line class="qkv-grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>')
        for value in ticks(*self.x_range, whole_numbers=self.whole_numbers):
            x, _ = self._point(value, self.y_range[0])
            parts.append(f'<line class="qkv-axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
            parts.append(f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{_number(value)}</text>')
        parts.append(f'<line class="qkv-axis" x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
        middle, height = (LEFT + right) / 2, (TOP + bottom) / 2
        parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escaped(self.x_label)}</text>')
        turned = f'transform="translate(12 {height}) rotate(-90)"'
        parts.append(f'<text {turned} text-anchor="middle">{escaped(self.y_label)}</text>')
        label = escaped(self.description)
        return (
            f'<svg class="qkv-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
            f"{''.join(parts + self.shapes)}</svg>"
        )

    def _point(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x_range[0]) / ((self.x_range[1] - self.x_range[0]) or 1)
        up = (y - self.y_range[0]) / ((self.y_range[1] - self.y_range[0]) or 1)
        up = min(max(up, 0.0), 1.0)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def _points(self, x: Sequence[float], y: Sequence[float]) -> str:
        points = (self._point(float(place), float(height)) for place, height in zip(x, y, strict=True))
        return " ".join(f"{across:.1f},{up:.1f}" for across, up in points)


def ticks(low: float, high: float, count: int = 6, whole_numbers: bool = False) -> list[float]:
    """Round numbers within bounds, about `count` of them.

    >>> ticks(-1.2, 2.3), ticks(0, 3, whole_numbers=True)
    ([-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0], [0, 1, 2, 3])
    """
    rough = (high - low) / count or 1.0
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.85)
    if whole_numbers:
        step = max(1, round(step))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _number(value: float) -> str:
    return "0" if abs(value) < 0.005 else f"{value:.4g}"
