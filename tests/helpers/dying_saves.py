"""Saves that are killed at every place; a process of its own, because a process with TensorFlow's threads should not fork.

    python -m tests.helpers.dying_saves FOLDER

prints, for each place, what the newest whole checkpoint is, and which files the next save leaves.
"""

import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from utils.training.checkpoint import last_whole_checkpoint, save_checkpoint

CALLS = ("link", "fsync", "replace", "replace")
"""The calls of one save that change files, in their order."""


def small_model():
    """What a checkpoint needs of a model."""
    return SimpleNamespace(variables=[np.arange(2000.0)], metrics=[], optimizer=SimpleNamespace(variables=[]))


def save_and_die(file: Path, place: int) -> None:
    """Save in a copy of this process that is killed just before (even places) or after (odd ones) a call that changes files."""
    process = os.fork()
    if process:
        assert os.waitpid(process, 0)[1] == signal.SIGKILL
        return
    places = iter(range(2 * len(CALLS)))

    def mortal(call):
        def run(*arguments):
            if next(places) == place:
                os.kill(os.getpid(), signal.SIGKILL)
            call(*arguments)
            if next(places) == place:
                os.kill(os.getpid(), signal.SIGKILL)

        return run

    for name in set(CALLS):
        setattr(os, name, mortal(getattr(os, name)))
    save_checkpoint(file, small_model(), {"step": 3})
    os._exit(1)  # there were fewer calls than `CALLS` says


def main(folder: Path) -> None:
    file = folder / "checkpoint.npz"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    for place in range(2 * len(CALLS)):
        for path in folder.iterdir():
            path.unlink()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        save_and_die(file, place)
        newest, state = last_whole_checkpoint(file)
        save_checkpoint(file, small_model(), {"step": 4})
        print(json.dumps([newest.name, state["step"], sorted(path.name for path in folder.iterdir())]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
