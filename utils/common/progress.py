"""Progress bars for loops that take long, shown only where a command asks for them and somebody watches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

DELAY_SECONDS = 1.0
"""A loop that ends earlier shows no bar."""
_show = None
"""What shows a bar within `progress_bars`."""


@contextlib.contextmanager
def progress_bars():
    """Within the block, `with_progress` shows bars on standard error, if that is a terminal."""
    global _show
    before, _show = _show, _bar
    try:
        yield
    finally:
        _show = before


def with_progress(iterable: Iterable, text: str) -> Iterable:
    """The same values, with a progress bar within `progress_bars`.

    Args:
        iterable: has a length.
        text: what is done, such as "answering".
    """
    return iterable if _show is None else _show(iterable, text)


def _bar(iterable: Iterable, text: str) -> Iterable:
    from tqdm import tqdm

    return tqdm(iterable, text, delay=DELAY_SECONDS, leave=False, disable=None)  # None: only on a terminal
