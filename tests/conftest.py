"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def engram_data() -> Path:
    """The folder of staged public datasets that `ENGRAM_DATA` names; skips the test when it is unset."""
    folder = os.environ.get("ENGRAM_DATA")
    if not folder:
        pytest.skip("ENGRAM_DATA is not set: it names a folder with the public datasets")
    return Path(folder)
