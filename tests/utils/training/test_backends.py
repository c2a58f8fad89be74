"""Which backend a script runs on, and the line that it prints where there is none."""

import os
import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT
from utils.common.errors import UserError
from utils.training import backends
from utils.training.backends import PACKAGES, set_up_backend, tensorflow_importable


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """A set of packages that count as installed; without `KERAS_BACKEND` and Keras' settings, and TensorFlow is not imported."""
    packages = {"tensorflow", "jax", "jaxlib", "torch"}
    monkeypatch.setattr(backends, "is_installed", packages.__contains__)
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "modules", {name: module for name, module in sys.modules.items() if name != "tensorflow"})
    return packages


def chosen():
    set_up_backend()
    return os.environ["KERAS_BACKEND"]


def test_what_is_named_is_taken(installed, monkeypatch):
    for name in PACKAGES:
        monkeypatch.setenv("KERAS_BACKEND", name)
        assert chosen() == name


def test_otherwise_what_is_installed_is_taken(installed, monkeypatch, tmp_path):
    for settings, expected in (
        (None, "tensorflow"),
        ('{"backend": "torch"}', "torch"),
        ('{"backend": "theano"}', "tensorflow"),
        ("[]", "tensorflow"),
        ("{", "tensorflow"),
    ):
        if settings:
            (tmp_path / "keras.json").write_text(settings)
        monkeypatch.setenv("KERAS_BACKEND", "")
        assert chosen() == expected
    (tmp_path / "keras.json").write_text('{"backend": "tensorflow"}')  # Keras writes this by itself
    for removed, expected in (("tensorflow", "jax"), ("jaxlib", "torch")):
        installed.remove(removed)
        monkeypatch.setenv("KERAS_BACKEND", "")
        assert chosen() == expected


@pytest.mark.parametrize(
    ("name", "packages", "problem"),
    [
        ("theano", {"jax", "jaxlib"}, "KERAS_BACKEND=theano: Keras has no such backend; give tensorflow, jax, torch"),
        ("jax", {"tensorflow", "jax"}, "the package jaxlib is not installed; pip install -r requirements-jax.txt"),
        ("torch", {"tensorflow"}, "the package torch is not installed; pip install -r requirements-torch.txt"),
        ("", {"jax"}, "none of TensorFlow, JAX and PyTorch is installed"),
    ],
)
def test_a_backend_that_is_not_there_is_one_line(installed, monkeypatch, name, packages, problem):
    installed.intersection_update(packages)
    monkeypatch.setenv("KERAS_BACKEND", name)
    with pytest.raises(UserError, match=problem):
        set_up_backend()


def test_on_other_backends_tensorflow_is_imported_only_where_it_is_needed(installed, monkeypatch):
    set_up_backend()
    assert "tensorflow" not in sys.modules
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    set_up_backend()
    assert sys.modules["tensorflow"] is None
    with tensorflow_importable():
        assert "tensorflow" not in sys.modules
        sys.modules["tensorflow"] = "the package"
    assert sys.modules["tensorflow"] == "the package"


@pytest.mark.parametrize("script", ["train_memnet.py", "predict.py", "evaluate.py", "export.py"])
def test_every_script_says_so_and_helps_without(script):
    settings = os.environ | {"KERAS_BACKEND": "theano"}
    arguments = [] if script.startswith("train") else ["memnet-people"]
    command = [sys.executable, script, *arguments, *(["Who?"] if script == "predict.py" else [])]
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: KERAS_BACKEND=theano: Keras has no such backend")
    done = subprocess.run([sys.executable, script, "--help"], cwd=ROOT, env=settings, capture_output=True, text=True)
    assert done.returncode == 0 and "--help" in done.stdout


SLOW = "from utils.training.backends import slow_precision as say; print([bool(say(name)) for name in ('float32', 'bfloat16')])"


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_bfloat16_is_said_to_be_slow_on_jax_without_a_gpu(backend):
    pytest.importorskip(backend)
    environment = os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    process = subprocess.run([sys.executable, "-c", SLOW], check=True, capture_output=True, text=True, env=environment)
    assert process.stdout.strip() == f"[False, {backend == 'jax'}]"
