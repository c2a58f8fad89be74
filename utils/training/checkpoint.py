"""Save and restore everything that training depends on, in one file without pickles."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from utils.common.archives import open_npz
from utils.common.errors import UserError
from utils.common.files import write_atomically


def save_checkpoint(path: Path, model, state: dict) -> None:
    """Write the weights, the states of the random generators and of the optimizer, and `state`.

    The file is written atomically.

    Args:
        path: the `.npz` file.
        model: compiled model whose optimizer is built.
        state: JSON values to keep beside the variables.

    Raises:
        FloatingPointError: a weight is NaN or infinite; nothing is written.
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
    """The `state` of a checkpoint.

    Raises:
        UserError: the file is missing or damaged.
    """
    with _open(path) as archive:
        return _state(archive)


def restore_checkpoint(path: Path, model) -> dict:
    """Load a checkpoint into a model that was built and compiled like the saved one.

    Returns:
        the `state` that was saved with it.

    Raises:
        UserError: the file is missing or damaged, or is a checkpoint of another model. The model is not changed.
    """
    with _open(path) as archive:
        state, variables = _state(archive), _variables(model)
        arrays = [archive[f"variable_{number}"] for number in range(len(archive.files) - 1)]
        if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
            raise UserError(
                f"{path}: is a checkpoint of another model; give the settings of its run or a new --run-dir"
            )
        for number, array in enumerate(arrays):
            if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
                raise ValueError(f"variable_{number} is not finite")
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return state


@contextlib.contextmanager
def _open(path: Path):
    try:
        with open_npz(path) as archive:
            yield archive
    except (OSError, ValueError, KeyError, EOFError, RecursionError, zipfile.BadZipFile, zlib.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: not a readable checkpoint ({reason}); start a new run in another --run-dir") from None


def _state(archive) -> dict:
    state = json.loads(str(archive["state"]))
    if not isinstance(state, dict):
        raise ValueError("its state is no JSON object")
    return state


def _variables(model):
    # model.variables holds weights, random states of dropout, and metrics. Metrics do not exist before training starts.
    metrics = {id(variable) for metric in model.metrics for variable in metric.variables}
    return [*(v for v in model.variables if id(v) not in metrics), *model.optimizer.variables]
