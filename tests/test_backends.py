"""The backend that the tests run on, and which of them run on it."""

from pathlib import Path

import keras
import pytest

from tests.conftest import BACKEND, runs_on_another_backend

ROOT = Path(__file__).parents[1]
MODULES = [
    path.relative_to(ROOT)
    for room in ("components", "models")
    for path in sorted((ROOT / room).rglob("*.py"))
    if path.stem != "__init__"
]


def test_keras_runs_on_the_backend_named():
    assert keras.backend.backend() == BACKEND


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_every_module_of_components_and_models_has_its_test_which_runs_on_every_backend(path):
    test = ROOT / "tests" / path.parent / f"test_{path.name}"
    assert test.exists() and runs_on_another_backend(test)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("test_backends.py", True),
        ("components/test_public_layers.py", True),
        ("models/test_public_models.py", True),
        ("utils/training/test_fit.py", True),
        ("utils/common/test_files.py", False),
        ("scripts/test_train_squad.py", False),
    ],
)
def test_files_that_use_keras_run_on_every_backend(file, expected):
    assert runs_on_another_backend(ROOT / "tests" / file) == expected
