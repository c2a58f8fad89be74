"""Say why one has to wait, but only where one has to."""

from __future__ import annotations

import sys
import threading


def note_after(seconds: float, text: str) -> threading.Timer:
    """Print a line on standard error after some seconds, unless it is cancelled before.

        note = note_after(3, "compiling, about 30 s")
        compile_it()
        note.cancel()

    Args:
        seconds: time to wait.
        text: the line.

    Returns:
        the timer, whose `cancel` may be called at any time.
    """
    timer = threading.Timer(seconds, lambda: print(text, file=sys.stderr, flush=True))
    timer.daemon = True  # a script that fails meanwhile does not wait for it
    timer.start()
    return timer


NO_NOTE = threading.Timer(0, str)
"""A note that is never printed."""
