"""What the benchmarks share: reports, memory allocation, and processes of their own."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from utils.common.files import write_json
from utils.training.environment import commit, hardware, versions

ALLOCATOR = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
}
"""Environment variables that keep freed memory in the process. Both sides of a comparison have them."""
PRECISIONS = ("float32", "bfloat16")


def report_head(name: str, options, **more) -> dict:
    """The head of a benchmark's report: its settings and the conditions it ran under.

    Args:
        name: name of the benchmark.
        options: parsed command line.
        more: further entries of the report.
    """
    settings = {name: value for name, value in vars(options).items() if name not in ("out", "train_files")}
    settings = json.loads(json.dumps(settings, default=str))  # paths as text
    conditions = {"hardware": hardware(), "versions": versions(), "commit": commit()}
    return {"benchmark": name, "settings": settings, **conditions, **more}


def write_report(report: dict, path: Path | None) -> None:
    """Write a report as JSON, unless `path` is None."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, report)


def fresh_process() -> ProcessPoolExecutor:
    """An executor of one new process that starts small, not as a copy of this one."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))
