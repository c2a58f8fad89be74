"""A script that answers alone: what it needs is in it, once, and what cannot stand alone is refused."""

import ast
import subprocess
import sys

import pytest

from utils.training import standalone
from utils.training.standalone import write_answer_script

FIRST = '''"""Doubles and adds.

    python answer.py
"""

from __future__ import annotations

import json

from utils.second import double, scale


def main() -> None:
    """Print."""
    print(json.dumps([double(3), scale]))
'''
SECOND = '''"""Numbers."""

import os
import functools as tools

# Twice what it was.
scale = 2
"""A factor."""
unused = os.getpid()


@tools.cache
def double(value: int) -> int:
    return _times(value)


# A helper.
def _times(value):
    return scale * value


def not_reached():
    import tensorflow
'''


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A function that joins the modules `utils.first`, `utils.second` and others with these sources."""
    monkeypatch.setattr(standalone, "ROOT", tmp_path)
    (tmp_path / "utils").mkdir()

    def write(**sources):
        for name, source in {"first": FIRST, "second": SECOND, **sources}.items():
            (tmp_path / "utils" / f"{name}.py").write_text(source)
        standalone.read_module.cache_clear()
        return write_answer_script("utils.first", tmp_path / "answer.py"), (tmp_path / "answer.py").read_text()

    yield write
    standalone.read_module.cache_clear()


def test_definitions_that_are_reached_are_joined(written, tmp_path):
    packages, script = written()
    assert packages == []
    run = subprocess.run([sys.executable, "-I", tmp_path / "answer.py"], capture_output=True, text=True)
    assert run.stdout == "[6, 2]\n" and run.stderr == ""
    assert ast.get_docstring(ast.parse(script), clean=False) == "Doubles and adds.\n\n    python answer.py\n"
    for text in (
        '# Twice what it was.\nscale = 2\n"""A factor."""',
        "# A helper.\ndef _times",
        "@tools.cache\ndef double",
    ):
        assert script.count(text) == 1
    assert "import functools as tools\nimport json\n" in script
    for text in ("unused", "import os", "tensorflow", "from utils"):
        assert text not in script


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("return _times(value)", "import keras\n    return _times(value)"), "would import keras"),
        (("return _times(value)", "from utils.x import y\n    return y(value)"), "would import utils"),
        (("def _times", "def main"), "both define main"),
        (("def double", "def triple"), "imports double from utils.second, which does not define it"),
        (("import os", "from utils.third import x as os"), "under another name"),
    ],
)
def test_what_cannot_stand_alone_is_refused(written, change, problem):
    source = SECOND.replace(*change)
    assert source != SECOND
    if "main" in change[1]:
        source = source.replace("_times(value)", "main(value)", 1)
    with pytest.raises(ValueError, match=problem):
        written(second=source, third="x = 1\n")
