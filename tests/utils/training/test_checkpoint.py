"""Checkpoints: training goes on as if it had never stopped, and a damaged or foreign file is refused."""

import errno
import os

import keras
import numpy as np
import pytest

from utils.common.errors import UserError
from utils.training.checkpoint import load_state, restore_checkpoint, save_checkpoint
from utils.training.schedules import WarmupThenDecay

STATE = {"epoch": 3, "step": 5, "rows": [{"loss": 0.1, "note": "ø"}]}


def make_model(seed, width=7):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((5,)), keras.layers.Dense(width), keras.layers.Dropout(0.5), keras.layers.Dense(3)]
    model = keras.Sequential(layers)
    optimizer = keras.optimizers.AdamW(WarmupThenDecay(0.05, 3, 11), use_ema=True, global_clipnorm=1.0)
    model.compile(optimizer, loss="mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    return model


def train(model, steps):
    """Losses of the numbered steps; a step's batch is a function of its number."""
    losses = []
    for step in steps:
        rng = np.random.default_rng(step)
        model.reset_metrics()  # what train_on_batch returns is a running mean
        losses.append(float(model.train_on_batch(rng.normal(size=(11, 5)), rng.normal(size=(11, 3)))[0]))
    return losses


def everything(model):
    """Weights, random states and the optimizer's variables."""
    metrics = {id(variable) for metric in model.metrics for variable in metric.variables}
    variables = [*model.variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(variable.value) for variable in variables if id(variable) not in metrics]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model after three steps, and its checkpoint."""
    model, file = make_model(seed=1), tmp_path_factory.mktemp("run") / "checkpoint.npz"
    train(model, range(3))
    save_checkpoint(file, model, STATE)
    return model, file


@pytest.fixture
def file(saved, tmp_path):
    """A copy of the checkpoint that a test may spoil."""
    copy = tmp_path / "checkpoint.npz"
    copy.write_bytes(saved[1].read_bytes())
    return copy


def test_training_goes_on_as_if_it_had_never_stopped(file):
    whole, again = make_model(seed=1), make_model(seed=2)
    losses = train(whole, range(7))
    assert load_state(file) == STATE
    assert restore_checkpoint(file, again) == STATE
    assert int(again.optimizer.iterations) == 3
    assert train(again, range(3, 7)) == losses[3:]
    for actual, expected in zip(everything(again), everything(whole), strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "flipped", "garbage", "another archive"])
def test_a_damaged_file_is_refused_and_changes_nothing(file, damage):
    data = file.read_bytes()
    middle = data.index(b"variable_3") + 200  # inside an array
    flipped = data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]
    if damage == "missing":
        file.unlink()
    elif damage == "another archive":
        np.savez(file, one=np.ones(3))
    else:
        file.write_bytes({"empty": b"", "cut": data[:-30], "flipped": flipped}.get(damage, b"no archive " * 99))
    model = make_model(seed=2)
    before = everything(model)
    with pytest.raises(UserError, match=r"checkpoint\.npz: (not a readable|is a) checkpoint .*--run-dir"):
        restore_checkpoint(file, model)
    for actual, expected in zip(everything(model), before, strict=True):
        np.testing.assert_array_equal(actual, expected)
    if damage != "flipped":
        with pytest.raises(UserError, match="not a readable checkpoint"):
            load_state(file)


def test_a_checkpoint_of_another_model_is_refused(file):
    model = make_model(seed=2, width=11)
    before = everything(model)
    with pytest.raises(UserError, match="is a checkpoint of another model; give the settings of its run"):
        restore_checkpoint(file, model)
    for actual, expected in zip(everything(model), before, strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_is_never_saved(file, value):
    model, data = make_model(seed=2), file.read_bytes()
    weights = model.get_weights()
    weights[2][1, 2] = value
    model.set_weights(weights)
    with pytest.raises(FloatingPointError, match=f"^{model.weights[2].path}$"):
        save_checkpoint(file, model, STATE)
    assert file.read_bytes() == data and list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_checkpoint(saved, file, monkeypatch, call):
    def no_space(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    data = file.read_bytes()
    monkeypatch.setattr(os, call, no_space)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(file, saved[0], {})
    assert file.read_bytes() == data and list(file.parent.iterdir()) == [file]
    assert load_state(file) == STATE
