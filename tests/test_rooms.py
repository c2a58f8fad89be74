"""Which package may import which, and that `--help` does not wait for heavy packages.

A room is a package of this project with a purpose of its own: `components`, `models`, and each folder of `utils`.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TASKS = ("squad", "memnet", "tracing", "vectors", "ranking", "reranker")
BUILDS_ON = {"reranker": "utils.ranking"}
"""A task that is a second step of another one, and that one's room."""
TASK_ROOMS = {f"utils.{task}" for task in TASKS}
SHARED_ROOMS = {"utils.common", "utils.training", "utils.text", "utils.demo"}
PAGE_ROOM = "utils.app"
"""The parts of the page. It knows all tasks, and app.py alone knows it."""
PROJECT = {"components", "models", "utils", "benchmarks", "tests"} | {path.stem for path in ROOT.glob("*.py")}
BACKENDS = {"tensorflow", "jax", "torch"}
HEAVY = BACKENDS | {
    "keras",
    "transformers",
    "wandb",
    "matplotlib",
    "tensorflow_datasets",
    "datasets",
    "sklearn",
    "scipy",
    "gradio",
    "fastapi",
}
SCRIPTS = sorted(ROOT.glob("*.py"))
TRAIN_SCRIPTS = sorted(ROOT.glob("train_*.py"))
PRETRAINING_SCRIPTS = {"pretrain_text.py": "squad"}
"""Scripts that train what a task's script begins with, and that task."""
MAX_LINES = 330
COMMAND_WITH_AN_OLD_NAME = "squad_evaluation"
"""`python -m utils.squad_evaluation` is kept for those who know it."""

MAY_IMPORT = {
    "components": {"components"},
    "models": {"components", "models", "utils.common"},
    "utils.common": {"utils.common"},
    "utils.demo": {"utils.common", "utils.demo"},
    "utils.text": {"utils.common", "utils.text", "components"},
    "utils.training": {"utils.common", "utils.training"},
    **{f"utils.{task}": {f"utils.{task}", "components", "models"} | SHARED_ROOMS for task in TASKS},
    PAGE_ROOM: {PAGE_ROOM, "components", "models"} | SHARED_ROOMS | TASK_ROOMS,
}
"""Each room, and what it may import of this project."""
for _task, _room in BUILDS_ON.items():
    MAY_IMPORT[f"utils.{_task}"].add(_room)


def files(room):
    """All Python files of a room."""
    return sorted((ROOT / room.replace(".", "/")).rglob("*.py"))


def imported_names(path):
    """(line, dotted name) of every import in a file, those within functions too."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1], node.module] if node.level else [node.module]
            module = ".".join(filter(None, base))
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def is_in(name, rooms):
    """Whether a dotted name is one of the rooms, or lies in one."""
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def wrong_imports(paths, is_wrong):
    """`file:line imports name` of every import that is wrong."""
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in paths
        for line, name in imported_names(path)
        if is_wrong(name)
    ]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_the_rooms_below_it(room):
    assert files(room)
    allowed = MAY_IMPORT[room]
    assert wrong_imports(files(room), lambda name: is_in(name, PROJECT) and not is_in(name, allowed)) == []


@pytest.mark.parametrize("room", ["components", "models"])
def test_layers_and_models_are_written_in_keras_alone(room):
    allowed = {"components", "models", "keras", "numpy"} | sys.stdlib_module_names
    paths = [path for path in files(room) if path.name != "__init__.py"]  # models/__init__.py reads files
    assert wrong_imports(paths, lambda name: not is_in(name, allowed)) == []


def test_backends_are_imported_only_where_models_are_trained():
    paths = [path for path in files("utils") if not path.is_relative_to(ROOT / "utils" / "training")]
    assert (
        wrong_imports([*paths, *SCRIPTS, *files("components"), *files("models")], lambda name: is_in(name, BACKENDS))
        == []
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_import_neither_scripts_nor_benchmarks_nor_tests(script):
    forbidden = PROJECT - {"components", "models", "utils"} | (set() if script.name == "app.py" else {PAGE_ROOM})
    assert wrong_imports([script], lambda name: is_in(name, forbidden)) == []


@pytest.mark.parametrize(
    ("script", "task"), [*((f"train_{task}.py", task) for task in TASKS), *PRETRAINING_SCRIPTS.items()]
)
def test_a_train_script_imports_only_its_own_task(script, task):
    builders = {f"utils.{builder}" for builder, room in BUILDS_ON.items() if room == f"utils.{task}"}  # a teacher
    others = TASK_ROOMS - {f"utils.{task}", BUILDS_ON.get(task)} - builders
    assert wrong_imports([ROOT / script], lambda name: is_in(name, others)) == []


def test_every_script_that_trains_is_named_here():
    scripts = [path for path in SCRIPTS if "fit(" in path.read_text(encoding="utf-8")]
    assert {path.name for path in scripts} == {path.name for path in TRAIN_SCRIPTS} | PRETRAINING_SCRIPTS.keys()


def test_utils_holds_rooms_alone():
    rooms = {room.removeprefix("utils.") for room in TASK_ROOMS | SHARED_ROOMS | {PAGE_ROOM}}
    entries = {path for path in (ROOT / "utils").iterdir() if path.name != "__pycache__"}
    modules = {path.name for path in entries if path.is_file()}
    folders = {path.name for path in entries if path.is_dir() and any(path.rglob("*.py"))}
    assert modules == {"__init__.py"} and folders - {COMMAND_WITH_AN_OLD_NAME} == rooms


def test_a_task_has_one_name():
    assert [path.stem for path in TRAIN_SCRIPTS] == sorted(f"train_{task}" for task in TASKS)
    for task in TASKS:
        assert (ROOT / "tests" / "utils" / task).is_dir() and (ROOT / f"tests/scripts/test_train_{task}.py").is_file()
        assert (ROOT / "docs" / f"{task}.md").is_file()


@pytest.mark.parametrize(
    "script", [*TRAIN_SCRIPTS, *(ROOT / name for name in PRETRAINING_SCRIPTS)], ids=lambda path: path.name
)
def test_train_scripts_stay_short(script):
    length = len(script.read_text(encoding="utf-8").splitlines())
    assert length <= MAX_LINES, f"{script.name} has {length} lines: move what is not the story of a run into utils"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_help_imports_nothing_heavy(script):
    command = [sys.executable, "-X", "importtime", script.name, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "--help" in done.stdout, done.stderr[-2000:]
    loaded = set(re.findall(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\w+)", done.stderr, re.MULTILINE))
    assert "dataclasses" in loaded and loaded & HEAVY == set()


def test_every_registered_class_belongs_to_the_package_of_the_zoo():
    for path in (path for room in ("components", "models", "utils") for path in files(room)):
        for arguments in re.findall(r"register_keras_serializable\((.*)\)", path.read_text(encoding="utf-8")):
            assert arguments == 'package="qkv_zoo"', path
