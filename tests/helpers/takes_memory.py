"""A process that takes memory in a phase, for tests of `benchmarks.resident`."""

import sys
import time

from benchmarks.resident import Phases

if __name__ == "__main__":
    phases = Phases()
    with phases.phase("little"):
        time.sleep(0.3)
    with phases.phase("much") as measured:
        block = bytearray(int(sys.argv[1]) * 2**20)
        block[::4096] = bytes([1]) * len(block[::4096])
        time.sleep(0.5)
        measured["size"] = len(block)
    print("a line that is no measurement")
