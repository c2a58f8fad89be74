"""A Python that has the packages of an export, and neither Keras nor TensorFlow nor this project."""

from __future__ import annotations

import subprocess
import tempfile
import venv
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from utils.training.standalone import ALLOWED_PACKAGES


@cache
def bare_python() -> Path:
    """The interpreter of a fresh virtual environment, made once. It holds links to the packages that an export may need."""
    folder = Path(tempfile.mkdtemp()) / "environment"
    venv.EnvBuilder(symlinks=True).create(folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in ALLOWED_PACKAGES:
        installed = distribution(name)
        for top in {Path(file).parts[0] for file in installed.files} - {"..", "__pycache__"}:
            (packages / top).symlink_to(installed.locate_file(top))
    return folder / "bin" / "python"


def run_bare(*arguments, cwd: Path) -> subprocess.CompletedProcess:
    """Run the bare Python in a folder, with an empty environment."""
    command = [str(bare_python()), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env={"LANG": "C.UTF-8"}, capture_output=True, text=True, timeout=120)
