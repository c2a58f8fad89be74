"""What JAX's engine writes in trainings on several processes, reduced to what a user can read."""

from __future__ import annotations

import contextlib
import os
import sys

from utils.training.quiet import standard_error_through

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


def engine_errors_as_one_line(line: str):
    """A context within which what JAX's engine writes before it aborts this process becomes one line.

    It aborts all others when process 0 disappears.

    Args:
        line: what is said in the place of the engine's pages.
    """
    commands = [
        f"s/^F[0-9]{{4}} .*JAX distributed service.*/error: {line}/",
        f"/{ENGINE_LINES.replace('/', chr(92) + '/')}/d",
    ]
    return standard_error_through(["sed", "-uE", ";".join(commands)])
