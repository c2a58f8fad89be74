"""Exports in both formats: equal to the model or left out, named, and clear about the largest size of their inputs."""

import keras
import numpy as np
import pytest

from models.text_encoder import TextEncoder
from utils.common.errors import UserError
from utils.common.onnx_model import OnnxModel
from utils.training import export_process, onnx_export
from utils.training.export import export_model, largest_difference
from utils.training.signature import Signature, Tensor

ENCODER = {
    "vocabulary_size": 11,
    "hidden_dim": 6,
    "num_layers": 1,
    "num_heads": 2,
    "intermediate_dim": 5,
    "max_length": 9,
}
AXES = ("batch", "sequence")
SIGNATURE = Signature(
    inputs={"token_ids": Tensor(AXES), "padding_mask": Tensor(AXES)},
    outputs={"vectors": Tensor(("batch", 6), "", "float32")},
    max_sizes={"sequence": 9},
)
on_tensorflow = pytest.mark.tensorflow(reason="elsewhere another process exports")
with_tensorflow = pytest.mark.skipif(
    not export_process.is_installed("tensorflow"), reason="TensorFlow, which writes exports, is not installed"
)


def ones(batch, length):
    return dict.fromkeys(SIGNATURE.inputs, np.ones((batch, length), "int32"))


EXAMPLES = (ones(1, 4), ones(3, 9))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    encoder = TextEncoder(ENCODER)
    encoder.build()
    return encoder


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    return folder, {export.name: export for export in export_model(model, folder, SIGNATURE, EXAMPLES)}


@with_tensorflow
def test_onnx_has_named_inputs_outputs_and_axes(model, exported):
    folder, exports = exported
    assert exports["model.onnx"].difference < 1e-5 and exports["model.onnx"].num_bytes > 1000
    loaded = OnnxModel(folder / "model.onnx")
    assert [(value.name, tuple(value.shape)) for value in loaded.inputs] == [(name, AXES) for name in SIGNATURE.inputs]
    assert loaded.output_names == ["vectors"] and loaded.session.get_outputs()[0].shape == ["batch", 6]
    expected = np.asarray(model(ones(2, 7)))
    np.testing.assert_allclose(loaded.predict_on_batch(ones(2, 7)), expected, atol=1e-5)
    with pytest.raises(UserError, match="token_ids is longer than 9, the most that this model takes"):
        loaded.predict_on_batch(ones(2, 10))
    with pytest.raises(UserError, match="is the export of another model, with an input token_ids"):
        loaded.predict_on_batch({"padding_mask": ones(2, 7)["padding_mask"]})
    with pytest.raises(UserError, match=r"is the export of another model, whose .* has 2 axes"):
        loaded.predict_on_batch({name: array[0] for name, array in ones(2, 7).items()})
    with pytest.raises(UserError, match="is the export of another model, without an output start"):
        OnnxModel(folder / "model.onnx", ("start", "end"))
    with pytest.raises(UserError, match="cannot compute these inputs"):
        loaded.predict_on_batch({**ones(2, 7), "padding_mask": ones(2, 5)["padding_mask"]})


@with_tensorflow
def test_a_saved_model_has_named_inputs_and_outputs(model, exported):
    import tensorflow as tf

    folder, exports = exported
    assert exports["saved_model"].difference < 1e-5
    served = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]
    results = served(**{name: tf.constant(array) for name, array in ones(2, 7).items()})
    assert list(results) == ["vectors"] and set(served.structured_input_signature[1]) == set(SIGNATURE.inputs)
    np.testing.assert_allclose(results["vectors"], np.asarray(model(ones(2, 7))), atol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="is longer than 9, the most"):
        served(**{name: tf.constant(array) for name, array in ones(2, 10).items()})


