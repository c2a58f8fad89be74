"""Save and restore everything that training depends on, in one file without pickles. The checkpoint before the last is kept."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shutil
import zipfile
import zlib
from pathlib import Path

import numpy as np

from utils.common.archives import open_npz
from utils.common.errors import UserError
from utils.common.files import write_atomically


def save_checkpoint(path: Path, model, state: dict) -> None:
    """Write the weights, the states of the random generators and of the optimizer, and `state`.

    The checkpoint that was there becomes `previous_of(path)`. Whenever the process or the machine stops, at least one whole
    checkpoint is left. Both together take twice the disk space of one, and three times while the third is written.

    Args:
        path: the `.npz` file. One process at a time may write it.
        model: compiled model whose optimizer is built.
        state: JSON values to keep beside the variables.

    Raises:
        FloatingPointError: a weight is NaN or infinite; nothing is written.
    """
    arrays = {"state": np.asarray(json.dumps(state))}
    for number, variable in enumerate(variables_to_save(model)):
        value = np.asarray(variable)
        if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
            raise FloatingPointError(variable.path)
        arrays[f"variable_{number}"] = value
    buffer, path = io.BytesIO(), Path(path)
    np.savez(buffer, **arrays)
    _remove_unfinished(path)
    kept = path.with_name(f"{path.name}.kept.tmp")
    try:
        if path.exists():
            _link_or_copy(path, kept)
        write_atomically(path, buffer.getbuffer())
        # The older file goes last: if the one at `path` was damaged, this was the only whole one until now.
        if kept.exists():
            os.replace(kept, previous_of(path))
    finally:
        kept.unlink(missing_ok=True)


def previous_of(path: Path) -> Path:
    """Where the checkpoint before the last is kept: `checkpoint.previous.npz` for `checkpoint.npz`."""
    path = Path(path)
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def has_checkpoint(path: Path) -> bool:
    """Whether there is a checkpoint, or one before it, to continue from; either may be damaged."""
    return Path(path).exists() or previous_of(path).exists()


def _link_or_copy(path: Path, name: Path) -> None:
    """Give a file a second name, or copy it where the file system has no hard links."""
    try:
        os.link(path, name)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            raise
        shutil.copyfile(path, name)


def _remove_unfinished(path: Path) -> None:
    """Remove what saves left that were killed."""
    for file in path.parent.glob(f"{path.name}.*.tmp"):
        file.unlink(missing_ok=True)


def load_state(path: Path) -> dict:
    """The `state` of a checkpoint.

    Raises:
        UserError: the file is missing or damaged.
    """
    with _open(path) as archive:
        return _state(archive)


def restore_checkpoint(path: Path, model) -> dict:
    """Load a checkpoint into a model that was built and compiled like the saved one. It never takes an older one.

    Returns:
        the `state` that was saved with it.

    Raises:
        UserError: the file is missing or damaged, or is a checkpoint of another model. The model is not changed.
    """
    with _open(path) as archive:
        state, variables = _state(archive), variables_to_save(model)
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


def resume_checkpoint(path: Path, model) -> dict:
    """Load the checkpoint, or the one before it if it is damaged or missing, and say so in one line.

    Nothing on the disk changes. Steps after the older checkpoint are trained again, with the same batches.

    Returns:
        the `state` that was saved with it.

    Raises:
        UserError: no whole checkpoint is left, or the checkpoint is one of another model. The model is not changed.
    """
    try:
        return restore_checkpoint(path, model)
    except DamagedCheckpointError as error:
        previous = previous_of(path)
        if not previous.exists():
            raise
        try:
            state = restore_checkpoint(previous, model)
        except DamagedCheckpointError:
            raise UserError(
                f"{path}: neither it nor {previous.name} is a readable checkpoint ({error.reason}); start a new run in "
                "another --run-dir"
            ) from None
        print(
            f"{path}: cannot be read ({error.reason}); continuing from {previous.name}, epoch {state.get('epoch')}, step "
            f"{state.get('step')}: what was trained after it{_lost(path)} is trained again",
            flush=True,
        )
        return state


def _lost(path: Path) -> str:
    """How far a damaged checkpoint had come, where its state can still be read."""
    try:
        state = load_state(path)
        return f" (up to epoch {int(state['epoch'])}, step {int(state['step'])})"
    except (UserError, KeyError, TypeError, ValueError):
        return ""


def last_whole_checkpoint(path: Path) -> tuple[Path, dict] | None:
    """The newest checkpoint whose arrays can all be read, with its `state`; None if there is none."""
    for file in (Path(path), previous_of(path)):
        with contextlib.suppress(UserError), _open(file) as archive:
            for name in archive.files:
                archive[name]  # read, because an archive has a checksum for each array
            return file, _state(archive)
    return None


class DamagedCheckpointError(UserError):
    """A checkpoint is missing or cannot be read; `reason` says why."""

    def __init__(self, path: Path, reason: str):
        super().__init__(f"{path}: not a readable checkpoint ({reason}); start a new run in another --run-dir")
        self.reason = reason


@contextlib.contextmanager
def _open(path: Path):
    try:
        with open_npz(path) as archive:
            yield archive
    except (OSError, ValueError, KeyError, EOFError, RecursionError, zipfile.BadZipFile, zlib.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DamagedCheckpointError(path, reason) from None


def _state(archive) -> dict:
    state = json.loads(str(archive["state"]))
    if not isinstance(state, dict):
        raise ValueError("its state is no JSON object")
    return state


def variables_to_save(model) -> list:
    """The weights of a model, the states of its random generators, and the variables of its optimizer."""
    # model.variables holds weights, random states of dropout, and metrics. Metrics do not exist before training starts.
    metrics = {id(variable) for metric in model.metrics for variable in metric.variables}
    return [*(v for v in model.variables if id(v) not in metrics), *model.optimizer.variables]
