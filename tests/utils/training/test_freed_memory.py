"""Memory that the process keeps."""

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, resource, sys
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: with huge pages the faults are few in any case
import numpy as np
from utils.training.freed_memory import keep_freed_memory
print(keep_freed_memory() if "keep" in sys.argv else "not asked to")

before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(10**5)  # 0.8 MB, 196 pages
    np.ones(10**7)  # 80 MB, 19,532 pages
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(*arguments, **variables):
    command = [sys.executable, "-c", PROGRAM, *arguments]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "OPENBLAS_NUM_THREADS": "1", **variables}
    process = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    said, faults = process.stdout.strip("\n").split("\n")
    return said, int(faults)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_freed_memory_costs_no_page_faults_again():
    (_, usual), (said, kept) = page_faults(), page_faults("keep")
    if said == "False":
        pytest.skip("another C library than glibc")
    if usual < 20 * 10_000:
        pytest.skip("the system gives huge pages all the same")
    assert kept < usual / 3
    assert kept < 2 * 20_000, "every page is new once"


def test_users_own_setting_stays():
    said, _ = page_faults("keep", MALLOC_TRIM_THRESHOLD_="131072")
    assert said == "False"
