"""Progress bars are shown on a terminal, where a command asks for them, and nowhere else."""

import io
import sys

from utils.common import progress
from utils.common.progress import progress_bars, with_progress


class Terminal(io.StringIO):
    """Standard error of somebody who watches."""

    def isatty(self):
        return True


def written(monkeypatch, stream, is_asked_for) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0)
    if is_asked_for:
        with progress_bars():
            assert list(with_progress(range(3), "counting")) == [0, 1, 2]
    assert list(with_progress(range(3), "afterwards")) == [0, 1, 2]
    return stream.getvalue()


def test_a_bar_is_shown_on_a_terminal_alone(monkeypatch):
    bar = written(monkeypatch, Terminal(), is_asked_for=True)
    assert "counting" in bar and "afterwards" not in bar
    assert written(monkeypatch, Terminal(), is_asked_for=False) == ""
    assert written(monkeypatch, io.StringIO(), is_asked_for=True) == ""
