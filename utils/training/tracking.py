"""Track a run with Weights & Biases (W&B) or TensorBoard, without letting them disturb the training.

One background thread makes all calls. It takes them from a queue, so a slow network does not delay the training loop. A failure
ends the tracking with one warning line and leaves the run alone. No file of a run directory depends on the tracking, except those
under `wandb` and `tensorboard`. docs/tracking.md lists what is tracked.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import read_json

FIRST_WAIT_SECONDS = 5
"""The longest that `start_tracking` waits for the connection, so that its line is printed before those of the training."""
FINISH_SECONDS = 120
"""The longest that `Tracker.finish` waits for uploads. The rest stays on disk for `wandb sync`."""


class Tracker:
    """Logs one run, as a context manager: `with start_tracking(...) as tracker:`.

    Every method but `finish` returns at once. All do nothing when tracking is off or has failed. An exception within the block
    marks the run as failed.

    Args:
        connect: function that starts the run and returns it, called in the background thread; None turns tracking off. The run has
            the methods of `utils.training.wandb_run.WandbRun`.
        service: the name of what tracks, for the warning line after a failure.
        remedy: the end of that line.
    """

    def __init__(self, connect: Callable | None = None, service: str = "", remedy: str = ""):
        self.is_on = connect is not None
        self._service = service
        self._remedy = remedy
        self._jobs = queue.SimpleQueue()
        self._exit_code = 0
        self._connected = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(connect,), name="tracking", daemon=True)
        if self.is_on:
            self._thread.start()
            self._connected.wait(FIRST_WAIT_SECONDS)

    def log_step(self, row: dict[str, float | None]) -> None:
        """Log a row of `steps.csv` (see `utils.training.step_log`). Steps must increase; W&B ignores a repeated one."""
        values = step_values(row)
        self._do(lambda run: run.log(values, row["step"]))

    def log_epoch(self, row: dict[str, float], step_row: dict[str, float | None] | None, step: int) -> None:
        """Log a row of `metrics.csv`, together with the row of the epoch's last step, if there is one.

        Args:
            row: the row of the epoch.
            step_row: the row of `steps.csv` for the same step.
            step: completed steps of the whole training.
        """
        values = {"train/step": step} | step_values(step_row or {}) | epoch_values(row)
        self._do(lambda run: run.log(values, step))

    def log_table(self, name: str, columns: list[str], rows: Iterable[Iterable]) -> None:
        """Log a table as `tables/NAME`; every row has one cell per column."""
        columns, rows = list(columns), [list(row) for row in rows]
        self._do(lambda run: run.log_table(f"tables/{name}", columns, rows))

    def log_images(self, paths: dict[str, str | Path]) -> None:
        """Log image files as `images/NAME`; `paths` maps names to files."""
        paths = {f"images/{name}": Path(path) for name, path in paths.items()}
        self._do(lambda run: run.log_images(paths))

    def log_model(self, name: str, files: dict[str, Path | str], metadata: dict, aliases: list[str]) -> None:
        """Log a folder of files that stands alone, such as a trained model with all that it needs.

        Args:
            name: of the artifact, of which each run adds a version.
            files: name in the folder to a file, which must not change any more, or to the text of a file.
            metadata: what is known about it, such as scores.
            aliases: names of this version.
        """
        files = dict(files)
        self._do(lambda run: run.log_model(name, files, metadata, aliases))

    def set_config(self, values: dict) -> None:
        """Add to the run's settings and conditions. Values must be what JSON has."""
        values = dict(values)
        self._do(lambda run: run.set_config(values))

    def set_summary(self, values: dict) -> None:
        """Set final values of the run, such as test metrics; what is None is left out."""
        values = {name: value for name, value in values.items() if value is not None}
        self._do(lambda run: run.set_summary(values))

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback) -> None:
        self.finish(0 if kind is None else 1)

    def finish(self, exit_code: int = 0) -> None:
        """Upload the rest, for at most `FINISH_SECONDS`, and end the run; a non-zero `exit_code` marks it as failed."""
        self._exit_code = exit_code
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(FINISH_SECONDS)
        if self._thread.is_alive():
            self._stop(f"not done within {FINISH_SECONDS} s")

    def _do(self, job: Callable) -> None:
        if self.is_on:
            self._jobs.put(job)

    def _work(self, connect: Callable) -> None:
        run = None
        try:
            run = connect()
            self._connected.set()
            for job in iter(self._jobs.get, None):
                job(run)
        except BaseException as error:  # W&B also raises SystemExit; nothing of it may reach the training
            self._stop(error)
        self._connected.set()
        if run is not None:
            try:
                run.finish(self._exit_code)
            except BaseException as error:
                self._stop(error)

    def _stop(self, reason: BaseException | str) -> None:
        if self.is_on:
            self.is_on = False
            lines = str(reason).strip().splitlines() or [type(reason).__name__]
            print(f"{self._service}: stopped ({lines[0]}). {self._remedy}", file=sys.stderr, flush=True)


