"""utils.training.fit.fit on a model of a few weights, in this process."""

import csv
import os
import signal

import keras
import numpy as np
import pytest

from utils.common.batching import WHOLE
from utils.common.errors import UserError
from utils.training.batch_dataset import as_dataset
from utils.training.checkpoint import load_state
from utils.training.fit import best_row, fit
from utils.training.weights import averaged_weights

STEPS = 5


def make_model(seed=3, learning_rate=0.05, **optimizer):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((3,))
    outputs = keras.layers.Dense(2)(keras.layers.Dropout(0.3)(keras.layers.Dense(7, "tanh")(inputs)))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.AdamW(learning_rate, use_ema=True, ema_momentum=0.9, **optimizer), "mse")
    return model


def batches(first_step, part=WHOLE):
    step = first_step
    while True:
        rng = np.random.default_rng(step)
        x = rng.normal(size=(4, 3)).astype("float32")
        yield x, x[:, :2] * 2
        step += 1


def saved_weight(folder):
    """What `evaluate` computes, of `best.keras`."""
    return float(np.sum(keras.models.load_model(folder / "best.keras").get_weights()[0]))


class Stop(Exception):
    pass


def run(folder, *, epochs=4, stop_at=None, patience=0, values=None, model=None, **options):
    """Train; `stop_at` raises in the middle of that step, as a crash would; `values` are the scores of the epochs."""
    model = model or make_model()
    scores = iter(values or range(100))

    def stream(first_step, part):
        for number, batch in enumerate(batches(first_step), first_step):
            if number == stop_at:
                raise Stop("Stop")
            yield batch

    rows = fit(
        model,
        stream,
        steps_per_epoch=options.pop("steps_per_epoch", STEPS),
        epochs=epochs,
        evaluate=lambda model: {"val_f1": float(next(scores)), "val_weight": float(np.sum(model.get_weights()[0]))},
        monitor="val_f1",
        run_dir=folder,
        patience=patience,
        **options,
    )
    return rows, model


@pytest.fixture(autouse=True)
def _copies(monkeypatch):
    """A functional model is cloned; the zoo's models are copied by their config."""

    def inference_copy(model, weights):
        copy = keras.models.clone_model(model)
        copy.set_weights(weights)
        return copy

    monkeypatch.setattr("utils.training.fit.inference_copy", inference_copy)


@pytest.mark.parametrize("stop_at", [3, 7, 11, 12])
def test_a_crash_anywhere_changes_nothing(tmp_path, monkeypatch, stop_at):
    monkeypatch.setattr("utils.training.fit.SAVE_EVERY_SECONDS", 0)
    monkeypatch.setattr(
        "utils.training.batch_dataset.BATCHES_PER_STACK", 1
    )  # so that all steps before the crash are taken
    (tmp_path / "whole").mkdir()
    (tmp_path / "crashed").mkdir()
    whole, _ = run(tmp_path / "whole")
    with pytest.raises(Exception, match="Stop"):
        run(tmp_path / "crashed", stop_at=stop_at)
    state = load_state(tmp_path / "crashed" / "checkpoint.npz")
    assert 0 < state["epoch"] * STEPS + state["step"] <= stop_at
    values = list(range(state["epoch"], 100))
    resumed, _ = run(tmp_path / "crashed", values=values, resume=True)
    for expected, actual in zip(whole, resumed, strict=True):
        assert actual["val_weight"] == expected["val_weight"]
        assert actual["loss"] == expected["loss"]
    with np.load(tmp_path / "whole/checkpoint.npz") as one, np.load(tmp_path / "crashed/checkpoint.npz") as other:
        for name in set(one.files) - {"state"}:
            np.testing.assert_array_equal(one[name], other[name])
    assert len(list(csv.DictReader((tmp_path / "crashed/metrics.csv").open()))) == 4


