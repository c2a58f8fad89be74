"""A training that is killed in its middle."""

import signal
import time
from pathlib import Path

import numpy as np


def kill_after(process, checkpoint: Path, epochs: int, steps: int = 0) -> tuple[dict, str]:
    """Wait until a checkpoint has so many epochs, and so many steps of the next one, then kill the process with SIGKILL.

    Returns:
        the state in the checkpoint that is left, and what the process printed.
    """
    while process.poll() is None:
        state = read_state(checkpoint)
        if state and state["epoch"] >= epochs and state["step"] >= steps:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    output, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    return read_state(checkpoint), output


def read_state(checkpoint: Path) -> dict | None:
    """The state in a checkpoint; None where there is no whole one yet."""
    from utils.common.errors import UserError
    from utils.training.checkpoint import load_state

    try:
        return load_state(checkpoint)
    except (UserError, OSError):
        return None


def checkpoint_arrays(checkpoint: Path) -> dict[str, np.ndarray]:
    """Everything in a checkpoint but its clock."""
    with np.load(checkpoint) as stored:
        return {name: stored[name] for name in stored.files if name != "state"}
