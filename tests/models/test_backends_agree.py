"""Every model takes the same training steps on TensorFlow, on TensorFlow with XLA, on JAX, and where it is installed on PyTorch.

A model that one of them saved gives the same outputs on each other one.
"""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.helpers.model_cases import CASES
from tests.helpers.paths import ROOT
from tests.helpers.quick_jax import QUICK_JAX
from tests.helpers.three_steps import ONE_OF_EACH_CLASS, read, read_weights, save, train, write_weights

INSTALLED = {name: importlib.util.find_spec(name) is not None for name in ("jax", "torch")}
pytestmark = [
    pytest.mark.tensorflow(reason="the suite on TensorFlow compares the backends"),
    pytest.mark.skipif(not any(INSTALLED.values()), reason="jax is not installed: requirements-dev.txt has it"),
]
TOLERANCE = 1e-5
TRAINED = CASES if INSTALLED["torch"] else ONE_OF_EACH_CLASS
"""The models that are trained: all where PyTorch is installed, as in a job of the workflow; else one of each class."""
EXCHANGED = tuple(
    case
    for case in ONE_OF_EACH_CLASS
    if INSTALLED["torch"] or case.name in ("AMN", "BiEncoder", "DeepGPCM", "KVMemNet", "QATransformer")
)
"""The models that one backend saves and another reads: one of each class where PyTorch is installed, else one of each task."""
UNCOMPILED = CASES if INSTALLED["torch"] else EXCHANGED
"""The models that TensorFlow also trains without XLA, as `--no-jit-compile` does."""
HINTS = {"jax": "requirements-dev.txt has it", "torch": "a job of the workflow has it"}
each_backend = pytest.mark.parametrize(
    "backend",
    [
        pytest.param(
            name, marks=pytest.mark.skipif(not INSTALLED[name], reason=f"{name} is not installed: {HINTS[name]}")
        )
        for name in INSTALLED
    ],
)

ZERO_GRADIENTS = ("span_head/bias", "final_norm/beta", "attention/qkv_bias", "similarity/output_weight/bias")
"""Ends of the paths of weights that add the same number to all logits of a softmax, which ignores it.

Their gradient is zero in theory and rounding noise in practice (of `qkv_bias`, that of the keys). Adam divides a gradient by its
own size, so it turns the noise into steps, which differ from backend to backend.
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder where all backends have trained all cases from the same weights, and read and saved models of the others."""
    folder = tmp_path_factory.mktemp("weights")
    for case in TRAINED:
        model = case.make()
        write_weights(folder / f"{case.name}.npz", model.get_weights())
        if case in EXCHANGED:
            save(model, case, folder)
    others = [name for name in INSTALLED if INSTALLED[name]]
    for backend in others:
        run_steps(folder, backend)
    for backend in others[:-1]:
        run_steps(folder, backend, "--read-only")  # what the backends after it have saved
    return folder


def run_steps(folder, backend, *flags):
    """Train and read all cases in a process of its own."""
    settings = QUICK_JAX | {"KERAS_BACKEND": backend}
    command = [sys.executable, "-m", "tests.helpers.three_steps", str(folder), *flags]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-5_000:]


@pytest.mark.parametrize(
    ("case", "jit_compile"),
    [
        *((case, False) for case in UNCOMPILED),
        *((case, True) for case in ONE_OF_EACH_CLASS),
    ],
    ids=lambda value: getattr(value, "name", "xla" if value is True else "plain"),
)
def test_three_steps_give_the_same_weights(case, jit_compile, folder):
    initial = read_weights(folder / f"{case.name}.npz")
    model = train(case, initial, jit_compile)
    for backend in (name for name in INSTALLED if INSTALLED[name]):
        expected = read_weights(folder / f"{case.name}.{backend}.npz")
        for weight, value, trained in zip(model.weights, model.get_weights(), expected, strict=True):
            tolerance = 10 * TOLERANCE if weight.path.endswith(ZERO_GRADIENTS) else TOLERANCE
            np.testing.assert_allclose(value, trained, rtol=0, atol=tolerance, err_msg=f"{backend}: {weight.path}")
        largest_change = max(np.abs(new - old).max() for new, old in zip(expected, initial, strict=True))
        assert largest_change > 100 * TOLERANCE


@each_backend
def test_saved_there_it_is_the_same_here(backend, folder):
    differences = {case.name: read(case, backend, folder)[-1] for case in EXCHANGED}
    assert max(differences.values()) < TOLERANCE, differences


@each_backend
def test_saved_here_or_elsewhere_it_is_the_same_there(backend, folder):
    differences = json.loads((folder / f"{backend}.json").read_text())
    assert set(differences) == {"tensorflow", *(name for name in INSTALLED if INSTALLED[name])} - {backend}
    for other, values in differences.items():
        assert len(values) == len(EXCHANGED) and max(values.values()) < TOLERANCE, (other, values)
