"""Who may import whom, and that a script's help does not wait for heavy packages."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"tensorflow", "keras", "jax", "torch", "transformers", "wandb", "matplotlib", "tensorflow_datasets"}
SCRIPTS = sorted([*ROOT.glob("train_*.py"), ROOT / "predict.py"])
TRAIN_SCRIPTS = {path.stem for path in ROOT.glob("train_*.py")}
ROOMS = {"components", "models", "utils", "tests", "benchmarks"}

# Room to what it may import beside the standard library; None is anything but other rooms.
ALLOWED = {"components": {"components", "keras", "numpy"}, "models": {"components", "models", "keras", "numpy"}}


def imports(path):
    """(line, first name) of every import of a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, path.relative_to(ROOT).parts[0] if node.level else node.module.split(".")[0]


def wrong(paths, is_wrong):
    """`file:line imports name` of all that is wrong."""
    paths = list(paths)
    assert paths
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in paths
        for line, name in imports(path)
        if is_wrong(name)
    ]


@pytest.mark.parametrize("room", ALLOWED)
def test_layers_and_models_are_written_in_keras_alone(room):
    allowed = ALLOWED[room] | sys.stdlib_module_names
    assert wrong((ROOT / room).rglob("*.py"), lambda name: name not in allowed) == []


def test_utils_know_no_layer_and_no_script():
    assert wrong((ROOT / "utils").rglob("*.py"), lambda name: name in (ROOMS - {"utils"}) | TRAIN_SCRIPTS) == []


def test_train_scripts_never_import_one_another():
    others = TRAIN_SCRIPTS | {"tests", "benchmarks", "predict"}
    assert wrong(ROOT.glob("train_*.py"), lambda name: name in others) == []


def test_tensorflow_itself_is_imported_only_in_utils():
    assert wrong(SCRIPTS, lambda name: name in ("tensorflow", "jax", "torch")) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_help_imports_nothing_heavy(script):
    command = [sys.executable, "-X", "importtime", script.name, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "--help" in done.stdout
    loaded = set(re.findall(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\w+)", done.stderr, re.MULTILINE))
    assert "dataclasses" in loaded and loaded & HEAVY == set()
