"""Checkpoints of models whose weights lie in parts on several devices: a folder that all processes write, by Orbax.

Weights that are whole on every device go to `checkpoint.npz` (`utils.training.checkpoint`). Either kind can be resumed on any
number of devices and processes, by data or by model.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from utils.common.errors import UserError, one_line
from utils.training.checkpoint import has_checkpoint, previous_of, resume_checkpoint, save_checkpoint, variables_to_save
from utils.training.distribution import host_value
from utils.training.machines import is_first_process, shared_run_dir, trained_file

KEPT = 2
"""Checkpoints that are kept: the newest, and the one before it in case the newest is damaged."""


def orbax_folder(path: Path) -> Path:
    """The folder beside `checkpoint.npz`."""
    return Path(path).with_suffix(".orbax")


def has_any_checkpoint(path: Path) -> bool:
    """Whether there is a checkpoint of either kind, to its end."""
    return has_checkpoint(path) or _has_orbax_checkpoint(path)


def _has_orbax_checkpoint(path: Path) -> bool:
    return any(folder.name.isdigit() for folder in orbax_folder(path).glob("*"))


def will_continue(run_dir: Path) -> bool:
    """Whether a training in this run directory, which may be a copy of process 0's, continues from a checkpoint."""
    return has_any_checkpoint(shared_run_dir(run_dir) / "checkpoint.npz")


def save_any_checkpoint(path: Path, model, state: dict) -> None:
    """Save a checkpoint; see `utils.training.checkpoint.save_checkpoint`. All processes call it after the same step.

    Raises:
        FloatingPointError: a weight is NaN or infinite; nothing is written.
    """
    variables = variables_to_save(model)
    if not any(_is_spread(variable) for variable in variables):
        if is_first_process():
            save_checkpoint(path, model, state)
            _remove_folder(orbax_folder(path))
        return
    import numpy as np

    for variable in model.trainable_variables:
        if not np.isfinite(host_value(variable)).all():
            raise FloatingPointError(variable.path)
    import orbax.checkpoint as ocp

    with _manager(path) as manager:
        version = (manager.latest_step() or 0) + 1
        arrays = {str(number): variable.value for number, variable in enumerate(variables)}
        manager.save(
            version, args=ocp.args.Composite(arrays=ocp.args.StandardSave(arrays), state=ocp.args.JsonSave(state))
        )
    if is_first_process():
        for file in (path, previous_of(path)):
            file.unlink(missing_ok=True)
        if state["is_trained"]:
            trained_file(path.parent).touch()


def resume_any_checkpoint(path: Path, model) -> dict:
    """Load the newest whole checkpoint of either kind into a model; see `utils.training.checkpoint.resume_checkpoint`.

    Returns:
        the `state` that was saved with it.

    Raises:
        UserError: no whole checkpoint is left, or the checkpoint is one of another model.
    """
    folder = orbax_folder(path)
    if not _has_orbax_checkpoint(path):
        return resume_checkpoint(path, model)
    try:
        import orbax.checkpoint as ocp
    except ImportError:
        raise UserError(f"{folder}: needs Orbax to be read; pip install orbax-checkpoint") from None

    variables = variables_to_save(model)
    like = {str(number): _abstract(variable) for number, variable in enumerate(variables)}
    reason = "it is empty"
    with _manager(path) as manager:
        for version in sorted(manager.all_steps(), reverse=True):
            try:
                restored = manager.restore(
                    version,
                    args=ocp.args.Composite(arrays=ocp.args.StandardRestore(like), state=ocp.args.JsonRestore()),
                )
            except Exception as error:  # Orbax raises many kinds, depending on the file that is damaged
                reason = one_line(str(error))[:200]
                print(f"{folder / str(version)}: cannot be read ({reason}); trying the one before it", flush=True)
                continue
            for number, variable in enumerate(variables):
                variable.assign(restored["arrays"][str(number)])
            return restored["state"]
    if has_checkpoint(path):  # of before the weights were split
        return resume_checkpoint(path, model)
    raise UserError(
        f"{folder}: holds no readable checkpoint of this model ({reason}); start a new run in another --run-dir"
    )


def _manager(path: Path):
    import orbax.checkpoint as ocp

    options = ocp.CheckpointManagerOptions(max_to_keep=KEPT, enable_async_checkpointing=False)
    return ocp.CheckpointManager(orbax_folder(path).absolute(), options=options)


def _remove_folder(folder: Path) -> None:
    """Remove a folder, so that no part of it is left under its name at any time."""
    old = folder.with_name(f"{folder.name}.old.tmp")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        shutil.rmtree(folder.rename(old), ignore_errors=True)


def _is_spread(variable) -> bool:
    return not getattr(variable.value, "is_fully_replicated", True)


def _abstract(variable):
    import jax

    value = variable.value
    return jax.ShapeDtypeStruct(value.shape, value.dtype, sharding=value.sharding)
