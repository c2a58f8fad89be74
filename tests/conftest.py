"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def qkv_zoo_data() -> Path:
    """The folder of staged public datasets that `QKV_ZOO_DATA` names; skips the test when it is unset."""
    folder = os.environ.get("QKV_ZOO_DATA")
    if not folder:
        pytest.skip("QKV_ZOO_DATA is not set: it names a folder with the public datasets")
    return Path(folder)
