"""Fixtures shared by all tests, and which tests run on which backend of Keras.

TensorFlow runs all tests. Another backend, named by `KERAS_BACKEND`, runs the test files that import `keras`, `components` or
`models`, because it changes nothing for the others. It leaves out `tests/scripts`, whose scripts run for minutes, and skips tests
marked `@pytest.mark.tensorflow(reason="...")`.
"""

import os
import re
import sys
from pathlib import Path

import pytest

BACKEND = os.environ.get("KERAS_BACKEND") or "tensorflow"
USES_KERAS = re.compile(r"^\s*(import|from) (keras|components|models)\b", re.MULTILINE)


def runs_on_another_backend(path: Path) -> bool:
    """Whether a test file also runs on other backends than TensorFlow."""
    return "scripts" not in path.parts and bool(USES_KERAS.search(path.read_text(encoding="utf-8")))


def pytest_configure(config):
    config.addinivalue_line("markers", "tensorflow(reason): a test that needs Keras's TensorFlow backend, and why")


def pytest_ignore_collect(collection_path):
    if BACKEND != "tensorflow" and collection_path.name.startswith("test_") and collection_path.suffix == ".py":
        return not runs_on_another_backend(collection_path) or None
    return None


def pytest_collection_modifyitems(items):
    for item in items:
        marker = item.get_closest_marker("tensorflow")
        if marker and BACKEND != "tensorflow":
            item.add_marker(pytest.mark.skip(reason=f"on {BACKEND}: {marker.kwargs['reason']}"))


@pytest.fixture(autouse=True, scope="module")
def seeded():
    """Start every test file from the same random state, so that the suite gives the same result every time."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(scope="session")
def qkv_zoo_data() -> Path:
    """The folder of staged public datasets that `QKV_ZOO_DATA` names; skips the test when it is unset."""
    folder = os.environ.get("QKV_ZOO_DATA")
    if not folder:
        pytest.skip("QKV_ZOO_DATA is not set: it names a folder with the public datasets")
    return Path(folder)


@pytest.fixture
def drawn_texts(monkeypatch):
    """Collects every text of the figures that are saved."""
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    texts, save = [], Figure.savefig

    def savefig(figure, *args, **kwargs):
        save(figure, *args, **kwargs)
        texts.extend(text.get_text() for text in figure.findobj(Text) if text.get_text())

    monkeypatch.setattr(Figure, "savefig", savefig)
    return texts
