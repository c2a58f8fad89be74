"""What every train script does around its training: an exit status, a run directory, a seed and a precision."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import json
import os
import re
import select
import shutil
import signal
import sys
from datetime import datetime
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import write_atomically, write_json
from utils.training.backends import set_up_backend, slow_precision
from utils.training.command_line import parse_command_line
from utils.training.compile_cache import set_up_compile_cache
from utils.training.environment import commit, unused_gpu, versions
from utils.training.freed_memory import keep_freed_memory
from utils.training.machines import LostProcessError, check_alike, end_process, machines
from utils.training.quiet import silence_tensorflow
from utils.training.run_files import changed_data
from utils.training.settings import NOT_PART_OF_THE_RUN

FILES_OF_A_TRAINING = ("checkpoint.npz", "checkpoint.previous.npz", "checkpoint.orbax", "best.keras", "results.json")
"""Where a run directory has none of these, no training has begun in it."""

LINKS_OF_WANDB = ("latest-run", "debug.log", "debug-internal.log", "debug-core.log")
"""Links that W&B makes in the folder `wandb` of a run directory. It writes through none of them."""


def run_script(main, config_class) -> None:
    """Read the command line into `config_class`, run `main(config)`, and exit.

    A run directory that is left out is named here, see `new_run_dir`. The exit status is that of `main`; 2 for a `UserError`
    (printed as one line without a traceback) or a wrong flag; 130 and 143 for a signal; 141 where nobody reads the output any more;
    1 where another process of the training was lost (`utils.training.machines`).
    """
    set_up_streams()
    silence_tensorflow()
    try:
        config = parse_command_line(config_class, sys.modules[main.__module__].__doc__)
        set_up_backend()
        set_up_compile_cache()
        keep_freed_memory()
        try:
            with machines(config, with_run_dir) as own_config:
                try:
                    status = main(own_config)
                except UserError:
                    if getattr(config, "run_dir", "") is None:  # made for this run; with files in it, it stays
                        with contextlib.suppress(OSError):
                            own_config.run_dir.rmdir()
                    raise
        except SystemExit as end:  # a signal, or a process that is not the first, at the end of the training
            status = end.code
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except LostProcessError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        status = 130
    except OSError as error:
        if isinstance(error, BrokenPipeError) and not is_read(sys.stdout):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to print goes nowhere
            sys.exit(128 + signal.SIGPIPE)
        message = disk_message(error, has_resume=hasattr(config_class, "resume"))
        if not message:
            raise
        print(f"error: {message}", file=sys.stderr)
        status = 2
    end_process(status or 0)
    sys.exit(status or 0)


def disk_message(error: OSError, has_resume: bool) -> str:
    """What is said of a file that the disk does not give or take; empty for other errors of the system.

    >>> disk_message(PermissionError(13, "Permission denied", "runs/out/results.json.4711.tmp"), has_resume=False)
    'runs/out/results.json: cannot be read or written (Permission denied); check the path, or name another'
    """
    name = re.sub(r"\.\d+\.tmp$", "", os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else ""
    again = " with --resume; what was saved before is whole" if has_resume else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        name = name or ("the run directory" if has_resume else "the output")
        return f"no space left on the disk while writing {name}: free some and start again{again}"
    if error.errno == errno.EROFS and has_resume:
        return f"{name}: the disk is read-only now; make it writable and start again{again}"
    reason = error.strerror or type(error).__name__
    return f"{name[:200]}: cannot be read or written ({reason}); check the path, or name another" if name else ""


def set_up_streams() -> None:
    """Let printing never fail: a stream that is closed is replaced, and characters that its encoding lacks are escaped."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started the script
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 (it is open as long as the script runs)
        if hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="backslashreplace")


def is_read(stream) -> bool:
    """Whether what is printed still reaches somebody: False for a pipe whose reader has ended, such as `head`."""
    try:
        stream.flush()
    except BrokenPipeError:
        return False
    if not hasattr(select, "poll"):  # Windows
        return True
    # A long text is written at once, and then nothing is left to flush.
    pipe = select.poll()
    pipe.register(stream.fileno(), 0)  # errors are always reported
    return not pipe.poll(0)


def with_run_dir(config):
    """The settings with a new run directory, where they name none; it is said on the first line.

    Raises:
        UserError: a run is to be resumed, and none is named.
    """
    if getattr(config, "run_dir", "") is not None:
        return config
    if config.resume:
        raise UserError("--resume: name the run to continue with --run-dir")
    run_dir = new_run_dir(Path(sys.argv[0]).stem.removeprefix("train_"))
    print(f"run directory: {run_dir}", flush=True)
    return dataclasses.replace(config, run_dir=run_dir)


def new_run_dir(task: str) -> Path:
    """A new empty run directory: `runs/TASK-TIME`, with a number where several runs start in one second.

    It is made at once, so that no other run takes it while this one reads its data.
    """
    name = f"{task}-{datetime.now():%Y%m%d-%H%M%S}"
    for path in map(Path("runs").joinpath, itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))):
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
    raise AssertionError("numbers do not end")


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
            is_of_wandb = name in LINKS_OF_WANDB and path.relative_to(run_dir).parts[0] == "wandb"
            if path.is_symlink() and not is_of_wandb:
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
    check_alike({**plain_settings(config), "data_checksums": checksums, "commit": commit(), "versions": versions()})
    run_dir = Path(config.run_dir)
    settings = {**plain_settings(config), "data_checksums": checksums}
    file = run_dir / "config.json"
    try:
        if config.resume:
            stored = json.loads(file.read_text())
            if not isinstance(stored, dict):
                raise ValueError("it holds no settings")
            check_same_run(settings, stored, file)
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


def check_same_run(settings: dict, stored: dict, file: Path) -> None:
    """Check that a resumed run has the settings and data that it began with.

    Args:
        settings: those of now.
        stored: those of the run's `config.json`.
        file: that file.

    Raises:
        UserError: something differs.
    """
    run_dir = file.parent
    different = [name for name in {**stored, **settings} if stored.get(name) != settings.get(name)]
    if names := sorted(name for name in different if name not in settings or name not in stored):
        raise UserError(
            f"{run_dir}: the run there began with a version of this script whose settings are others ({', '.join(names)}); "
            "go on with the code that commits.txt names, or give a new --run-dir"
        )
    if different == ["data_checksums"] and (files := changed_data(settings, stored, file)):
        raise UserError(
            f"{files}: the data has changed since the run in {run_dir} began; give that data, or a new --run-dir"
        )
    if different:
        changes = "; ".join(f"{name} was {stored[name]!r}, is now {settings[name]!r}" for name in different)
        raise UserError(f"{run_dir}: the run there had other settings ({changes}); give the same, or a new --run-dir")


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
    """Seed all random generators with `config.seed`, set `config.precision`, and lay out the model over devices."""
    import keras

    from utils.training.distribution import distribute

    keras.utils.set_random_seed(config.seed)
    set_precision(config.precision)
    for note in (unused_gpu(), slow_precision(config.precision)):
        if note:
            print(note)
    if config.distribute != "none":
        distribute(config.distribute, config.model_devices)


def set_precision(precision: str) -> None:
    """Set the number format of the computations of all layers made afterwards; weights are float32 in each.

    Args:
        precision: `float32`, `bfloat16` or `float16`.
    """
    import keras

    policies = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
    keras.mixed_precision.set_dtype_policy(policies[precision])
