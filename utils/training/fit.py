"""Training that can be stopped anywhere and gives the same result: evaluation, best weights, checkpoints, early stopping."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import signal
import time
from pathlib import Path

import keras
import numpy as np

from utils.common.errors import UserError
from utils.common.files import write_csv
from utils.training.checkpoint import load_state, restore_checkpoint, save_checkpoint

SAVE_EVERY_SECONDS = float(os.environ.get("QKV_ZOO_SAVE_EVERY_SECONDS", "60"))
BATCHES_PER_STACK = 16
"""Batches of equal shapes that are passed to TensorFlow together, at most."""
STACK_BYTES = 8 * 2**20
"""Size that such a stack of batches should not exceed."""


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
):
    """Train, evaluating and saving as it goes; returns the rows of `metrics.csv`, one an epoch.

    After every epoch the moving average of the weights (if the optimizer keeps one) is evaluated, and kept as `best.keras` when
    `monitor` is the highest so far, or as high. A checkpoint is written each epoch, each minute (less often if that takes long) and
    at SIGINT or SIGTERM; a resumed run goes on from the very next batch after its last checkpoint, so that its weights are those of
    an uninterrupted one.

    Args:
        model: compiled `keras.Model`.
        batches: function of a first step; returns an endless iterator of `(inputs, targets)`; step `n` is always the
            same batch.
        evaluate: function of a model; returns `{"val_...": float}`, and perhaps numbers of other names, which are kept, not shown.
        monitor: the name among these that is to become large.
        patience: epochs without a better `monitor` before stopping; 0 never stops early.
        tracker: `utils.training.tracking.Tracker` or None.
        resume: go on from `checkpoint.npz` where there is one.
        steps_per_execution: steps that TensorFlow takes in one call, without a look at the loss, at signals or at the clock;
            what Keras does around a small model's step takes longer than the step. The result is the same.

    Raises:
        UserError: the loss or a weight is no longer finite; the last good checkpoint stays.
    """
    keeper = KeepRun(Path(run_dir), epochs, steps_per_epoch, evaluate, monitor, patience, tracker)
    if resume and keeper.checkpoint.exists():
        # The optimizer's variables must exist before they can be restored.
        model.optimizer.build(model.trainable_variables)
        keeper.restore(model)
    if keras.backend.backend() == "tensorflow":
        model.steps_per_execution = steps_per_execution
    with keeper.listening():
        while keeper.epoch < epochs and not keeper.finished:
            steps = steps_per_epoch - keeper.step
            model.fit(
                as_dataset(batches, keeper.epoch * steps_per_epoch + keeper.step, steps),
                initial_epoch=keeper.epoch,
                epochs=keeper.epoch + 1,
                steps_per_epoch=steps,
                callbacks=[keeper],
                shuffle=False,  # the batches come in their order
                verbose=0,
            )
            # Keras leaves the averaged weights in the model when a fit ends; training goes on from its own.
            restore_checkpoint(keeper.checkpoint, model)
    return keeper.rows


class KeepRun(keras.callbacks.Callback):
    """Everything that happens around the steps of one run. See `fit`."""

    def __init__(self, run_dir, epochs, steps_per_epoch, evaluate, monitor, patience, tracker):
        super().__init__()
        self.run_dir = run_dir
        self.checkpoint = run_dir / "checkpoint.npz"
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.evaluate = evaluate
        self.monitor = monitor
        self.patience = patience
        self.tracker = tracker
        self.rows: list[dict] = []
        self.epoch = 0  # epochs that are complete
        self.step = 0  # steps of the epoch under way
        self.loss_so_far = None  # total and count of the losses that an earlier process had in this epoch
        self.seconds = 0.0  # training time of this epoch, evaluation and earlier processes included
        self.save_seconds = 0.0  # what the last checkpoint took
        self.signal = None

    @property
    def finished(self) -> bool:
        if not self.patience or not self.rows:
            return False
        return len(self.rows) - best_row(self.rows, self.monitor)["epoch"] >= self.patience

    def restore(self, model) -> None:
        state = restore_checkpoint(self.checkpoint, model)
        self.rows, self.epoch, self.step = state["rows"], state["epoch"], state["step"]
        self.loss_so_far = state["loss"] if self.step else None
        self.seconds = state["seconds"]
        if self.rows:
            write_csv(self.run_dir / "metrics.csv", self.rows)
        print(f"resumed after epoch {self.epoch} and {self.step} of {self.steps_per_epoch} steps")

    @contextlib.contextmanager
    def listening(self):
        """Within the block, SIGINT and SIGTERM are remembered, for the end of the step under way."""
        handlers = {}
        with contextlib.suppress(ValueError):  # signals can only be caught in the main thread
            for number in (signal.SIGINT, signal.SIGTERM):
                handlers[number] = signal.signal(number, self._remember)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _remember(self, number, frame):
        self.signal = number

    def on_train_begin(self, logs=None):
        self.last_save = self.clock = time.monotonic()
        self.first_step = self.step

    @property
    def _loss_metric(self):
        return next(metric for metric in self.model.metrics if metric.name == "loss")

    def on_epoch_begin(self, epoch, logs=None):
        if self.loss_so_far is not None:
            total, count = self.loss_so_far
            self._loss_metric.total.assign(total)
            self._loss_metric.count.assign(count)
            self.loss_so_far = None
        self.progress = keras.utils.Progbar(self.steps_per_epoch, verbose=_progress_style(), stateful_metrics=["loss"])
        print(f"epoch {epoch + 1}/{self.epochs}", flush=True)

    def on_train_batch_end(self, batch, logs=None):
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            self._not_finite("the loss")
        self.step = min(self.first_step + batch + 1, self.steps_per_epoch)
        if self.step < self.steps_per_epoch:
            self.progress.update(self.step, [("loss", loss)])
        if self.step == self.steps_per_epoch:
            return  # the epoch's end saves
        if self.signal is not None:
            self._save()
            self._stop()
        # A large model's checkpoints, which take long, are written less often.
        if time.monotonic() - self.last_save > SAVE_EVERY_SECONDS * max(1, self.save_seconds / 3):
            self._save()

    def on_epoch_end(self, epoch, logs=None):
        for variable in self.model.trainable_variables:
            if not np.isfinite(np.asarray(variable)).all():
                self._not_finite(f"the weight {variable.path}")
        row = {"epoch": epoch + 1, "loss": float(logs["loss"])}
        row["learning_rate"] = float(self.model.optimizer.learning_rate)
        with averaged_weights(self.model):
            row |= self.evaluate(self.model)
            if best_row([*self.rows, row], self.monitor) is row:
                inference_copy(self.model).save(self._temporary)
                self._temporary.replace(self.run_dir / "best.keras")
        row["seconds"] = self.seconds + time.monotonic() - self.clock
        self.clock = time.monotonic()
        logs.update(row)
        self.rows.append(row)
        self.epoch, self.step = epoch + 1, 0
        self.seconds = 0.0
        shown = [(name, value) for name, value in row.items() if name.startswith("val_")]
        self.progress.update(self.steps_per_epoch, [("loss", row["loss"]), *shown], finalize=True)
        self._save()
        write_csv(self.run_dir / "metrics.csv", self.rows)
        if self.tracker is not None:
            self.tracker.log({k: v for k, v in row.items() if k != "epoch"}, step=self.epoch)
        if self.finished:
            print(f"no better {self.monitor} for {self.patience} epochs: stopping")
            self.model.stop_training = True
        if self.signal is not None:
            self._stop()

    def _stop(self):
        print(f"\nstopped by a signal; saved in {self.run_dir}, go on with --resume", flush=True)
        raise SystemExit(128 + self.signal)

    @property
    def _temporary(self) -> Path:
        return self.run_dir / "best.tmp.keras"

    def _save(self):
        now = time.monotonic()
        state = {
            "epoch": self.epoch,
            "step": self.step,
            "loss": [float(self._loss_metric.total), float(self._loss_metric.count)],
            "seconds": self.seconds + now - self.clock,
            "rows": self.rows,
        }
        try:
            save_checkpoint(self.checkpoint, self.model, state)
        except FloatingPointError as error:
            self._not_finite(f"the weight {error}")
        self.last_save = time.monotonic()
        self.save_seconds = self.last_save - now

    def _not_finite(self, what):
        kept = "no checkpoint had been written yet"
        if self.checkpoint.exists():
            state = load_state(self.checkpoint)
            kept = f"the last good checkpoint (epoch {state['epoch']}, step {state['step']}) is {self.checkpoint}"
        raise UserError(
            f"{what} is not a finite number at epoch {self.epoch + 1}, step {self.step + 1}: {kept}; "
            "try a lower --learning-rate, or --precision float32"
        )


def best_row(rows: list[dict], monitor: str) -> dict:
    """The row of `metrics.csv` whose model is kept: the highest `monitor`, of equal ones the last; NaN is lower than any number."""
    values = [-math.inf if math.isnan(row[monitor]) else row[monitor] for row in rows]
    return rows[len(values) - 1 - values[::-1].index(max(values))]


def _progress_style() -> int:
    """A bar on a terminal; into a file or pipe only the line at the end of an epoch."""
    import sys

    return 1 if sys.stdout.isatty() else 2


@contextlib.contextmanager
def averaged_weights(model):
    """Within the block, the model has the optimizer's moving averages as weights (its own when none are kept)."""
    # In float16 the optimizer that keeps the averages is wrapped in one that scales the loss.
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not optimizer.use_ema:
        yield
        return
    own = [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, own, strict=True):
            variable.assign(value)


