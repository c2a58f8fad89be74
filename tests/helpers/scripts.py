"""Run a script as a user does, in a process of its own."""

import os
import subprocess
import sys

from tests.helpers.paths import ROOT


def start(*arguments, cwd, script="train_squad.py", **options):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **options}
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip


def run(*arguments, cwd, script="train_squad.py", **options):
    process = start(*arguments, cwd=cwd, script=script, **options)
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def error_line(errors: str) -> str:
    """The one line that a user's error is; whatever TensorFlow says before is left out."""
    assert "Traceback" not in errors, errors
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, errors
    return lines[0]
