"""Training that can be stopped anywhere without changing its result: evaluation, best weights, checkpoints, early stopping."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import time
from pathlib import Path

import keras
import numpy as np

from utils.common.errors import UserError
from utils.common.files import write_csv
from utils.training.batch_dataset import as_dataset
from utils.training.checkpoint import last_whole_checkpoint
from utils.training.distribution import (
    CONTINUE,
    SAVE,
    STOP,
    batch_part,
    end_distribution,
    host_value,
    is_distributed,
    on_one_device,
    prepare,
)
from utils.training.late_note import NO_NOTE, note_after
from utils.training.machines import is_first_process, part_from_others, shared_run_dir
from utils.training.spread_checkpoint import (
    has_any_checkpoint,
    orbax_folder,
    resume_any_checkpoint,
    save_any_checkpoint,
)
from utils.training.step_log import StepLog
from utils.training.weights import assign_values, averaged_weights, inference_copy, own_weights

SAVE_EVERY_SECONDS = float(os.environ.get("QKV_ZOO_SAVE_EVERY_SECONDS", "60"))
"""Seconds between two checkpoints within an epoch."""


def fit(
    model,
    batches,
    *,
    steps_per_epoch,
    epochs,
    evaluate,
    monitor,
    run_dir,
    patience=0,
    tracker=None,
    resume=False,
    steps_per_execution=1,
    log_every=0,
):
    """Train a model, and evaluate and save it on the way.

    After every epoch the model is evaluated with the moving average of its weights, if the optimizer keeps one. It is saved as
    `best.keras` when `monitor` reaches or exceeds the highest value so far.

    A checkpoint is written after every epoch, every minute (less often if writing takes long), and at SIGINT or SIGTERM. A
    resumed run continues with the batch after its last checkpoint. It ends with the same weights as an uninterrupted run.

    On several devices (`utils.training.distribution`) and processes (`utils.training.machines`) all this is the same: process 0
    alone writes the run directory and returns, and the other processes end here.

    Args:
        model: compiled `keras.Model`.
        batches: function of a step number and a `utils.common.batching.BatchPart` that returns an endless iterator of `(inputs,
            targets)`, or `(inputs, targets, sample_weight)`, from that step on: of each batch the rows of this part. A step must
            have the same batch whenever it is asked for.
        steps_per_epoch: number of batches in an epoch.
        epochs: the most epochs to train.
        evaluate: function of a model that returns `{"val_...": float}`. Numbers under other names are kept in `metrics.csv` but
            not printed.
        monitor: the name of the metric to maximise.
        run_dir: existing folder for `best.keras`, `checkpoint.npz`, `metrics.csv` and `steps.csv`.
        patience: epochs without an equal or better `monitor` after which training stops; 0 never stops early.
        tracker: a `utils.training.tracking.Tracker`, or None.
        resume: continue from `checkpoint.npz` if it exists.
        steps_per_execution: steps that TensorFlow and JAX run in one call. Calls cost more than the steps of a small model.
            Signals, the loss and the clock are looked at between calls only. The result is the same.
        log_every: steps between two rows of `steps.csv` (see `utils.training.step_log`), which the tracker gets, too; 0 for none.

    Returns:
        the rows of `metrics.csv`, one per epoch.

    Raises:
        UserError: the loss or a weight is not finite, and the last good checkpoint is kept; or `resume` has results to go on from,
            and no checkpoint.
    """
    part = batch_part()
    step_log = StepLog(Path(run_dir) / "steps.csv", log_every, steps_per_epoch)
    callback = RunCallback(Path(run_dir), epochs, steps_per_epoch, evaluate, monitor, patience, tracker, step_log)
    if is_distributed():
        prepare(model)
    # The optimizer's variables must exist before they can be restored.
    model.optimizer.build(model.trainable_variables)
    if resume and has_any_checkpoint(callback.checkpoint):
        callback.restore(model)
    elif resume and callback.has_results():
        raise UserError(
            f"{run_dir}: its checkpoints are gone, so the training cannot go on, and would begin again in place of its results; "
            "put checkpoint.npz back, or start a new --run-dir"
        )
    if keras.backend.backend() != "torch" and not is_distributed():  # there, every step asks whether to stop
        model.steps_per_execution = steps_per_execution
    if keras.backend.backend() == "jax":
        model.jit_compile = True  # else Keras runs a step operation by operation, at several times the time
    elif keras.backend.backend() == "torch":
        model.jit_compile = False  # PyTorch would compile anew for every shape, a minute each, with a C++ compiler
    builds_loss = keras.backend.backend() == "tensorflow" and not is_distributed()
    step_log.open(callback.all_steps)
    with contextlib.closing(step_log), callback.catch_signals():
        while callback.epoch < epochs and not callback.finished:
            steps = steps_per_epoch - callback.step
            if builds_loss:
                build_loss(model, next(batches(callback.all_steps, part)))
                builds_loss = False
            try:
                model.fit(
                    as_dataset(
                        lambda first_step: batches(first_step, part), callback.all_steps, steps, callback.wanted_request
                    ),
                    initial_epoch=callback.epoch,
                    epochs=callback.epoch + 1,
                    steps_per_epoch=steps,
                    callbacks=[callback],
                    shuffle=False,  # the order of the batches is part of the run
                    verbose=0,
                )
            except TypeError as error:
                if keras.backend.backend() != "jax" or error.__context__ is None:
                    raise
                # When a step fails, Keras looks for averages of weights that are gone. The step's error is the cause.
                raise error.__context__ from None
            # When a fit ends, Keras leaves the averaged weights in the model. Training continues from the model's own.
            assign_values(model.trainable_variables, callback.own_weights)
    part_from_others()
    if callback.signal is not None:  # it came too late for a step of all processes
        callback.exit()
    if is_distributed():
        end_distribution()
    return callback.rows


def build_loss(model, batch) -> None:
    """Let Keras make the metrics that a loss of several outputs has.

    Left to the first training step they would be variables that TensorFlow makes within a function, and it traces such a function
    twice.

    Args:
        model: compiled `keras.Model`.
        batch: `(inputs, targets)`, or `(inputs, targets, sample_weight)`.
    """
    inputs, targets, *weights = batch
    with keras.StatelessScope():  # random generators stay as they are
        outputs = model(inputs, training=False)
    model.compute_loss(inputs, targets, outputs, *weights, training=False)


COMPILING_SECONDS = 3.0
COMPILING = "compiling the training step (XLA), about 30 s; --no-jit-compile starts at once"
COMPILING_ON_JAX = "compiling the training step (XLA)"  # there is no other way to run it
"""What is said where the first step takes longer than `COMPILING_SECONDS`."""


class RunCallback(keras.callbacks.Callback):
    """Everything that happens around the training steps of one run; see `fit`."""

    def __init__(self, run_dir, epochs, steps_per_epoch, evaluate, monitor, patience, tracker, step_log):
        super().__init__()
        self.run_dir = run_dir
        self.checkpoint = shared_run_dir(run_dir) / "checkpoint.npz"
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.evaluate = evaluate
        self.monitor = monitor
        self.patience = patience
        self.tracker = tracker
        self.step_log = step_log
        self.rows: list[dict] = []
        self.epoch = 0  # completed epochs
        self.step = 0  # completed steps of the current epoch
        self.loss_so_far = None  # sum and count of this epoch's losses in an earlier process
        self.logged_so_far = None  # what that process logged of this epoch
        self.seconds = 0.0  # training time of this epoch in earlier processes
        self.last_save = time.monotonic()
        self.save_seconds = 0.0  # duration of the last save
        self.own_weights = []  # at the end of an epoch, where the optimizer keeps an average
        self.signal = None  # number of the signal that asked this process to stop
        self.stop = False  # whether all processes stop at the end of this step
        self.compiling = None  # the note on the first step, which is compiled

    @property
    def all_steps(self) -> int:
        """Completed steps of the whole training."""
        return self.epoch * self.steps_per_epoch + self.step

    @property
    def finished(self) -> bool:
        """Whether `patience` epochs have passed since the best one."""
        if not self.patience or not self.rows:
            return False
        return len(self.rows) - best_row(self.rows, self.monitor)["epoch"] >= self.patience

    def has_results(self) -> bool:
        """Whether an epoch of this training, or all of it, has ended."""
        return any((self.run_dir / name).exists() for name in ("metrics.csv", "results.json"))

    def restore(self, model) -> None:
        """Continue where the checkpoint was written."""
        state = resume_any_checkpoint(self.checkpoint, model)
        try:
            self.rows = [{**row, self.monitor: float(row[self.monitor])} for row in state["rows"]]
            self.epoch, self.step = int(state["epoch"]), int(state["step"])
            self.loss_so_far = [float(value) for value in state["loss"]] if self.step else None
            step, loss, examples = state["logged"]
            self.logged_so_far = (int(step), float(loss), float(examples)) if self.step else None
            self.seconds = float(state["seconds"])
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{self.checkpoint}: its state is damaged ({error}); start a new run in another --run-dir"
            ) from None
        if self.rows:
            write_csv(self.run_dir / "metrics.csv", self.rows)
        print(f"resumed after epoch {self.epoch} and {self.step} of {self.steps_per_epoch} steps")

    @contextlib.contextmanager
    def catch_signals(self):
        """Within the block, SIGINT and SIGTERM take effect at the end of the current step."""
        handlers = {}
        with contextlib.suppress(ValueError):  # signals can only be caught in the main thread
            for number in (signal.SIGINT, signal.SIGTERM):
                handlers[number] = signal.signal(number, self._remember_signal)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _remember_signal(self, number, frame):
        self.signal = number

    def wanted_request(self) -> int:
        """What this process asks for: to stop, a checkpoint (process 0 decides when), or nothing."""
        if self.signal is not None:
            return STOP
        # Checkpoints of a large model take long, so they are written less often.
        is_due = time.monotonic() - self.last_save > SAVE_EVERY_SECONDS * max(1, self.save_seconds / 3)
        return SAVE if is_due and is_first_process() else CONTINUE

    def on_train_begin(self, logs=None):
        self.last_save = self.clock = time.monotonic()
        self.first_step = self.step
        if self.compiling is None:
            is_said = self.model.jit_compile and is_first_process()
            note = COMPILING_ON_JAX if keras.backend.backend() == "jax" else COMPILING
            self.compiling = note_after(COMPILING_SECONDS, note) if is_said else NO_NOTE

    def on_epoch_begin(self, epoch, logs=None):
        if self.loss_so_far is not None:
            total, count = self.loss_so_far
            self._loss_metric.total.assign(total)
            self._loss_metric.count.assign(count)
            self.loss_so_far = None
        self.step_log.begin_epoch(self.logged_so_far)
        self.logged_so_far = None
        # A bar on a terminal; in a file or pipe, only the line at the end of an epoch.
        verbose = 1 if sys.stdout.isatty() else 2
        self.progress = keras.utils.Progbar(self.steps_per_epoch, verbose=verbose, stateful_metrics=["loss"])
        print(f"epoch {epoch + 1}/{self.epochs}", flush=True)

    def on_train_batch_end(self, batch, logs=None):
        self.compiling.cancel()
        self.step = min(self.first_step + batch + 1, self.steps_per_epoch)
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            self._raise_not_finite("the loss")
        self._log_step()
        # Several processes do what one of them asked for with this step's batch, so that all do it after the same step.
        request = int(logs["request"]) if "request" in logs else self.wanted_request()
        self.stop = request == STOP
        if self.step == self.steps_per_epoch:
            return  # on_epoch_end saves and reports
        self.progress.update(self.step, [("loss", loss)])
        if request != CONTINUE:
            self._save()
        if self.stop:
            self.exit()

    def on_epoch_end(self, epoch, logs=None):
        for variable in self.model.trainable_variables:
            if not np.isfinite(host_value(variable)).all():
                self._raise_not_finite(f"the weight {variable.path}")
        row = {"epoch": epoch + 1, "loss": float(logs["loss"])}
        row["learning_rate"] = float(self.model.optimizer.learning_rate)
        with averaged_weights(self.model):
            row |= self.evaluate(self.model)
            if best_row([*self.rows, row], self.monitor) is row:
                self._save_best()
        now = time.monotonic()
        row["seconds"] = self.seconds + now - self.clock
        self.clock, self.seconds = now, 0.0
        logs.update(row)
        self.rows.append(row)
        self.epoch, self.step = epoch + 1, 0
        printed = [(name, value) for name, value in row.items() if name.startswith("val_")]
        self.progress.update(self.steps_per_epoch, [("loss", row["loss"]), *printed], finalize=True)
        self._save()
        write_csv(self.run_dir / "metrics.csv", self.rows)
        if self.tracker is not None:
            self.tracker.log_epoch(row, self.last_step_row, self.all_steps)
        if self.finished:
            print(f"no equal or better {self.monitor} for {self.patience} epochs: stopping")
            self.model.stop_training = True
        if self.stop or (self.signal is not None and not is_distributed()):
            self.exit()
        self.own_weights = own_weights(self.model)

    def _log_step(self):
        self.last_step_row = None
        if self.step_log.is_due(self.step):
            self.last_step_row = self.step_log.add_row(self.epoch, self.step, self.model, self._loss_metric)
            if self.tracker is not None and self.step < self.steps_per_epoch:  # the last one is logged with the epoch
                self.tracker.log_step(self.last_step_row)
        elif self.step_log.is_waiting:
            self.step_log.start_clock(self._loss_metric)

    @property
    def _loss_metric(self):
        return next(metric for metric in self.model.metrics if metric.name == "loss")

    def _save_best(self):
        weights = [host_value(variable) for variable in self.model.weights]  # in every process
        if not is_first_process():
            return
        temporary = self.run_dir / "best.tmp.keras"  # Keras insists on the extension
        with on_one_device():
            inference_copy(self.model, weights).save(temporary)
        temporary.replace(self.run_dir / "best.keras")

    def _save(self):
        start = time.monotonic()
        state = {
            "epoch": self.epoch,
            "step": self.step,
            "loss": [float(self._loss_metric.total), float(self._loss_metric.count)],
            "logged": self.step_log.state,
            "seconds": self.seconds + start - self.clock,
            "is_trained": self.epoch == self.epochs or self.finished,
            "rows": self.rows,
        }
        try:
            save_any_checkpoint(self.checkpoint, self.model, state)
        except FloatingPointError as error:
            self._raise_not_finite(f"the weight {error}")
        self.last_save = time.monotonic()
        self.save_seconds = self.last_save - start
        self.step_log.pause(self.save_seconds)

    def exit(self):
        """End the process, after a checkpoint was saved."""
        print(f"\nstopped by a signal; saved in {self.run_dir}, continue with --resume", flush=True)
        raise SystemExit(128 + (self.signal or signal.SIGTERM))  # the signal may have reached another process alone

    def _raise_not_finite(self, what):
        saved = "no checkpoint had been written yet"
        if (folder := orbax_folder(self.checkpoint)).exists():
            saved = f"the last checkpoint is in {folder}"
        elif last := last_whole_checkpoint(self.checkpoint):
            path, state = last
            saved = f"the last good checkpoint (epoch {state['epoch']}, step {state['step']}) is {path}"
        raise UserError(
            f"{what} is not a finite number at epoch {self.epoch + 1}, step {self.step}: {saved}; "
            "try a lower --learning-rate, or --precision float32"
        )


def best_row(rows: list[dict], monitor: str) -> dict:
    """The row of `metrics.csv` whose model is saved as `best.keras`.

    It is the row with the highest `monitor`; of several such rows, the last. NaN is lower than any number.
    """
    values = [-math.inf if math.isnan(row[monitor]) else row[monitor] for row in rows]
    return rows[len(values) - 1 - values[::-1].index(max(values))]