def inference_copy(model):
    """The same model and weights in float32, without optimizer or loss: what is saved, exported and scored."""
    copy = type(model).from_config({**model.get_config(), "dtype": "float32"})
    copy.build(None)
    copy.set_weights(model.get_weights())
    return copy


def as_dataset(batches, first_step: int, steps: int | None = None):
    """The batches from a step on, all or so many, as Keras wants them: on TensorFlow a `tf.data.Dataset` of unknown lengths, else
    a generator."""
    if keras.backend.backend() != "tensorflow":
        return (batch for batch in itertools.islice(batches(first_step), steps))  # Keras takes generators alone
    import tensorflow as tf

    sample = next(batches(first_step))
    size = sum(array.nbytes for array in tf.nest.flatten(sample))
    most = max(1, min(BATCHES_PER_STACK, STACK_BYTES // size))
    spec = tf.nest.map_structure(lambda array: tf.TensorSpec((None,) * (1 + array.ndim), array.dtype), sample)

    def stacks():
        # Neighbours of equal shapes go together: what an element of a generator costs is then paid once for all of them.
        kept, kept_shapes = [], None
        for batch in itertools.islice(batches(first_step), steps):
            shapes = [array.shape for array in tf.nest.flatten(batch)]
            if kept and (shapes != kept_shapes or len(kept) == most):
                yield tf.nest.map_structure(lambda *arrays: np.stack(arrays), *kept)
                kept = []
            kept.append(batch)
            kept_shapes = shapes
        if kept:
            yield tf.nest.map_structure(lambda *arrays: np.stack(arrays), *kept)

    dataset = tf.data.Dataset.from_generator(stacks, output_signature=spec)
    return dataset.flat_map(lambda *stack: tf.data.Dataset.from_tensor_slices(stack)).prefetch(2)
