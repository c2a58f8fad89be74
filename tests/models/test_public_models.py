"""What holds for every public model, over the table in `tests/helpers/model_cases.py`."""

import inspect

import keras
import numpy as np
import pytest

from models import load_model, model_classes
from tests.helpers.calls import outputs
from tests.helpers.model_cases import BATCH, CASES, LENGTHS
from utils.training.export import export_model
from utils.training.signature import Signature, Tensor

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def test_no_model_is_missing():
    tested = {case.model_class for case in CASES}
    assert tested == set(model_classes().values()), "enter the model in CASES of tests/helpers/model_cases.py"


def test_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES)


@every_case
def test_the_config_holds_every_argument_and_makes_the_same_model(case):
    model = case.model_class(**case.arguments, name="some_name")
    config = model.get_config()
    arguments = set(inspect.signature(case.model_class.__init__).parameters) - {"self", "kwargs"}
    assert arguments <= set(config)
    assert {name: config[name] for name in case.arguments} == case.arguments
    again = case.model_class.from_config(config)
    assert again.get_config() == config and again.name == "some_name"
    serialized = keras.saving.serialize_keras_object(model)
    assert serialized["registered_name"] == f"qkv_zoo>{case.model_class.__name__}"
    assert keras.saving.deserialize_keras_object(serialized).get_config() == config


@every_case
def test_build_makes_all_weights(case):
    """After `build` a call adds no weight, and a model that is called without `build` has the same weights."""
    model, inputs = case.make(), case.inputs(BATCH, LENGTHS[0])
    paths = [weight.path for weight in model.weights]
    outputs(model, inputs)
    assert len(paths) == len(set(paths)) and [weight.path for weight in model.weights] == paths
    called = case.model_class(**case.arguments)
    called(inputs)
    assert [weight.shape for weight in called.weights] == [weight.shape for weight in model.weights]


@every_case
def test_a_saved_model_gives_the_same_at_two_lengths(case, tmp_path):
    model = case.make()
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    assert type(again) is case.model_class and again.get_config() == model.get_config()
    for length in LENGTHS:
        expected = outputs(model, case.inputs(BATCH, length))
        for name, value in outputs(again, case.inputs(BATCH, length)).items():
            assert value.shape[0] == BATCH and value.dtype == np.float32 and np.isfinite(value).all()
            np.testing.assert_array_equal(value, expected[name])


def tensors(arrays, other_arrays):
    """Return the signature of arrays, free along axes whose sizes differ between two batches; axes of one size are one axis."""
    result = {}
    for name, array in arrays.items():
        sizes = zip(array.shape, other_arrays[name].shape, strict=True)
        axes = [size if size == other else f"axis_{size}_{other}" for size, other in sizes]
        result[name] = Tensor(tuple(axes), "", str(array.dtype))
    return result


@pytest.mark.tensorflow(
    reason="TensorFlow writes exports, for other backends in a process of its own: tests/utils/training/test_export.py"
)
@every_case
def test_an_exported_model_gives_the_same_for_two_sizes(case, tmp_path):
    """ONNX and SavedModel: `export_model` compares them, and would leave out what differs."""
    model, batches = case.make(), (case.inputs(BATCH, LENGTHS[0]), case.inputs(BATCH - 1, LENGTHS[1]))
    results = [outputs(model, batch) for batch in batches]
    signature = Signature(tensors(*batches), tensors(*results))
    for export in export_model(model, tmp_path, signature, batches):
        assert export.problem == "" and export.difference < 1e-5, export


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@every_case
def test_precision(case, policy):
    """In every precision weights and outputs are float32, and outputs are close to those of float32."""
    model, inputs = case.make(dtype=policy), case.inputs(BATCH, LENGTHS[0])
    assert model.compute_dtype == policy.removeprefix("mixed_")
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in model.weights} == {"float32"}
    exact, results = outputs(case.make(), inputs), outputs(model, inputs)
    for name, value in results.items():
        assert value.dtype == np.float32 and np.isfinite(value).all()
        allowed = exact[name] > -1e8  # the others are masked logits
        np.testing.assert_array_equal(value > -1e8, allowed)
        # Random weights have no scale of their own, so errors are compared with the spread of the outputs.
        error = np.abs(value - exact[name])[allowed] / max(exact[name][allowed].std(), 1e-3)
        assert np.sqrt(np.mean(error**2)) < (1e-4 if policy == "float32" else 0.1) and error.max() < 0.5
    # The layers within compute in the model's precision, so half precision shows.
    assert any((results[name] != exact[name]).any() for name in exact) == (policy != "float32")
