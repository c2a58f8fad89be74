"""Values of the training every few steps, as `steps.csv`."""

from __future__ import annotations

import re
import time
from pathlib import Path

from utils.common.files import write_atomically

COLUMNS = ("step", "epoch", "loss", "learning_rate", "gradient_norm", "examples_per_second")


class StepLog:
    """Writes a row of `steps.csv` every few steps of a training, and at the end of each epoch.

    A row stands for the steps since the row before it, or since the epoch began:

    - `step`: steps since the training began. `epoch`: the same in epochs, such as 1.5.
    - `loss`: mean over the examples of these steps.
    - `learning_rate`: after the last step. `gradient_norm`: of the last step, before clipping; empty if the optimizer keeps none.
    - `examples_per_second`: of training alone. Evaluations, checkpoints and the first call of a process, which compiles, are left
      out; empty where nothing else remains.

    `fit` calls `open`, `begin_epoch` before the first step of an epoch, `add_row` where `is_due` says so, and `close`.

    Args:
        path: the file.
        every: steps between two rows; 0 writes no file.
        steps_per_epoch: steps of an epoch.
    """

    def __init__(self, path: Path, every: int, steps_per_epoch: int):
        self.path = path
        self.every = every
        self.steps_per_epoch = steps_per_epoch
        self.file = None
        self.step, self.loss, self.examples = (
            0,
            0.0,
            0.0,
        )  # of the epoch, up to the last row: steps, sum of losses, examples
        self.clock = None  # when the steps began whose speed is measured; None before the first call of this process
        self.timed_examples = 0.0  # examples of the epoch before that

    def open(self, last_step: int) -> None:
        """Begin the file; rows of an earlier process up to `last_step`, where the training continues, are kept."""
        if not self.every:
            return
        rows = []
        if last_step and self.path.exists():
            lines = self.path.read_text("utf-8", errors="replace").splitlines(keepends=True)
            rows = [line for line in lines[1:] if _step_of(line) <= last_step]
        write_atomically(self.path, ",".join(COLUMNS) + "\n" + "".join(rows))
        self.file = open(self.path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115 - closed by `close`

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            self.file.close()

    @property
    def state(self) -> tuple[int, float, float]:
        """What a checkpoint keeps, so that a resumed run writes the same rows."""
        return self.step, self.loss, self.examples

    def begin_epoch(self, state: tuple[int, float, float] | None = None) -> None:
        """Before the first step of an epoch, or of what is left of it: `state` is that of the checkpoint."""
        self.step, self.loss, self.examples = state or (0, 0.0, 0.0)
        self.timed_examples = self.examples
        if self.clock is not None:
            self.clock = time.monotonic()

    def pause(self, seconds: float) -> None:
        """Leave a time that was not spent on training out of the speed."""
        if self.clock is not None:
            self.clock += seconds

    def is_due(self, step: int) -> bool:
        """Whether a row is to be written after this step of the epoch."""
        return bool(self.every) and (step - self.step >= self.every or step == self.steps_per_epoch)

    @property
    def is_waiting(self) -> bool:
        """Whether the clock has not started yet. The first call of a process compiles, so it starts when that call has ended."""
        return bool(self.every) and self.clock is None

    def start_clock(self, loss_metric) -> None:
        """Measure the speed of the steps that follow."""
        self.timed_examples, self.clock = float(loss_metric.count), time.monotonic()

    def add_row(self, epoch: int, step: int, model, loss_metric) -> dict[str, float | None]:
        """Write the row of a step.

        Args:
            epoch: completed epochs.
            step: completed steps of the current epoch.
            model: the model that is trained.
            loss_metric: Keras' mean of the epoch's losses, weighted by the examples of each batch.

        Returns:
            the row; values that are not known are None.
        """
        loss, examples = float(loss_metric.total), float(loss_metric.count)
        now = time.monotonic()
        num_examples, num_timed = examples - self.examples, examples - self.timed_examples
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # float16 wraps it
        norm = getattr(optimizer, "gradient_norm", None)
        all_steps = epoch * self.steps_per_epoch + step
        speed = num_timed / max(now - self.clock, 1e-9) if num_timed and self.clock is not None else None
        row = {
            "step": all_steps,
            "epoch": round(all_steps / self.steps_per_epoch, 4),
            "loss": (loss - self.loss) / num_examples if num_examples else None,
            "learning_rate": float(optimizer.learning_rate),
            "gradient_norm": None if norm is None else float(norm),
            "examples_per_second": None if speed is None else round(speed, 1),
        }
        self.file.write(",".join("" if value is None else repr(value) for value in row.values()) + "\n")
        self.step, self.loss, self.examples = step, loss, examples
        self.clock, self.timed_examples = now, examples
        return row


def _step_of(line: str) -> float:
    """The step of a line of `steps.csv`; infinite for one that was not written to its end."""
    match = re.fullmatch(r"(\d{1,15}),.*\n", line)
    return int(match[1]) if match and line.count(",") == len(COLUMNS) - 1 else float("inf")
