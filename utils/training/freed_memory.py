"""Keep the memory that a training step frees, for the next step."""

from __future__ import annotations

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
"""Numbers of settings of glibc's `mallopt` (malloc.h)."""
VARIABLES = (
    *("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_ARENA_MAX"),
    *("GLIBC_TUNABLES", "LD_PRELOAD"),
)
"""Settings of a user's own, which are left as they are. A preloaded library may be another allocator."""


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory in the process, instead of giving it back and asking for it again in every step.

    Fresh memory costs a page fault for every 4 KiB: on a virtual machine, often more time than the computation. The process stays
    as large as its largest step.

    Returns:
        whether it was set: False without glibc, or where a user set it otherwise.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in VARIABLES):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
        ctypes.CDLL(None).gnu_get_libc_version  # noqa: B018 (musl has no such function, and ignores mallopt)
    except (OSError, AttributeError):
        return False
    # Blocks come from the heap, whose end is never given back (-1), and not from the system one by one.
    return all([mallopt(M_MMAP_MAX, 0), mallopt(M_TRIM_THRESHOLD, -1), mallopt(M_ARENA_MAX, 1)])
