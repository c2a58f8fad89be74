"""Every model takes the same training steps on TensorFlow, on TensorFlow with XLA, and on JAX."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.helpers.model_cases import CASES
from tests.helpers.paths import ROOT
from tests.helpers.three_steps import read_weights, train, write_weights

pytestmark = [
    pytest.mark.tensorflow(reason="the suite on TensorFlow compares the backends"),
    pytest.mark.skipif(
        importlib.util.find_spec("jax") is None, reason="jax is not installed: requirements-dev.txt has it"
    ),
]

ZERO_GRADIENTS = ("span_head/bias", "final_norm/beta", "attention/qkv_bias", "similarity/output_weight/bias")
"""Ends of the paths of weights that add the same number to all logits of a softmax, which ignores it.

Their gradient is zero in theory and rounding noise in practice (of `qkv_bias`, that of the keys). Adam divides a gradient by its
own size, so it turns the noise into steps, which differ from backend to backend.
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Train all cases on JAX, in a process of its own; a dict of name to (initial weights, trained weights)."""
    folder = tmp_path_factory.mktemp("weights")
    initial = {case.name: case.make().get_weights() for case in CASES}
    for name, arrays in initial.items():
        write_weights(folder / f"{name}.npz", arrays)
    # Code that is compiled once and run three times need not be fast.
    settings = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    command = [sys.executable, "-m", "tests.helpers.three_steps", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-5_000:]
    return {name: (arrays, read_weights(folder / f"{name}.jax.npz")) for name, arrays in initial.items()}


ONE_OF_EACH_CLASS = list({case.model_class: case for case in reversed(CASES)}.values())
"""With XLA, compiling takes most of the time, so the first case of each class is enough."""


@pytest.mark.parametrize(
    ("case", "jit_compile"),
    [*((case, False) for case in CASES), *((case, True) for case in ONE_OF_EACH_CLASS)],
    ids=lambda value: getattr(value, "name", "xla" if value is True else "plain"),
)
def test_three_steps_give_the_weights_of_jax(case, jit_compile, weights):
    initial, expected = weights[case.name]
    model = train(case, initial, jit_compile)
    for weight, value, trained in zip(model.weights, model.get_weights(), expected, strict=True):
        tolerance = 1e-4 if weight.path.endswith(ZERO_GRADIENTS) else 1e-5
        np.testing.assert_allclose(value, trained, rtol=0, atol=tolerance, err_msg=weight.path)
    largest_change = max(np.abs(new - old).max() for new, old in zip(expected, initial, strict=True))
    assert largest_change > 100 * 1e-5
