"""Compiled training steps that JAX keeps on disk, so that a second run does not compile them again."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import platform
import stat
import time
from pathlib import Path

from utils.training.backends import is_installed

VARIABLE = "JAX_COMPILATION_CACHE_DIR"
"""JAX's own setting; a user who sets it chooses the folder, or with an empty value none."""
SECONDS = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
BYTES = "JAX_COMPILATION_CACHE_MAX_SIZE"
MIN_SECONDS = 1
"""What takes at least so long to compile is kept."""
MAX_BYTES = 2 * 2**30
"""What the folder holds at most; what was not used for longest goes first."""
SECONDS_TO_WRITE = 60
"""A program that was begun so long ago is written by nobody any more."""


def set_up_compile_cache() -> None:
    """Let JAX keep compiled programs in `~/.cache/qkv-zoo/` (or in `$XDG_CACHE_HOME`), before it is imported.

    The files are machine code, which a later run executes. So the folder is this user's own, closed to all others; where it is not,
    nothing is kept. The versions of JAX and the processor's instructions are part of its name, because XLA's programs for one
    processor may end another with an illegal instruction.
    """
    if os.environ.get("KERAS_BACKEND") != "jax" or VARIABLE in os.environ:
        return
    versions = "-".join(importlib.metadata.version(package) for package in ("jax", "jaxlib"))
    instructions = hashlib.sha256(processor_instructions().encode()).hexdigest()[:12]
    root = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    folder = root / "qkv-zoo" / f"jax-{versions}-{instructions}"
    if is_own_folder(folder):
        os.environ[VARIABLE] = str(folder)
        os.environ.setdefault(SECONDS, str(MIN_SECONDS))
        if is_installed("filelock"):  # JAX counts the bytes under its lock, and notes the times of use
            remove_unfinished(folder)
            os.environ.setdefault(BYTES, str(MAX_BYTES))


def is_own_folder(folder: Path) -> bool:
    """Make a folder, and the one above it, if need be; whether both are this user's and closed to all others."""
    try:
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        for path in (folder.parent, folder):
            path.mkdir(mode=0o700, exist_ok=True)
            status = path.lstat()  # of a link itself, which is no folder
            if not stat.S_ISDIR(status.st_mode) or stat.S_IMODE(status.st_mode) & 0o077 or not _is_mine(status):
                return False
    except OSError:  # a home that cannot be written
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process had not written to its end; JAX would warn of it in every run, and never replace it.

    JAX writes a program to `NAME-cache`, and then the time of its last use to `NAME-atime`.
    """
    for file in folder.glob("*-cache"):
        with contextlib.suppress(OSError):  # another process was faster
            is_old = time.time() - file.stat().st_mtime > SECONDS_TO_WRITE
            if is_old and not file.with_name(file.name.removesuffix("cache") + "atime").exists():
                file.unlink()


def _is_mine(status: os.stat_result) -> bool:
    return not hasattr(os, "getuid") or status.st_uid == os.getuid()


def processor_instructions() -> str:
    """The kind of processor, with the names of the instructions that it has (on Linux)."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = next((line for line in lines if line.lower().startswith(("flags", "features"))), platform.processor())
    return f"{platform.system()} {platform.machine()} {named}"