def test_batches_keep_their_order_whatever_their_shapes():
    shapes = [2, 2, 3, 3, 3, 2, 5, *[4] * 40, 2, 2]

    def varied(first_step):
        for step in range(first_step, len(shapes)):
            yield {"x": np.full((shapes[step], 7), step)}, np.full(shapes[step], step)

    actual = [(np.asarray(inputs["x"]), np.asarray(target)) for inputs, target in as_dataset(varied, 1, 46)]
    assert [target[0] for _, target in actual] == list(range(1, 47))
    for inputs, target in actual:
        assert inputs.shape == (shapes[target[0]], 7) and (inputs == target[0]).all() and (target == target[0]).all()
    assert len(list(as_dataset(varied, 0))) == len(shapes)


@pytest.mark.tensorflow(reason="only TensorFlow runs several steps in one call")
def test_several_steps_per_call_are_the_same_steps(tmp_path):
    """Three steps per call do not divide the five of an epoch. A stopped run continues after three steps of its second epoch."""
    (tmp_path / "one").mkdir()
    (tmp_path / "three").mkdir()
    expected, _ = run(tmp_path / "one")

    def interrupted(first_step, part):
        if first_step == STEPS:
            os.kill(os.getpid(), signal.SIGTERM)
        return batches(first_step)

    options = {"epochs": 4, "steps_per_epoch": STEPS, "monitor": "val_f1", "run_dir": tmp_path / "three"}
    with pytest.raises(SystemExit):
        fit(make_model(), interrupted, evaluate=lambda model: {"val_f1": 0.0}, steps_per_execution=3, **options)
    state = load_state(tmp_path / "three" / "checkpoint.npz")
    assert (state["epoch"], state["step"]) == (1, 3)
    actual, _ = run(tmp_path / "three", values=range(1, 100), steps_per_execution=3, resume=True)
    assert [row["loss"] for row in actual] == [row["loss"] for row in expected]
    with np.load(tmp_path / "one/checkpoint.npz") as one, np.load(tmp_path / "three/checkpoint.npz") as other:
        for name in set(one.files) - {"state"}:
            np.testing.assert_array_equal(one[name], other[name])


def test_results_without_a_checkpoint_are_not_replaced(tmp_path):
    run(tmp_path, epochs=2)
    before = (tmp_path / "best.keras").read_bytes()
    for path in tmp_path.glob("checkpoint*"):
        path.unlink()
    with pytest.raises(UserError, match="its checkpoints are gone, so the training cannot go on"):
        run(tmp_path, epochs=3, resume=True)
    assert (tmp_path / "best.keras").read_bytes() == before


@pytest.mark.parametrize("steps_per_epoch", [1, STEPS])
def test_a_signal_during_evaluation_stops_the_run_which_can_be_resumed(tmp_path, steps_per_epoch):
    def evaluate(model):
        os.kill(os.getpid(), signal.SIGINT)
        return {"val_f1": 1.0}

    model = make_model()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit) as end:
        fit(
            model,
            batches,
            steps_per_epoch=steps_per_epoch,
            epochs=3,
            evaluate=evaluate,
            monitor="val_f1",
            run_dir=tmp_path,
        )
    assert end.value.code == 130 and signal.getsignal(signal.SIGINT) is before
    state = load_state(tmp_path / "checkpoint.npz")
    assert (state["epoch"], state["step"]) == (1, 0)
    rows, _ = run(tmp_path, epochs=3, steps_per_epoch=steps_per_epoch, resume=True)
    assert [row["epoch"] for row in rows] == [1, 2, 3]


def test_early_stopping_counts_from_the_last_tie_which_is_the_saved_one(tmp_path):
    rows, _ = run(tmp_path, epochs=9, patience=2, values=[1, 5, 4, 5, 4, 3, 6])
    assert [row["val_f1"] for row in rows] == [1, 5, 4, 5, 4, 3]
    assert saved_weight(tmp_path) == pytest.approx(rows[3]["val_weight"])
    again, _ = run(tmp_path, epochs=9, patience=2, resume=True)
    assert again == rows


@pytest.mark.parametrize("values", [[np.nan, 0.3, np.nan, 0.2], [np.nan, -5.0, np.nan, np.nan]])
def test_a_score_that_is_no_number_does_not_block_the_best_model(tmp_path, values):
    rows, _ = run(tmp_path, values=values)
    assert saved_weight(tmp_path) == pytest.approx(rows[1]["val_weight"])
    assert best_row(rows, "val_f1")["epoch"] == 2


