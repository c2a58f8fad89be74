"""Read what a finished run left in its directory."""

from __future__ import annotations

import contextlib
import json
import zipfile
from pathlib import Path

from utils.common.errors import UserError


def read_run(run_dir: str | Path, task: str | None = None) -> tuple[dict, dict]:
    """The settings (`config.json`) and the results (`results.json`) of a finished run.

    Args:
        run_dir: the run directory.
        task: the task that the run must be of; None for any.

    Raises:
        UserError: the training has not ended, the run is of another task, the directory holds several runs, or a file is damaged.
    """
    run_dir = Path(run_dir)
    if not (run_dir / "results.json").is_file():
        runs = sorted(path.parent for path in run_dir.glob("*/results.json"))
        if runs:
            raise UserError(f"{run_dir}: holds several runs; name one of them, such as {runs[0]}")
        raise UserError(f"{run_dir}: no finished run there (results.json); name the --run-dir of a training")
    with damaged_run_as_user_error(run_dir):
        settings, results = (json.loads((run_dir / name).read_text()) for name in ("config.json", "results.json"))
        task_of_run = results["task"]
    if task not in (None, task_of_run):
        raise UserError(f"{run_dir}: is a run of the task {task_of_run!r}; name a run of train_{task}.py")
    return settings, results


@contextlib.contextmanager
def damaged_run_as_user_error(run_dir: str | Path):
    """Within the block, a missing or broken file of a run becomes a one-line `UserError`."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{run_dir}: damaged run ({reason}); name another, or train it again") from None
