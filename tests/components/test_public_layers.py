"""What holds for every public layer and loss, over the tables in `tests/helpers/layer_cases.py`."""

import importlib
import inspect
import pkgutil
import re

import keras
import numpy as np
import pytest
from keras import ops

import components
from components.losses.ranking_loss import RankingLoss
from tests.helpers.layer_cases import BATCH, LAYERS, LENGTH, LOSSES, REAL, call, flatten

every_layer = pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.name)
every_loss = pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.name)
masks = {"padding_mask", "memory_mask"}
masked_layers = [case for case in LAYERS if masks & set(case.inputs)]
POLICIES = ["float32", "mixed_bfloat16", "mixed_float16"]


def public_classes():
    """Module to its public classes, for all modules of `components`."""
    classes_by_module = {}
    for info in pkgutil.walk_packages(components.__path__, "components."):
        classes = vars(importlib.import_module(info.name)).values()
        classes_by_module[info.name] = [
            cls for cls in classes if isinstance(cls, type) and cls.__module__ == info.name and cls.__name__[0] != "_"
        ]
    return classes_by_module


# --- the tables


def test_no_layer_and_no_loss_is_missing():
    public = {cls for classes in public_classes().values() for cls in classes}
    tested = {case.layer_class for case in LAYERS} | {type(case.make()) for case in LOSSES}
    assert public == tested | {RankingLoss}, "enter it in LAYERS or LOSSES of tests/helpers/layer_cases.py"
    names = [case.name for case in (*LAYERS, *LOSSES)]
    assert len(set(names)) == len(names)


def test_a_file_has_one_public_class_and_its_name():
    for module, classes in public_classes().items():
        assert len(classes) <= 1, module
        for cls in classes:
            letters = re.sub("[^a-z]", "", module.rpartition(".")[2])
            assert letters == cls.__name__.lower(), f"{module} has {cls.__name__}"


# --- layers


@every_layer
def test_the_config_holds_every_argument_and_makes_the_same_layer(case):
    layer = case.make(name="some_name")
    config = layer.get_config()
    arguments = set(inspect.signature(case.layer_class.__init__).parameters) - {"self", "kwargs"}
    assert arguments <= set(config)
    for name, value in case.arguments.items():
        stored = config[name]["class_name"] if isinstance(config[name], dict) else config[name]
        assert stored == ("HeNormal" if value == "he_normal" else value)
    serialized = keras.saving.serialize_keras_object(layer)
    assert serialized["registered_name"] == f"qkv_zoo>{case.layer_class.__name__}"
    again = keras.saving.deserialize_keras_object(serialized)
    assert type(again) is case.layer_class and again.get_config() == config and again.name == "some_name"


@every_layer
def test_build_makes_all_weights(case):
    """After `build` a call adds no weight, and a layer that is called without `build` has the same weights."""
    layer, inputs = case.make(), case.arrays()
    parameters = inspect.signature(layer.build).parameters.values()
    count = sum(parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)
    layer.build(*[np.shape(array) for array in list(inputs.values())[:count]])
    paths = [weight.path for weight in layer.weights]
    call(layer, inputs)
    assert len(paths) == len(set(paths)) and [weight.path for weight in layer.weights] == paths
    called = case.make()
    call(called, inputs)
    for one, other in zip(called.weights, layer.weights, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))


@every_layer
def test_a_saved_layer_gives_the_same_at_two_lengths(case, tmp_path):
    def symbolic(array):
        shape = [None if size in (BATCH, LENGTH) else size for size in array.shape]
        return keras.Input(shape[1:], dtype=str(array.dtype))

    inputs = keras.tree.map_structure(symbolic, case.arrays())
    layer = case.make()
    model = keras.Model(keras.tree.flatten(list(inputs.values())), layer(*inputs.values()))
    assert [len(output.shape) for output in flatten(model.output)] == [len(shape) for shape in case.shapes(LENGTH)]
    model.save(tmp_path / "layer.keras")
    again = keras.saving.load_model(tmp_path / "layer.keras", safe_mode=True)
    for length in (LENGTH, REAL):
        arrays = keras.tree.flatten(list(case.arrays(length).values()))
        expected = [ops.convert_to_numpy(output) for output in flatten(model(arrays))]
        assert [output.shape for output in expected] == case.shapes(length)
        for symbolic_output, output in zip(flatten(model.output), expected, strict=True):
            sizes = zip(symbolic_output.shape, output.shape, strict=True)
            assert all(known in (None, size) for known, size in sizes)
        direct_outputs = call(layer, case.arrays(length))
        for output, same, direct in zip(flatten(again(arrays)), expected, direct_outputs, strict=True):
            np.testing.assert_array_equal(ops.convert_to_numpy(output), same)
            np.testing.assert_allclose(direct, same, atol=1e-6)


@pytest.mark.parametrize("case", masked_layers, ids=lambda case: case.name)
def test_padding_changes_no_real_output(case):
    layer, inputs = case.make(), case.arrays()
    (mask_name,) = masks & set(case.inputs)
    mask = inputs[mask_name] == 1
    expected, changed = call(layer, inputs), {}
    for name, array in inputs.items():
        changed[name] = array.copy()
        if array.dtype == "float32" and array.shape[:2] == mask.shape:
            changed[name][~mask] = 1e3
    shorter = call(layer, case.arrays(REAL))
    for before, after, short in zip(expected, call(layer, changed), shorter, strict=True):
        if before.shape[:2] == mask.shape:
            before, after, short = before[mask], after[mask], short[1]
            np.testing.assert_allclose(short, before[-REAL:], atol=2e-6)
        else:
            np.testing.assert_allclose(short[1], before[1], atol=2e-6)
        np.testing.assert_allclose(after, before, atol=2e-6)


