"""Which backend of Keras a script runs on. It is settled before Keras is imported, because Keras cannot change it afterwards."""

from __future__ import annotations

import contextlib
import importlib.machinery
import json
import os
import sys
from pathlib import Path

from utils.common.errors import UserError

PACKAGES = {"tensorflow": ("tensorflow",), "jax": ("jax", "jaxlib"), "torch": ("torch",)}
"""The backends, the preferred one first, each with the packages that it needs."""
REQUIREMENTS = {
    "tensorflow": "requirements.txt",
    "jax": "requirements-jax.txt",
    "torch": "requirements-torch.txt",
}


def set_up_backend() -> None:
    """Let Keras use the backend that `KERAS_BACKEND` names, or else one that is installed.

    Without `KERAS_BACKEND`, Keras takes TensorFlow or what `keras.json` in its folder names. If that is not installed, the first
    of `PACKAGES` that is installed takes its place.

    On other backends TensorFlow cannot be imported any more. Keras would import it wherever it is installed, which takes 3 s and
    400 MiB in every process.

    Raises:
        UserError: there is no backend of this name, its package is missing, or no backend is installed.
    """
    name = os.environ.get("KERAS_BACKEND") or next(
        (name for name in (_preferred(), *PACKAGES) if not missing_package(name)), ""
    )
    if not name:
        raise UserError("none of TensorFlow, JAX and PyTorch is installed, and Keras needs one: see docs/backends.md")
    if name not in PACKAGES:
        raise UserError(f"KERAS_BACKEND={name[:80]}: Keras has no such backend; give {', '.join(PACKAGES)}")
    if missing := missing_package(name):
        raise UserError(
            f"KERAS_BACKEND={name}: the package {missing} is not installed; pip install -r {REQUIREMENTS[name]}"
        )
    os.environ["KERAS_BACKEND"] = name
    if name != "tensorflow":
        sys.modules.setdefault("tensorflow", None)


@contextlib.contextmanager
def tensorflow_importable():
    """Within the block, TensorFlow can be imported on any backend, if it is installed."""
    is_barred = "tensorflow" in sys.modules and sys.modules["tensorflow"] is None
    if is_barred:
        del sys.modules["tensorflow"]
    try:
        yield
    finally:
        if is_barred:
            sys.modules.setdefault("tensorflow", None)


def compiles_each_shape() -> bool:
    """Whether a model is compiled anew for every shape of its inputs, as on JAX. This imports Keras."""
    import keras

    return keras.backend.backend() == "jax"


def is_on_accelerator() -> bool:
    """Whether JAX computes on a GPU or TPU; False on other backends, which are not asked. This imports Keras."""
    if not compiles_each_shape():
        return False
    import jax

    return jax.default_backend() != "cpu"


def slow_precision(precision: str) -> str:
    """What is said of a precision that makes nothing faster: half precision on JAX without a GPU; empty for others."""
    if precision == "float32" or not compiles_each_shape() or is_on_accelerator():
        return ""
    return f"--precision {precision}: on a processor, JAX computes most of it in float32 and converts; float32 is faster here"


def missing_package(backend: str) -> str:
    """The first package of a backend that is not installed; empty if all are."""
    return next((name for name in PACKAGES[backend] if not is_installed(name)), "")


def is_installed(package: str) -> bool:
    """Whether a package is installed. It is not imported."""
    return importlib.machinery.PathFinder.find_spec(package) is not None


def _preferred() -> str:
    """The backend in Keras' own settings, which Keras writes there by itself when it is first imported."""
    folder = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))
    try:
        name = json.loads((folder / "keras.json").read_text())["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow"
    return name if name in PACKAGES else "tensorflow"
