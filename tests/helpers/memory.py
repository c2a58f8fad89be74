"""How much memory this process takes, and a bound on it."""

import contextlib
import resource
from pathlib import Path


@contextlib.contextmanager
def memory_limit(num_bytes: int):
    """Within the block, this process can take so many bytes of address space more than it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    reserved = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (reserved + num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def reset_peak() -> float:
    """Begin to watch the memory of this process; returns what it holds now, in MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status_mib("VmRSS")


def peak_mib() -> float:
    """The most memory, in MiB, that this process held since `reset_peak`."""
    return _status_mib("VmHWM")


def _status_mib(field: str) -> float:
    # getrusage would count what the parent process held when it started this one
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[field].split()[0]) / 2**10
