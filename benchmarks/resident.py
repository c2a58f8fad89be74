"""Watch how much memory a process and its children take, as Linux counts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

INTERVAL = 0.02
"""Seconds between two looks at a process."""
FIELDS = {"VmRSS": "resident", "RssAnon": "own"}


def memory_of(process: int) -> dict[str, float]:
    """MiB of a process: `resident`, all that is in memory; `own`, what is not a page of a file. Empty where it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return {}
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return {name: int(fields[field].split()[0]) / 1024 for field, name in FIELDS.items() if field in fields}


def run_watched(arguments: list[str], limit_mib: float = float("inf"), environment: dict | None = None) -> dict:
    """Run a Python module, and watch its memory.

    Pages of files count to `resident` as long as they are mapped, and the system drops them when it needs room; `own` is what the
    process cannot do without. The process is killed where `own` exceeds the limit.

    Args:
        arguments: after `python -m`. What the process prints as lines of JSON objects is taken as measurements.
        limit_mib: MiB of its own memory that it may take.
        environment: variables beside those of this process.

    Returns:
        the measurements, in which `phase` names a phase and `seconds` its time; beside each the peaks `own` and `resident` in MiB
        since the phase before it ended. The whole run is under `all`; `all.status` is the exit status.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True, env=os.environ | (environment or {})
    )
    peaks, whole = dict.fromkeys(FIELDS.values(), 0.0), dict.fromkeys(FIELDS.values(), 0.0)

    def watch() -> None:
        while child.poll() is None:
            for name, size in memory_of(child.pid).items():
                peaks[name], whole[name] = max(peaks[name], size), max(whole[name], size)
            if whole["own"] > limit_mib:
                print(f"killed: {whole['own']:,.0f} MiB of its own, more than {limit_mib:,.0f}", flush=True)
                child.send_signal(signal.SIGKILL)
            time.sleep(INTERVAL)

    watcher, start, results = threading.Thread(target=watch, daemon=True), time.perf_counter(), {}
    watcher.start()
    for line in child.stdout:
        try:
            result = json.loads(line)
            name = result.pop("phase")
        except (ValueError, TypeError, KeyError, AttributeError):
            print(line, end="", flush=True)
            continue
        results[name] = result | {name: round(size) for name, size in peaks.items()}
        peaks.update(dict.fromkeys(peaks, 0.0))
    status = child.wait()
    watcher.join()
    seconds = round(time.perf_counter() - start, 1)
    results["all"] = {"seconds": seconds, **{name: round(size) for name, size in whole.items()}, "status": status}
    return results


class Phases:
    """Prints the time of each phase of a process that is watched.

    >>> with Phases().phase("read"):
    ...     pass
    {"phase": "read", "seconds": 0.0}
    """

    def phase(self, name: str, **measurements) -> Phases:
        self._name, self._measurements = name, measurements
        return self

    def __enter__(self) -> dict:
        self._start = time.perf_counter()
        return self._measurements

    def __exit__(self, kind, error, traceback) -> None:
        if kind is None:
            seconds = round(time.perf_counter() - self._start, 1)
            print(json.dumps({"phase": self._name, "seconds": seconds, **self._measurements}), flush=True)
