"""Read what a finished run left in its directory."""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import read_json
from utils.common.references import model_folder

MAX_SEED = 2**63 - 1


def read_run(run_dir: str | Path, task: str | None = None) -> tuple[dict, dict]:
    """The settings (`config.json`) and the results (`results.json`) of a finished run.

    Args:
        run_dir: a run directory, the name of a published model, or `hf://owner/name`.
        task: the task that the run must be of; None for any.

    Raises:
        UserError: the training has not ended, the run is of another task, the directory holds several runs, or a file is damaged.
    """
    run_dir = model_folder(run_dir)
    if not (run_dir / "results.json").is_file():
        runs = sorted(path.parent for path in run_dir.glob("*/results.json"))
        if runs:
            raise UserError(f"{run_dir}: holds several runs; name one of them, such as {runs[0]}")
        raise UserError(f"{run_dir}: no finished run there (results.json); name the --run-dir of a training")
    with damaged_run_as_user_error(run_dir):
        settings, results = read_run_file(run_dir, "config.json"), read_run_file(run_dir, "results.json")
        task_of_run = results["task"]
    if task not in (None, task_of_run):
        raise UserError(f"{run_dir}: is a run of the task {task_of_run!r}; name a run of train_{task}.py")
    return settings, results


def read_run_file(run_dir: str | Path, name: str) -> dict:
    """A JSON object that a run wrote.

    Args:
        run_dir: the run directory.
        name: of the file, such as `config.json`.

    Raises:
        UserError: the file cannot be read.
        ValueError: it holds something else than a JSON object.
    """
    content = read_json(Path(run_dir) / name)
    if not isinstance(content, dict):
        raise ValueError(f"{name} holds no JSON object")
    return content


def checked_number(values: dict, name: str, lowest: float, highest: float, kind: type = int):
    """A number that a run stored. Runs may come from strangers, so it is checked before anything is made of it.

    >>> checked_number({"max_length": 384}, "max_length", 1, 10_000)
    384

    Args:
        values: the run's settings, or a part of its results.
        name: of the number among them.
        lowest: its smallest value.
        highest: its largest value.
        kind: `int`, or `float` for any number.

    Raises:
        KeyError, ValueError: there is no such number.
    """
    value = values[name]
    kinds = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not lowest <= value <= highest:  # NaN is refused, too
        raise ValueError(f"{name} is {repr(value)[:40]}, not a number from {lowest:,} to {highest:,}")
    return value


@contextlib.contextmanager
def damaged_run_as_user_error(run_dir: str | Path):
    """Within the block, a missing or broken file of a run becomes a one-line `UserError`."""
    try:
        yield
    except UserError as error:
        reason = str(error).partition("; ")[0]  # without its remedy
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
    else:
        return
    raise UserError(f"{run_dir}: damaged run ({reason}); name another, or train it again")