@pytest.mark.parametrize("policy", POLICIES[1:])
@every_layer
def test_half_precision_is_finite_and_near(case, policy):
    exact, inputs = case.make(), case.arrays()
    expected = call(exact, inputs)
    layer = case.make(dtype=policy)
    inputs = keras.tree.map_structure(
        lambda array: ops.cast(array, layer.compute_dtype) if array.dtype == "float32" else array, inputs
    )
    call(layer, inputs)  # builds it
    layer.set_weights(exact.get_weights())
    assert all(weight.dtype == "float32" for weight in layer.weights)
    outputs = flatten(layer(*inputs.values()))
    for number, (output, exact_output) in enumerate(zip(outputs, expected, strict=True)):
        dtype = "float32" if number in case.float32 else layer.compute_dtype
        assert keras.backend.standardize_dtype(output.dtype) == dtype
        output = ops.convert_to_numpy(ops.cast(output, "float32"))
        usable = exact_output > -1e8
        np.testing.assert_array_equal(output > -1e8, usable)
        error = np.abs(output - exact_output)[usable]
        assert np.isfinite(output).all() and error.max() < 0.2 and error.mean() < 0.02
    for name in masks & set(inputs):
        inputs[name] = np.zeros((BATCH, LENGTH), "int32")  # no real token at all
        assert all(np.isfinite(output).all() for output in call(layer, inputs))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ["attention", "transformer_block", "dynamic_memory", "key_value_memory"])
def test_attention_and_addresses_sum_to_one_at_any_precision(name, policy):
    case = next(case for case in LAYERS if case.name == name)
    inputs = {key: 3 * array if array.dtype == "float32" else array for key, array in case.arrays().items()}
    options = {"return_attention": True} if name in ("attention", "transformer_block") else {}
    _, weights = case.make(dtype=policy)(*inputs.values(), **options)
    if name == "key_value_memory":  # it returns logits
        weights = ops.softmax(weights, axis=-1)
    assert keras.backend.standardize_dtype(weights.dtype) == "float32"
    np.testing.assert_allclose(ops.convert_to_numpy(weights).sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("policy", POLICIES[1:])
def test_every_softmax_is_computed_in_float32(policy, monkeypatch):
    softmax, dtypes = ops.softmax, {}

    def spy(x, axis=-1):
        dtypes.setdefault(case.layer_class.__name__, set()).add(keras.backend.standardize_dtype(x.dtype))
        return softmax(x, axis=axis)

    monkeypatch.setattr(ops, "softmax", spy)
    for case in LAYERS:
        call(case.make(dtype=policy), case.arrays())
    assert {"ContextQueryAttention", "MultiHeadSelfAttention", "KeyValueMemory"} <= set(dtypes)
    assert set().union(*dtypes.values()) == {"float32"}, dtypes


dropping = [case for case in LAYERS if {"dropout", "rate"} & set(case.arguments)]


@pytest.mark.parametrize("case", dropping, ids=lambda case: case.name)
def test_dropout_acts_in_training_only(case):
    layer, inputs = case.make(), case.arrays()
    call(layer, inputs)  # builds it
    np.testing.assert_array_equal(call(layer, inputs, training=False)[0], call(layer, inputs)[0])
    first, second = (call(layer, inputs, training=True)[0] for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


# --- losses


@every_loss
def test_a_loss_comes_back_from_its_config(case):
    loss = case.make()
    arguments = set(inspect.signature(type(loss).__init__).parameters) - {"self", "kwargs"}
    assert arguments <= set(loss.get_config())
    serialized = keras.saving.serialize_keras_object(loss)
    assert serialized["registered_name"] == f"qkv_zoo>{type(loss).__name__}"
    again = keras.saving.deserialize_keras_object(serialized)
    assert type(again) is type(loss) and again.get_config() == loss.get_config()
    assert float(again(case.y_true, case.y_pred)) == float(loss(case.y_true, case.y_pred)) != 0


@pytest.mark.parametrize("policy", POLICIES)
@every_loss
def test_a_loss_is_a_finite_float32_at_any_precision(case, policy):
    exact = float(case.make()(case.y_true, case.y_pred))
    y_pred = ops.cast(case.y_pred, policy.removeprefix("mixed_"))
    value = case.make()(case.y_true, y_pred)
    assert keras.backend.standardize_dtype(value.dtype) == "float32" and value.shape == ()
    assert float(value) == pytest.approx(exact, rel=0.1, abs=0.02)


@pytest.mark.parametrize("case", [case for case in LOSSES if case.values], ids=lambda case: case.name)
def test_a_loss_has_a_value_for_each_example(case):
    loss = case.make()
    mean = float(loss(case.y_true, case.y_pred))
    loss.reduction = "none"
    values = ops.convert_to_numpy(loss(case.y_true, case.y_pred))
    assert values.shape == case.values and values.mean() == pytest.approx(mean, rel=1e-5)
