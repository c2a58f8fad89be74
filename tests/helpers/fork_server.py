"""Run scripts in forked copies of one process that has imported TensorFlow and Keras, which takes five seconds, once.

A copy behaves as a process of its own: it has its own memory, arguments, folder, environment and standard streams. The server
itself computes nothing: TensorFlow starts its threads with the first operation, and threads do not outlive a fork.
"""

import atexit
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import traceback
from functools import cache

from tests.helpers.paths import ROOT

TIMEOUT_SECONDS = 300
READ_AT_IMPORT = ("KERAS_BACKEND", "XLA_FLAGS", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
"""Environment variables that packages read when they are imported, so that a copy cannot change them."""


def can_fork(environment: dict[str, str]) -> bool:
    """Whether a script that is to have this environment can run in a copy of the server."""
    return all(environment.get(name) == os.environ.get(name) for name in READ_AT_IMPORT)


def run_forked(arguments: list[str], cwd: str, environment: dict[str, str], output: str, errors: str) -> int:
    """Run a script to its end and return its exit status, which is negative after a signal.

    Args:
        arguments: path of the script, and its arguments.
        cwd: folder to run it in.
        environment: all environment variables.
        output: file for its standard output.
        errors: file for its standard error.
    """
    server = _server()
    request = {"arguments": arguments, "cwd": cwd, "environment": environment, "output": output, "errors": errors}
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    return int(server.stdout.readline())


@cache
def _server() -> subprocess.Popen:
    """The server of this process, which ends with it: its standard input is closed then."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1"}
    command = [sys.executable, "-m", "tests.helpers.fork_server"]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def serve() -> None:
    """Run what is requested on standard input, one script at a time, and print each exit status."""
    import keras
    import matplotlib.pyplot
    import tensorflow
    import transformers  # noqa: F401

    del keras, matplotlib, tensorflow
    for line in sys.stdin:
        process = os.fork()
        if not process:
            _run_script(**json.loads(line))
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run_script(arguments: list[str], cwd: str, environment: dict[str, str], output: str, errors: str) -> None:
    """Become the script, and end."""
    signal.alarm(TIMEOUT_SECONDS)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for stream, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        os.dup2(os.open(path, flags), stream)
    sys.argv = arguments
    sys.path[0] = str(ROOT)
    status = 1
    try:
        runpy.run_path(arguments[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    serve()
