"""Checkpoints: training goes on as if it had never stopped, and a damaged or foreign file is refused."""

import errno
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.helpers import dying_saves
from tests.helpers.paths import ROOT
from utils.common.errors import UserError
from utils.training.checkpoint import (
    has_checkpoint,
    last_whole_checkpoint,
    load_state,
    previous_of,
    restore_checkpoint,
    resume_checkpoint,
    save_checkpoint,
)
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


def spoil(file, damage):
    """Damage a file as disks and killed programs do."""
    data = file.read_bytes()
    middle = data.index(b"variable_3") + 200  # inside an array
    flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    file.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "flipped bit": flipped}[damage])


@pytest.fixture(scope="module")
def saved_twice(tmp_path_factory):
    """A model after five steps; its checkpoint, and the one before it, after three steps."""
    model, file = make_model(seed=1), tmp_path_factory.mktemp("run") / "checkpoint.npz"
    train(model, range(3))
    save_checkpoint(file, model, STATE)
    train(model, range(3, 5))
    save_checkpoint(file, model, STATE | {"step": 7})
    return model, file


@pytest.fixture
def two(saved_twice, tmp_path):
    """The same, with copies of the files that a test may spoil."""
    model, file = saved_twice
    for path in (file, previous_of(file)):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return model, tmp_path / file.name


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped bit", "missing"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(two, capsys, damage):
    _, file = two
    file.unlink() if damage == "missing" else spoil(file, damage)
    assert has_checkpoint(file)
    again = make_model(seed=2)
    assert resume_checkpoint(file, again) == STATE
    line = capsys.readouterr().out
    assert line.count("\n") == 1 and line.startswith(f"{file}: cannot be read (")
    assert "continuing from checkpoint.previous.npz, epoch 3, step 5:" in line
    if damage == "cut":
        assert train(again, range(3, 7)) == train(make_model(seed=1), range(7))[3:]
    with pytest.raises(UserError):
        restore_checkpoint(file, again)  # which is never content with an older one
    assert last_whole_checkpoint(file) == (previous_of(file), STATE)
    # The next save never makes the damaged file the only one.
    save_checkpoint(file, again, STATE | {"step": 9})
    assert last_whole_checkpoint(file) == (file, STATE | {"step": 9})


def test_what_is_lost_is_named_where_it_can_be_read(tmp_path, capsys):
    model, file = make_model(seed=1, width=4001), tmp_path / "checkpoint.npz"
    for step in (5, 7):
        save_checkpoint(file, model, STATE | {"step": step})
    data = bytearray(file.read_bytes())
    data[data.index(b"variable_0") + 80_000] ^= 1
    file.write_bytes(data)
    resume_checkpoint(file, model)
    line = capsys.readouterr().out
    assert "Bad CRC-32" in line and "epoch 3, step 5: what was trained after it (up to epoch 3, step 7) is" in line


def test_two_damaged_checkpoints_are_refused_in_one_line(two):
    model, file = two
    spoil(file, "cut")
    spoil(previous_of(file), "flipped bit")
    before = everything(model)
    with pytest.raises(UserError, match=r"neither it nor checkpoint\.previous\.npz is a readable .*--run-dir$"):
        resume_checkpoint(file, model)
    assert last_whole_checkpoint(file) is None
    for actual, expected in zip(everything(model), before, strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_a_checkpoint_of_another_model_does_not_give_way(two):
    model, file = make_model(seed=2, width=11), two[1]
    with pytest.raises(UserError, match="is a checkpoint of another model"):
        resume_checkpoint(file, model)


def test_a_run_without_an_earlier_checkpoint_resumes_as_before(file, tmp_path, capsys):
    assert resume_checkpoint(file, make_model(seed=2)) == STATE and capsys.readouterr().out == ""
    spoil(file, "cut")
    with pytest.raises(UserError, match="not a readable checkpoint"):
        resume_checkpoint(file, make_model(seed=2))
    assert not has_checkpoint(tmp_path / "other.npz")


def test_a_file_system_without_hard_links_keeps_two_checkpoints_too(two, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    model, file = two
    monkeypatch.setattr(os, "link", refuse)
    save_checkpoint(file, model, STATE | {"step": 11})
    assert load_state(file)["step"] == 11 and load_state(previous_of(file))["step"] == 7
    assert sorted(path.name for path in file.parent.iterdir()) == ["checkpoint.npz", "checkpoint.previous.npz"]
    assert file.stat().st_nlink == previous_of(file).stat().st_nlink == 1


@pytest.mark.parametrize("is_damaged", [False, True])
def test_wherever_a_save_is_killed_a_whole_checkpoint_is_left(tmp_path, is_damaged):
    file = tmp_path / "checkpoint.npz"
    for step in (1, 2):
        save_checkpoint(file, dying_saves.small_model(), {"step": step})
    if is_damaged:
        file.write_bytes(file.read_bytes()[:500])
    command = [sys.executable, "-W", "ignore", "-m", "tests.helpers.dying_saves", str(tmp_path)]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    outcomes = [json.loads(line) for line in lines]
    old = ["checkpoint.previous.npz", 1] if is_damaged else ["checkpoint.npz", 2]
    # From the first rename on, which is the fifth and sixth place, the new one is there.
    assert [outcome[:2] for outcome in outcomes] == [old] * 5 + [["checkpoint.npz", 3]] * 3
    for _, _, files in outcomes:
        assert files == ["checkpoint.npz", "checkpoint.previous.npz"]


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