def step_values(row: dict[str, float | None]) -> dict[str, float]:
    """A row of `steps.csv` under the names that trackers get; what is not known is left out.

    >>> step_values({"step": 10, "epoch": 0.5, "loss": 2.0, "gradient_norm": None})
    {'train/step': 10, 'epoch': 0.5, 'train/loss': 2.0}
    """
    return {name if name == "epoch" else f"train/{name}": value for name, value in row.items() if value is not None}


def epoch_values(row: dict[str, float]) -> dict[str, float]:
    """A row of `metrics.csv` under the names that trackers get.

    >>> epoch_values({"epoch": 1, "loss": 2.0, "learning_rate": 0.1, "val_f1": 30.0, "gradient_memory": 1e-3})
    {'epoch': 1, 'train/epoch_loss': 2.0, 'train/learning_rate': 0.1, 'val/f1': 30.0, 'train/gradient_rms/memory': 0.001}
    """
    names = {"epoch": "epoch", "loss": "train/epoch_loss", "seconds": "train/epoch_seconds"}
    beginnings = {"val_": "val/", "gradient_": "train/gradient_rms/"}
    values = {}
    for name, value in row.items():
        start = next((start for start in beginnings if name.startswith(start)), "")
        values[names.get(name) or beginnings.get(start, "train/") + name.removeprefix(start)] = value
    return values


def group_runs(name: str) -> None:
    """Give the W&B runs that this process and its children start a group, unless WANDB_RUN_GROUP names one."""
    os.environ.setdefault("WANDB_RUN_GROUP", name)


def check_tracking(mode: str) -> None:
    """Check, before any work, that the mode can be used on this machine.

    Raises:
        UserError: the mode is unknown; "online" on a machine that is not logged in; "tensorboard" without the package.
    """
    from utils.training.backends import is_installed
    from utils.training.wandb_run import logged_in

    if mode not in ("auto", "online", "offline", "off", "tensorboard"):
        raise UserError(f"--tracking {mode}: unknown; choose auto, online, offline, off or tensorboard")
    if mode == "online" and not logged_in():
        raise UserError("--tracking online: not logged in to Weights & Biases; run `wandb login` or set WANDB_API_KEY")
    if mode == "tensorboard" and not is_installed("tensorboard"):
        raise UserError("--tracking tensorboard: the package is not installed; pip install tensorboard")


def start_tracking(config, task: str, job_type: str = "train") -> Tracker:
    """Start tracking a run, or continue to track a resumed one.

    With `--tracking auto`, the environment variable WANDB_MODE decides. Where it is not set, tracking is online if this machine is
    logged in to W&B, and else off with one line that says how to turn it on.

    Args:
        config: has `tracking`, `project`, `run_name`, `tags`, and `run_dir`, an existing folder. Its `config.json`, which
            `set_up_run` wrote, becomes the config of the tracked run: settings and checksums of the data.
        task: the task's name.
        job_type: `train`, `evaluate` or `suite`.

    Returns:
        a tracker whose methods are safe to call whatever happens to W&B or TensorBoard.

    Raises:
        UserError: see `check_tracking`.
    """
    from utils.training.wandb_run import WandbRun, logged_in

    mode = config.tracking
    check_tracking(mode)
    if mode == "auto":
        mode = {"offline": "offline", "disabled": "off"}.get(os.environ.get("WANDB_MODE"), "auto")
    if mode == "auto" and logged_in():
        mode = "online"
    elif mode == "auto":
        print("Weights & Biases: off, not logged in (to turn it on: `wandb login`, or --tracking offline).", flush=True)
        mode = "off"
    if mode == "off":
        return Tracker()
    run_dir = Path(config.run_dir).resolve()
    settings = {"task": task, "run_dir": str(run_dir)}
    if (run_dir / "config.json").exists():
        settings |= read_json(run_dir / "config.json")
    remedy = f"The run goes on; its files are in {run_dir}."
    if mode == "tensorboard":
        from utils.training.tensorboard_run import TensorBoardRun

        return Tracker(lambda: TensorBoardRun(run_dir / "tensorboard", settings), "TensorBoard", remedy)
    os.environ["WANDB_DATA_DIR"] = str(run_dir / "wandb")  # tables that wait for upload; by default the home directory

    def connect():
        return WandbRun(run_dir, task, job_type, mode, settings, config.project, config.run_name, config.tags)

    return Tracker(connect, "Weights & Biases", remedy)
