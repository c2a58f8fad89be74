"""Where the seconds go of one question to a model, asked in a new process: importing, loading, answering.

Measured    All phases but `whole` one after another in a new process, `whole` in another, `--rounds` times; the median of the
            seconds that pass, and of the seconds that the processor computes. `whole` is `python predict.py MODEL QUESTION
            [TEXT]` from its start to its end.

    python -m benchmarks.cold_start squad-matching "Who wrote it?" "The report was written by Ada Lovelace in 1843."
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.harness import report_head, write_report

ROOT = Path(__file__).parents[1]
PHASES = ("import TensorFlow and Keras", "load the model", "answer", "answer again", "whole")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a published model or a run directory")
    parser.add_argument("question", nargs="+", help="what predict.py is asked")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    rounds = [measure_round([options.model, *options.question]) for _ in range(options.rounds)]
    rows = {phase: [statistics.median(one[phase][place] for one in rounds) for place in (0, 1)] for phase in PHASES}
    print("| phase | seconds | seconds of the processor |\n|---|---|---|")
    for phase, (seconds, computing) in rows.items():
        print(f"| {phase} | {seconds:.2f} | {computing:.2f} |")
    write_report(report_head("cold_start", options, phases=rows), options.out)
    return 0


def measure_round(arguments: list[str]) -> dict[str, tuple[float, float]]:
    """Seconds, and seconds of the processor, of each phase."""
    command = [sys.executable, "-m", "benchmarks.cold_start_phases", *arguments]
    phases = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    start, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "predict.py", *arguments], cwd=ROOT, check=True, capture_output=True)
    after = os.times()
    computing = sum(getattr(after, name) - getattr(before, name) for name in ("children_user", "children_system"))
    return {**phases, "whole": (time.perf_counter() - start, computing)}


if __name__ == "__main__":
    sys.exit(main())