@on_tensorflow
def test_a_wrong_export_is_left_out(exported, tmp_path, monkeypatch, capsys):
    another_model = (exported[0] / "model.onnx").read_bytes()
    model = TextEncoder(ENCODER)
    model.build()
    monkeypatch.setattr(onnx_export, "export_onnx", lambda model, path, signature: path.write_bytes(another_model))
    monkeypatch.setattr("utils.training.saved_model.export_saved_model", lambda *_: 1 / 0)
    (tmp_path / "model.onnx").write_text("an older export")
    exports = export_model(model, tmp_path, SIGNATURE, EXAMPLES)
    assert exports[0].difference > 1e-4 and "its outputs differ from the model's by" in exports[0].problem
    assert exports[1].problem == "it cannot be written (ZeroDivisionError: division by zero)"
    assert list(tmp_path.iterdir()) == []
    assert [line.split(": ")[1][:8] for line in capsys.readouterr().out.splitlines()] == ["left out", "left out"]
    assert "left_out" in exports[0].summary()


def test_without_tensorflow_one_line_says_where_to_export(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(export_process, "is_installed", lambda package: False)
    (tmp_path / "model.onnx").write_text("an older export")
    exports = export_process.write_formats_with_tensorflow(model, tmp_path, SIGNATURE, EXAMPLES, EXAMPLES, "")
    assert [export.name for export in exports] == ["model.onnx", "saved_model"]
    assert {export.problem for export in exports} == {export_process.NOT_INSTALLED}
    monkeypatch.setattr("utils.training.export.write_formats", lambda *arguments: exports)
    monkeypatch.setattr(export_process, "write_formats_with_tensorflow", lambda *arguments: exports)
    export_model(model, tmp_path, SIGNATURE, EXAMPLES)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{tmp_path / 'model.onnx'} and saved_model: left out, TensorFlow writes it")
    assert not list(tmp_path.iterdir())


@on_tensorflow
def test_a_process_of_its_own_exports_what_another_backend_computed(model, tmp_path):
    """On JAX and PyTorch, `exported` comes from such a process."""
    expected = [{"vectors": np.array(model(example))} for example in EXAMPLES]
    expected[1]["vectors"][0, 0] += 5e-5  # so the difference shows what was compared
    write = export_process.write_formats_with_tensorflow
    exports = write(model, tmp_path, SIGNATURE, EXAMPLES, expected, "_queries")
    assert [export.name for export in exports] == ["model_queries.onnx", "saved_model_queries"]
    assert all(3e-5 < export.difference < 7e-5 for export in exports)
    assert {path.name for path in tmp_path.iterdir()} == {export.name for export in exports}


@with_tensorflow
def test_a_process_that_fails_is_one_line(tmp_path, monkeypatch):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    monkeypatch.setattr(export_process.sys, "executable", "false")
    exports = export_process.write_formats_with_tensorflow(model, tmp_path, SIGNATURE, EXAMPLES, EXAMPLES, "")
    assert {export.problem for export in exports} == {"it cannot be written (TensorFlow ended with: exit status 1)"}


def test_examples_of_one_size_are_refused(model, tmp_path):
    with pytest.raises(ValueError, match="a single size along sequence"):
        export_model(model, tmp_path, SIGNATURE, [ones(1, 9), ones(2, 9)])


def test_differences_are_relative_above_one_and_see_what_is_not_finite():
    def difference(values):
        return largest_difference({"x": np.array(values)}, {"x": np.array([0.5, -1e9])})

    assert difference([0.5, -1e9 - 64]) < 1e-6 and difference([0.75, -1e9]) == 0.25
    assert difference([np.nan, -1e9]) == difference([0.5]) == np.inf


@pytest.mark.parametrize(("content", "problem"), [(None, "no such file"), (b"no model", "not a readable model")])
def test_a_file_that_is_no_model_is_one_line(tmp_path, content, problem):
    path = tmp_path / "model.onnx"
    if content:
        path.write_bytes(content)
    with pytest.raises(UserError, match=problem) as caught:
        OnnxModel(path)
    assert "\n" not in str(caught.value)
