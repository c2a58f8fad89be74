"""`steps.csv` of a training: what its rows hold, and that a stopped and resumed run writes the same ones."""

import csv
import itertools
import os
import signal

import keras
import numpy as np
import pytest

from utils.training.fit import fit
from utils.training.optimizers import AdamW
from utils.training.step_log import COLUMNS, StepLog

STEPS = 7
BATCH = 3


class Tracker:
    """Remembers what it is given."""

    def __init__(self):
        self.steps, self.epochs = [], []

    def log_step(self, row):
        self.steps.append(row)

    def log_epoch(self, row, step_row, step):
        self.epochs.append((row, step_row, step))


class Line(keras.Model):
    """y = w x, with w = 0 before training."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.w = self.add_weight(shape=(), initializer="zeros", name="w")
        self.built = True

    def call(self, inputs):
        return keras.ops.multiply(inputs, self.w)


@pytest.fixture(autouse=True)
def _no_best_model(monkeypatch):
    monkeypatch.setattr("utils.training.fit.RunCallback._save_best", lambda self: None)


def train(folder, *, epochs=2, signal_at=None, float16=False, **options):
    """Rows of `steps.csv`, and the tracker, after a training whose step `signal_at` is followed by SIGTERM.

    The target of step t is t, and the learning rate is so small that w stays 0: the loss is t^2, its gradient -2 t x.
    """
    model = Line(dtype="mixed_float16" if float16 else "float32")
    optimizer = AdamW(keras.optimizers.schedules.PolynomialDecay(1e-9, 2 * STEPS, 0.0), global_clipnorm=1e-3)
    model.compile(
        keras.optimizers.LossScaleOptimizer(optimizer, 2.0) if float16 else optimizer, "mse", jit_compile=False
    )
    tracker = Tracker()

    def batches(first_step, part):
        for step in itertools.count(first_step):
            yield np.full((BATCH, 1), 3.0, "float32"), np.full((BATCH, 1), step, "float32")
            if step + 1 == signal_at:
                os.kill(os.getpid(), signal.SIGTERM)

    options = {"log_every": 3, "tracker": tracker, **options}
    arguments = {"epochs": epochs, "evaluate": lambda model: {"val_f1": 1.0}, "monitor": "val_f1"}
    try:
        fit(model, batches, steps_per_epoch=STEPS, run_dir=folder, **arguments, **options)
    except SystemExit as end:
        assert signal_at and end.code == 143
    return read(folder), tracker


def read(folder):
    """The rows of `steps.csv`, without the speed: it differs between equal trainings."""
    reader = csv.DictReader((folder / "steps.csv").open())
    rows = list(reader)
    assert reader.fieldnames == list(COLUMNS)
    assert all(float(row.pop("examples_per_second") or 1) > 0 for row in rows)
    return rows


@pytest.mark.parametrize("float16", [False, True])
def test_rows_are_the_means_and_last_values_of_their_steps(tmp_path, float16):
    rows, tracker = train(tmp_path, float16=float16)
    steps = [3, 6, 7, 10, 13, 14]
    assert [int(row["step"]) for row in rows] == steps
    assert [float(row["epoch"]) for row in rows] == [0.4286, 0.8571, 1.0, 1.4286, 1.8571, 2.0]
    means = [np.mean(np.square(np.arange(first, last))) for first, last in zip([0, *steps], steps, strict=False)]
    np.testing.assert_allclose([float(row["loss"]) for row in rows], means, rtol=1e-5)
    np.testing.assert_allclose(
        [float(row["gradient_norm"]) for row in rows], [6 * (step - 1) for step in steps], rtol=1e-3
    )
    rates = [1e-9 * (1 - step / (2 * STEPS)) for step in steps]
    np.testing.assert_allclose([float(row["learning_rate"]) for row in rows], rates, rtol=1e-5, atol=1e-17)
    assert [row["step"] for row in tracker.steps] == [3, 6, 10, 13]
    assert [(epoch["epoch"], last["step"], step) for epoch, last, step in tracker.epochs] == [(1, 7, 7), (2, 14, 14)]
    assert tracker.steps[0].keys() == set(COLUMNS) and tracker.steps[0]["loss"] == pytest.approx(5 / 3)


def test_the_first_call_of_a_process_has_no_speed(tmp_path):
    train(tmp_path, log_every=1, epochs=1)
    speeds = [line.rsplit(",", 1)[1] for line in (tmp_path / "steps.csv").read_text().split()[1:]]
    assert len(speeds) == STEPS and not speeds[0] and all(speeds[1:])


@pytest.mark.parametrize(("signal_at", "steps_per_execution"), [(2, 1), (5, 1), (9, 1), (9, 2)])
def test_a_resumed_run_writes_the_same_rows(tmp_path, monkeypatch, signal_at, steps_per_execution):
    monkeypatch.setattr("utils.training.batch_dataset.BATCHES_PER_STACK", 1)
    options = {"log_every": 2, "steps_per_execution": steps_per_execution}
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    whole, _ = train(tmp_path / "whole", **options)
    train(tmp_path / "stopped", signal_at=signal_at, **options)
    # A process that is killed has written rows of steps after its last checkpoint, the last of them perhaps in part.
    with open(tmp_path / "stopped" / "steps.csv", "a") as file:
        file.write("13,1.8571,1.0,0.1,0.1,7.5\n14,2.0,1.")
    resumed, _ = train(tmp_path / "stopped", resume=True, **options)
    assert resumed == whole


def test_a_file_that_is_damaged_or_gone_does_not_stop_a_resumed_run(tmp_path):
    train(tmp_path, epochs=1)
    (tmp_path / "steps.csv").write_bytes(b"\xff\x00,,\n1,1,1,1,1,1\n" + b"9" * 5000 + b",1,1,1,1,1\n2,1\n")
    assert [row["step"] for row in train(tmp_path, resume=True)[0]] == ["1", "10", "13", "14"]
    (tmp_path / "steps.csv").unlink()
    train(tmp_path, resume=True)
    assert read(tmp_path) == []


def test_zero_writes_no_rows(tmp_path):
    model = Line()
    model.compile(AdamW(0.1), "mse")
    data = {"steps_per_epoch": 2, "epochs": 1, "evaluate": lambda model: {"val_f1": 1.0}, "monitor": "val_f1"}
    tracker = Tracker()
    ones = np.ones((BATCH, 1), "float32")
    fit(model, lambda *_: itertools.repeat((ones, ones)), run_dir=tmp_path, tracker=tracker, log_every=0, **data)
    assert not (tmp_path / "steps.csv").exists() and not tracker.steps
    assert [(last, step) for _, last, step in tracker.epochs] == [(None, 2)]


def test_an_optimizer_without_a_norm_leaves_it_empty(tmp_path):
    model = Line()
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((2, 1)), np.ones((2, 1)))
    log = StepLog(tmp_path / "steps.csv", 1, 5)
    log.open(0)
    assert log.add_row(2, 1, model, model.metrics[0])["gradient_norm"] is None
    log.close()
    assert read(tmp_path)[0]["gradient_norm"] == "" and read(tmp_path)[0]["step"] == "11"
