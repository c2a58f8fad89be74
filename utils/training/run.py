"""What every train script does around its training: an exit status, a run directory, a seed and a precision."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import sys
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import write_atomically, write_json
from utils.training.environment import commit
from utils.training.settings import NOT_PART_OF_THE_RUN, as_flag

FILES_OF_A_TRAINING = ("checkpoint.npz", "best.keras", "results.json")
"""Where a run directory has none of these, no training has begun in it."""


def run_script(main, config_class) -> None:
    """Parse the command line into `config_class`, run `main(config)`, and exit.

    The exit status is that of `main`; 2 for a `UserError` (printed as one line without a traceback) or a wrong flag; 130 and 143
    for a signal.
    """
    import difflib

    import tyro

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up notes say nothing about the run
    description = sys.modules[main.__module__].__doc__
    try:
        config, unknown = tyro.cli(config_class, description=description, return_unknown_args=True)
        if unknown:
            flags = [as_flag(field.name) for field in dataclasses.fields(config_class)]
            similar = difflib.get_close_matches(unknown[0], flags, 1)
            hint = f"did you mean {similar[0]}? " if similar else ""
            raise UserError(f"{unknown[0]}: no such flag or argument; {hint}--help lists them all")
        status = main(config)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        status = 130
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"error: no space left on the disk while writing {error.filename or 'the run directory'}: "
              "free some and start again with --resume; what was saved before is whole", file=sys.stderr)  # fmt: skip
        status = 2
    sys.exit(status or 0)


def check_run_dir(config) -> None:
    """Check, before any work, that the run directory can be used: a new one, or with `config.resume` one that holds a run.

    A start that failed before its training may be repeated; `set_up_run` then replaces the files that it left.

    Raises:
        UserError: a run (or something else) is there already; or there is none to resume.
    """
    run_dir = Path(config.run_dir)
    if config.resume and not (run_dir / "config.json").is_file():
        raise UserError(f"{run_dir}: no run to resume there (no config.json); start it without --resume")
    if config.resume:
        _check_writes_stay_within(run_dir)
    if config.resume or not run_dir.exists():
        return
    is_empty = run_dir.is_dir() and not any(run_dir.iterdir())
    if not is_empty and not is_failed_start(run_dir):
        raise UserError(f"{run_dir}: exists already; name another --run-dir, or continue that run with --resume")


def _check_writes_stay_within(run_dir: Path) -> None:
    """Check that nothing in a run directory, which a stranger may have made, is a link: the run would write where it leads."""
    for folder, folders, files in os.walk(run_dir):
        for name in (*folders, *files):
            path = Path(folder) / name
            if path.is_symlink():
                raise UserError(
                    f"{path}: is a link, through which the run would write elsewhere; put the file itself there"
                )


def is_failed_start(run_dir: Path) -> bool:
    """Whether a run was set up in this directory and ended before its training began (in a suite: before any training began)."""
    try:
        settings = json.loads((run_dir / "config.json").read_text())
    except (OSError, ValueError, RecursionError):
        return False
    if not isinstance(settings, dict) or "data_checksums" not in settings:  # pretrained models have a config.json too
        return False
    return not any(path.name in FILES_OF_A_TRAINING for path in run_dir.rglob("*"))


def set_up_run(config, checksums: dict[str, str]) -> None:
    """Make the run directory and write `config.json`, or with `config.resume` check that the run there is this one.

    Args:
        config: the dataclass of settings, with `run_dir` and `resume`.
        checksums: checksum of the data of each split; kept with the settings, because a resumed run needs the same data.

    Raises:
        UserError: the directory cannot be written, or holds a run with other settings or data.
    """
    check_run_dir(config)
    run_dir = Path(config.run_dir)
    settings = {**plain_settings(config), "data_checksums": checksums}
    file = run_dir / "config.json"
    try:
        if config.resume:
            stored = json.loads(file.read_text())
            if not isinstance(stored, dict):
                raise ValueError("it holds no settings")
            different = [name for name in {**stored, **settings} if stored.get(name) != settings.get(name)]
            if different:
                changes = "; ".join(
                    f"{name} was {stored.get(name)!r}, is now {settings.get(name)!r}" for name in different
                )
                raise UserError(
                    f"{run_dir}: the run there had other settings ({changes}); give the same, or a new --run-dir"
                )
        else:
            if is_failed_start(run_dir):
                remove_contents(run_dir)  # prepared data that was left there may belong to other settings
            run_dir.mkdir(parents=True, exist_ok=True)
            write_json(file, settings)
        record_commit(run_dir)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: cannot be read ({error}); start a new run in another --run-dir") from None
    except OSError as error:
        raise UserError(f"{run_dir}: cannot be used ({error.strerror}); name another --run-dir") from None


def remove_contents(folder: Path) -> None:
    """Empty a folder."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def plain_settings(config) -> dict:
    """The settings that define a run, as JSON gives them back; where the run lies and how it is watched is left out."""
    settings = json.loads(json.dumps(dataclasses.asdict(config), default=str))
    return {name: value for name, value in settings.items() if name not in NOT_PART_OF_THE_RUN}


def record_commit(run_dir: Path) -> None:
    """Append the commit that this process runs to those of earlier processes of the run."""
    file = Path(run_dir) / "commits.txt"
    lines = file.read_text().splitlines() if file.exists() else []
    now = commit() or "unknown"
    if now not in lines[-1:]:
        write_atomically(file, "\n".join([*lines, now]) + "\n")


def set_up_keras(config) -> None:
    """Seed all random generators with `config.seed`, and set `config.precision`."""
    import keras

    keras.utils.set_random_seed(config.seed)
    set_precision(config.precision)


def set_precision(precision: str) -> None:
    """Set the number format of the computations of all layers made afterwards; weights are float32 in each.

    Args:
        precision: `float32`, `bfloat16` or `float16`.
    """
    import keras

    policies = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
    keras.mixed_precision.set_dtype_policy(policies[precision])