def test_the_best_row():
    def best(*values):
        return best_row([{"epoch": epoch, "f1": value} for epoch, value in enumerate(values, start=1)], "f1")["epoch"]

    assert best(1.0, 3.0, 2.0) == 2 and best(3.0, 1.0, 3.0, 2.0) == 3 and best(0.0, 0.0) == 2
    assert best(np.nan) == 1 and best(np.nan, np.nan) == 2 and best(np.nan, -np.inf, -7.0, np.nan) == 3


def test_the_moving_average_is_evaluated_and_saved(tmp_path):
    model = make_model()
    rows, _ = run(tmp_path, epochs=1, model=model)
    raw = float(np.sum(model.get_weights()[0]))
    average = float(np.sum(keras.ops.convert_to_numpy(model.optimizer._model_variables_moving_average[0])))
    assert rows[0]["val_weight"] == pytest.approx(average) and abs(raw - average) > 1e-6
    assert saved_weight(tmp_path) == pytest.approx(average)


def test_the_average_is_used_with_loss_scaling():
    model = make_model()
    model.optimizer = keras.optimizers.LossScaleOptimizer(model.optimizer)
    model.optimizer.build(model.trainable_variables)
    before = model.get_weights()
    model.get_layer(index=1).kernel.assign_add(np.ones((3, 7)))
    moved = model.get_weights()
    with averaged_weights(model):
        inside = model.get_weights()
    np.testing.assert_array_equal(model.get_weights()[0], moved[0])
    assert not np.array_equal(inside[0], moved[0])
    assert len(before) == len(inside)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path):
    run(tmp_path, epochs=1)
    checkpoint_bytes = (tmp_path / "checkpoint.npz").read_bytes()

    def poisoned(first_step, part):
        for x, y in batches(first_step):
            yield x * np.nan, y

    with pytest.raises(UserError, match=r"not a finite number at epoch 2, step 1.*last good checkpoint"):
        fit(
            make_model(),
            poisoned,
            steps_per_epoch=STEPS,
            epochs=3,
            evaluate=lambda model: {"val_f1": 0.0},
            monitor="val_f1",
            run_dir=tmp_path,
            resume=True,
        )
    assert (tmp_path / "checkpoint.npz").read_bytes() == checkpoint_bytes


@pytest.mark.parametrize("jit_compile", [True, False])
def test_a_first_step_that_takes_long_is_explained_once(tmp_path, monkeypatch, capsys, jit_compile):
    from utils.training import fit as module

    monkeypatch.setattr(module, "COMPILING_SECONDS", 0.0)
    model = make_model()
    model.compile("sgd", "mse", jit_compile=jit_compile)
    run(tmp_path, epochs=2, model=model)
    is_compiled = jit_compile or keras.backend.backend() == "jax"  # where every step is
    assert capsys.readouterr().err.count("compiling the training step (XLA)") == int(is_compiled)


@pytest.mark.tensorflow(reason="it alone traces a function again that makes variables")
@pytest.mark.parametrize("jit_compile", [True, False])
def test_a_step_whose_loss_has_several_outputs_is_traced_once(tmp_path, jit_compile):
    class Counting(keras.layers.Layer):
        calls = 0

        def call(self, inputs, training=None):
            self.calls += bool(training)
            return inputs

    counting, inputs = Counting(), keras.Input((3,))
    outputs = {name: keras.layers.Dense(2, name=name)(counting(inputs)) for name in ("first", "second")}
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.AdamW(0.1), loss={"first": "mse", "second": "mae"}, jit_compile=jit_compile)
    counting.calls = 0

    def two_targets(first_step, part):
        return ((x, {"first": y, "second": y}) for x, y in batches(first_step, part))

    evaluate = lambda model: {"val_score": 0.0}  # noqa: E731
    settings = {"steps_per_epoch": STEPS, "epochs": 2, "evaluate": evaluate, "monitor": "val_score"}
    fit(model, two_targets, run_dir=tmp_path, **settings)
    assert counting.calls == len(outputs)
