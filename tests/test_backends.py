"""Layers and models are written in `keras.ops`, so their own tests must hold on JAX as well."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WRITTEN_IN_KERAS = sorted(
    path.stem for room in ("components", "models") for path in (ROOT / room).glob("*.py") if path.stem != "__init__"
)
FILES = [
    f"tests/components/test_{name}.py"
    for name in ("components", "dynamic_memory", "schedules", "checkpoint", *WRITTEN_IN_KERAS)
]


def test_every_layer_and_model_has_its_test():
    assert [file for file in FILES if not (ROOT / file).exists()] == []


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed: requirements-dev.txt has it")
def test_the_same_tests_hold_on_jax():
    run = "import sys, keras, pytest; assert keras.backend.backend() == 'jax'; sys.exit(pytest.main(sys.argv[1:]))"
    command = [sys.executable, "-c", run, "-q", "-p", "no:cacheprovider", *FILES]
    # Compiled once and run once, code need not be fast.
    settings = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]


FIT = """
import itertools, sys, keras, numpy as np
from utils.training.fit import fit
assert keras.backend.backend() == "jax"
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("sgd", loss="mse", jit_compile=True)
batches = lambda first: ((np.ones((4, 2), "float32"), np.ones((4, 1), "float32")) for _ in itertools.count(first))
settings = {"steps_per_epoch": 5, "epochs": 3, "monitor": "val_one", "run_dir": sys.argv[1]}
rows = fit(model, batches, evaluate=lambda model: {"val_one": 1.0}, **settings)
assert len(rows) == 3 and rows[2]["loss"] < rows[0]["loss"], rows
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed: requirements-dev.txt has it")
def test_training_runs_on_jax(tmp_path):
    settings = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", FIT, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
