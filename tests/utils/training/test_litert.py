"""A LiteRT file computes what the model does, and its calls are measured."""

import keras
import numpy as np
import pytest

from models.amn import AMN
from utils.training.litert import export_litert, latency


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="Keras writes LiteRT files on TensorFlow only")
def test_the_file_equals_the_model_and_its_latency_is_measured(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    model = AMN(7, 5, encoder_dim=3, hidden_dims=(11, 4), similarity_dim=6)
    model.build()
    model.correction.output_dense.kernel.assign(np.random.default_rng(1).normal(size=(4, 7)))
    export_litert(model, tmp_path / "m.tflite", {"vectors": (5, 7), "padding_mask": (5,)}, floating=("vectors",))
    inputs = {
        "vectors": np.random.default_rng(2).normal(size=(1, 5, 7)).astype("float32"),
        "padding_mask": np.array([[0, 1, 1, 1, 1]], "int32"),
    }
    inputs["vectors"] *= inputs["padding_mask"][..., None]
    outputs = Interpreter(str(tmp_path / "m.tflite"), num_threads=1).get_signature_runner()(**inputs)
    for name, expected in model(inputs).items():
        np.testing.assert_allclose(outputs[name], keras.ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-5)
    times = latency(tmp_path / "m.tflite", calls=20)
    assert 0 < times["p50_ms"] <= times["p95_ms"]
