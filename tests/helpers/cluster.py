"""Start the processes of one training on this machine, as a cluster would on several."""

import os
import socket
import subprocess
import sys
import time

from tests.helpers.paths import ROOT
from tests.helpers.quick_jax import QUICK_JAX


def unused_address() -> str:
    """An address on this machine where nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{unused.getsockname()[1]}"


def start_process(*flags, module="tests.helpers.tiny_training", **environment) -> subprocess.Popen:
    """Start one process on JAX."""
    settings = os.environ | QUICK_JAX | environment
    command = [sys.executable, "-m", module, *map(str, flags)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=settings, **pipes)


def start_processes(count: int, *flags, late: float = 0, distribute="data", **environment) -> list[subprocess.Popen]:
    """Start a training on so many processes, the last of them `late` seconds after the others."""
    if count == 1:
        return [start_process(*flags, **environment)]
    cluster = ["--distribute", distribute, "--coordinator", unused_address(), "--processes", count, "--process-id"]
    started = [start_process(*flags, *cluster, number, **environment) for number in range(count - 1)]
    time.sleep(late)
    return [*started, start_process(*flags, *cluster, count - 1, **environment)]


def wait_for(condition, seconds: float = 120) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited for {seconds} s in vain"
        time.sleep(0.05)


def ends(processes) -> list[tuple[int, str, str]]:
    """Exit status, output and errors of each process, which must end within two minutes."""
    try:
        streams = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, *texts) for process, texts in zip(processes, streams, strict=True)]
