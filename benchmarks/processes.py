"""Whether a training on several processes is the training on one: losses and weights of all five tasks, beside one process.

Sides       one process on one device; 2 and 4 processes of one device each on this machine, which talk through its network stack.
Measured    For each task and side: the largest relative difference of a step's loss, and the largest difference of a weight
            after the epoch, from those of one process; and the seconds of the epoch. All processes share the cores of this
            machine, so more of them are not quicker.

    python -m benchmarks.processes --out runs/processes.json
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import socket
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import h5py
import numpy as np

from benchmarks.harness import report_head, write_report

ROOT = Path(__file__).parents[1]
TASKS = {
    "squad": "--data demo --limit 800 --batch-size 8 --hidden-dim 64 --epochs 1 --learning-rate 1e-5",
    "memnet": "--data demo --limit 3200 --epochs 1",
    "tracing": "--data practice --model integrated --limit 600 --batch-size 6 --epochs 1",
    "vectors": "--limit 75 --batch-size 30 --epochs 1",
    "ranking": "--limit 800 --batch-size 8 --epochs 1",
}
"""About 100 steps of each task, smaller than the defaults where those take minutes.

SQuAD has a small learning rate: some of its weights, such as the biases of keys, have a gradient of zero in theory and of rounding
noise in practice, which Adam turns into steps of the size of the learning rate. With 1e-3 they carry losses apart by 0.3 % in 100
steps, from 1e-7 in the first ten.
"""


def train(task: str, processes: int, run_dir: Path) -> dict[str, np.ndarray]:
    """Train on processes of this machine.

    Returns:
        `steps`, the last one of each row of `steps.csv`, and `loss`, its mean loss; `weights` after the epoch, all in one;
        `seconds` of the training.
    """
    command = [sys.executable, f"train_{task}.py", *TASKS[task].split(), "--run-dir", str(run_dir)]
    command += ["--no-export", "--tracking", "off", "--log-every", "1"]
    settings = os.environ | {"KERAS_BACKEND": "jax"}
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        cluster = f"--distribute data --coordinator 127.0.0.1:{unused.getsockname()[1]} --processes {processes}".split()
    flags = [[*cluster, "--process-id", str(number)] for number in range(processes)] if processes > 1 else [[]]
    started = [subprocess.Popen([*command, *own], cwd=ROOT, env=settings, stdout=subprocess.DEVNULL) for own in flags]
    for process in started:
        if process.wait():
            sys.exit(f"{task} on {processes} processes: exit status {process.returncode}")
    with open(run_dir / "steps.csv", encoding="utf-8") as file:
        rows = [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]
    weights = []
    with zipfile.ZipFile(run_dir / "best.keras") as archive, archive.open("model.weights.h5") as file:
        h5py.File(file).visititems(
            lambda _, item: weights.append(np.ravel(item[()])) if isinstance(item, h5py.Dataset) else None
        )
    seconds = json.loads((run_dir / "results.json").read_text())["seconds"]
    return {
        "steps": np.array([step for step, _ in rows]),
        "loss": np.array([loss for _, loss in rows]),
        "weights": np.concatenate(weights),
        "seconds": seconds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--processes", nargs="+", type=int, default=[2, 4])
    parser.add_argument("--out", type=Path, required=True, help="the report, JSON")
    options = parser.parse_args()
    rows = []
    for task in options.tasks:
        with tempfile.TemporaryDirectory() as folder:
            one = train(task, 1, Path(folder) / "1")
            print(f"{task}: {one['steps'][-1]} steps, {one['seconds']} s on one process", flush=True)
            for processes in options.processes:
                several = train(task, processes, Path(folder) / str(processes))
                # One process takes several steps of a small model in one call, and logs their mean.
                parts = np.split(several["loss"], np.searchsorted(several["steps"], one["steps"], side="right")[:-1])
                losses = np.array([part.mean() for part in parts])
                differences = np.abs(losses / one["loss"] - 1)[:-1]  # the last row has a smaller batch
                row = {
                    "task": task,
                    "processes": processes,
                    "steps": int(one["steps"][-1]),
                    "largest_relative_loss_difference": differences.max(),
                    "largest_weight_difference": float(np.abs(several["weights"] - one["weights"]).max()),
                    "seconds": several["seconds"],
                    "seconds_of_one": one["seconds"],
                }
                rows.append(row)
                print(json.dumps(row), flush=True)
    write_report(report_head("processes", options, rows=rows), options.out)


if __name__ == "__main__":
    main()
