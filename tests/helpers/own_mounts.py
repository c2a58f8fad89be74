"""Run a script where it has mounts of its own, which a test may fill or make read-only. They vanish with the process."""

import functools
import os
import shlex
import subprocess
import sys
from pathlib import Path

from tests.helpers.paths import ROOT

NAMESPACE = ("unshare", "--map-root-user", "--mount")
"""Runs a command with mounts of its own. Linux alone has it, and some systems keep it from ordinary users."""


@functools.cache
def has_own_mounts() -> bool:
    """Whether this user may mount within a namespace of its own."""
    try:
        command = [*NAMESPACE, "sh", "-c", "mount -t tmpfs none /mnt"]
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def run_on_full_disk(*arguments, script: str, cwd: Path, run_dir: str, kilobytes: int) -> tuple[int, str]:
    """Run a script whose run directory is a disk of so many kB; afterwards its files are where the disk was.

    Returns:
        exit status and standard error.
    """
    command = _command(script, arguments)
    return _run(
        f"mkdir {run_dir} && mount -t tmpfs -o size={kilobytes}k none {run_dir}; {command}; status=$?; "
        f"cp -a {run_dir} copy; umount {run_dir}; cp -a copy/. {run_dir}; exit $status",
        cwd,
    )


def run_until_read_only(*arguments, script: str, cwd: Path, run_dir: str, after: str) -> tuple[int, str]:
    """Run a script whose run directory becomes read-only after it has written the file `after` anew."""
    command, file = _command(script, arguments), f"{run_dir}/{after}"
    return _run(
        f"mount --bind {run_dir} {run_dir}; cp -p {file} old; {command} & "
        f"until [ {file} -nt old ]; do sleep 0.02; done; "
        f"until mount -o remount,bind,ro {run_dir} 2>/dev/null; do sleep 0.01; done; wait $!",
        cwd,
    )


def _command(script, arguments) -> str:
    return shlex.join([sys.executable, str(ROOT / script), *map(str, arguments)])


def _run(shell: str, cwd: Path) -> tuple[int, str]:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "QKV_ZOO_SAVE_EVERY_SECONDS": "0"}
    result = subprocess.run(
        [*NAMESPACE, "sh", "-c", shell], cwd=cwd, env=environment, capture_output=True, text=True, timeout=200
    )
    return result.returncode, result.stderr
