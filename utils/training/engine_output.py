"""What JAX's engine writes in trainings on several processes, reduced to what a user can read."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

ENGINE_LINES = (
    r"^[IWE][0-9]{4} |^Additional GRPC error|^:UNKNOWN:|^RPC: /|^# of tasks that|^The first task at|^[0-9]*$"
    r"|^The tasks have crashed|^\*\*\* Check failure|^ +@ "
)
"""Lines that JAX's engine writes when processes are lost, and the lines that go on from them."""


@contextlib.contextmanager
def without_output():
    """Within the block, nothing reaches standard output, whoever writes."""
    sys.stdout.flush()
    standard_output, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(standard_output, 1)
        os.close(standard_output)
        os.close(nowhere)


@contextlib.contextmanager
def engine_errors_as_one_line(line: str):
    """Within the block, what JAX's engine writes before it aborts this process becomes one line.

    It aborts all others when process 0 disappears. Another process filters the lines, so that the last ones are shown, too.

    Args:
        line: what is said in the place of the engine's pages.
    """
    sys.stderr.flush()
    try:
        standard_error = os.dup(2)
        commands = [
            f"s/^F[0-9]{{4}} .*JAX distributed service.*/error: {line}/",
            f"/{ENGINE_LINES.replace('/', chr(92) + '/')}/d",
        ]
        settings = {"stdout": 2, "env": {**os.environ, "LC_ALL": "C"}, "start_new_session": True}  # Ctrl-C is not for it
        sed = subprocess.Popen(["sed", "-uE", ";".join(commands)], stdin=subprocess.PIPE, **settings)
    except OSError:  # there is no sed, or no standard error
        yield
        return
    os.dup2(sed.stdin.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(standard_error, 2)
        os.close(standard_error)
        sed.stdin.close()
        sed.wait()
