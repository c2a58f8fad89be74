"""Run a script as a user does, in a process of its own."""

import os
import subprocess
import sys

from tests.helpers.paths import ROOT


def start(*arguments, cwd, script="train_squad.py", **environment):
    """Start a script with these arguments, in the folder `cwd` and with these environment variables."""
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    settings = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    return subprocess.Popen(
        command, cwd=cwd, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip


def run(*arguments, cwd, script="train_squad.py", **environment):
    """Run a script to its end: exit status, standard output and standard error."""
    process = start(*arguments, cwd=cwd, script=script, **environment)
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def error_line(errors: str) -> str:
    """The one line that reports a user's error; TensorFlow's own messages are left out."""
    assert "Traceback" not in errors, errors
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, errors
    return lines[0]
