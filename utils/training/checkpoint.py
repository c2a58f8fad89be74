"""Save and restore all that training depends on, in one file without pickles."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.files import write_atomically


def save_checkpoint(path: Path, model, state: dict) -> None:
    """Write the weights, the random generators' and the optimizer's states, and `state` (JSON values).

    The file appears whole or not at all. A model with a weight that is not finite is not saved.

    Raises:
        FloatingPointError: a weight is NaN or infinite.
    """
    arrays = {"state": np.asarray(json.dumps(state))}
    for number, variable in enumerate(_variables(model)):
        value = np.asarray(variable)
        if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
            raise FloatingPointError(variable.path)
        arrays[f"variable_{number}"] = value
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomically(path, buffer.getbuffer())


def load_state(path: Path) -> dict:
    """The `state` of a checkpoint, without touching a model."""
    with _open(path) as stored:
        return json.loads(str(stored["state"]))


def restore_checkpoint(path: Path, model) -> dict:
    """Put a checkpoint back into a model that was built and compiled as the saved one was; returns `state`.

    Raises:
        UserError: an unreadable file, or one of another model.
    """
    with _open(path) as stored:
        variables = _variables(model)
        arrays = [stored[f"variable_{number}"] for number in range(len(stored.files) - 1)]
        if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
            raise UserError(
                f"{path}: is a checkpoint of another model; give the settings of its run or a new --run-dir"
            )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return json.loads(str(stored["state"]))


@contextlib.contextmanager
def _open(path: Path):
    try:
        with np.load(path, allow_pickle=False) as stored:
            yield stored
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a readable checkpoint ({error}); start a new run in another --run-dir") from None


def _variables(model):
    # model.variables holds weights, dropout's random states, and metrics; the last come into being as training starts.
    metrics = {id(variable) for metric in model.metrics for variable in metric.variables}
    return [*(v for v in model.variables if id(v) not in metrics), *model.optimizer.variables]
