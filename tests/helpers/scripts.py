"""Run a script as a user does, in a process of its own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.helpers.fork_server import can_fork, run_forked
from tests.helpers.paths import ROOT


def start(*arguments, cwd, script="train_squad.py", **environment):
    """Start a script with these arguments, in the folder `cwd` and with these environment variables."""
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=cwd, env=_settings(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(*arguments, cwd, script="train_squad.py", **environment):
    """Run a script to its end: exit status, standard output and standard error.

    It runs in a copy of a process that has imported TensorFlow already, where its environment allows that.
    """
    settings = _settings(environment)
    if not can_fork(settings):
        process = start(*arguments, cwd=cwd, script=script, **environment)
        output, errors = process.communicate(timeout=300)
        return process.returncode, output, errors
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("output", "errors")]
        command = [str(ROOT / script), *map(str, arguments)]
        status = run_forked(command, str(cwd), settings, *map(str, streams))
        return status, *(path.read_text(encoding="utf-8") for path in streams)


def _settings(environment):
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}


def error_line(errors: str) -> str:
    """The one line that reports a user's error; TensorFlow's own messages are left out."""
    assert "Traceback" not in errors, errors
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, errors
    return lines[0]
