"""The requirements of other backends leave out TensorFlow, and nothing else."""

import re

import pytest

from tests.helpers.paths import ROOT

OF_TENSORFLOW = {
    "tensorflow-cpu",
    "tensorflow",
    "tensorflow-datasets",
    "importlib_resources",
    "ai-edge-litert",
    "tf2onnx",
}


def names(file):
    """The packages that a file of requirements lists itself, in order."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return [re.match(r"[\w.-]+", line).group() for line in lines if line and not line.startswith(("#", "-"))]


def test_the_base_is_all_but_tensorflow_in_the_versions_of_the_whole():
    expected = [name for name in names("requirements.txt") if name not in OF_TENSORFLOW]
    assert names("requirements-base.txt") == expected
    assert "-c requirements.txt" in (ROOT / "requirements-base.txt").read_text().splitlines()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_backend_adds_its_packages(backend):
    assert backend in names(f"requirements-{backend}.txt")
    assert "-r requirements-base.txt" in (ROOT / f"requirements-{backend}.txt").read_text().splitlines()
