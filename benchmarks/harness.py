"""What the benchmarks share: reports, memory allocation, processes of their own, and training in turns."""

from __future__ import annotations

import json
import time
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
TRAINING = {}
"""In the process of one side of a comparison: `train`, which trains on batches, and `rounds`, the batches of each round."""


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


def environment(threads: int) -> dict[str, str]:
    """The environment variables of a process that computes on the CPU, with this many threads."""
    settings = {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return settings | dict.fromkeys(names, str(threads))


def take_turns(sides: dict, rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Let the processes of all sides train in turns, after one round to warm up.

    Args:
        sides: name to executor, from `fresh_process`, in whose process `TRAINING` is set.
        rounds: measured rounds.

    Returns:
        name to the seconds of each measured round, and name to the mean loss of the last round.
    """
    seconds, losses = {name: [] for name in sides}, {}
    for turn in range(rounds + 1):
        for name in sides if turn % 2 == 0 else reversed(sides):  # so that a drift of the machine favours no side
            time.sleep(0.3)  # let the threads of the other side go to sleep
            round_seconds, losses[name] = sides[name].submit(train_round, turn).result()
            seconds[name] += [round_seconds] if turn else []
    return seconds, losses


def train_round(number: int) -> tuple[float, float]:
    """Train on the batches of one round in this process; returns seconds and the mean loss."""
    return TRAINING["train"](TRAINING["rounds"][number])


def keras_trainer(model):
    """Make a function that trains a compiled model on batches; it returns seconds and the mean loss."""
    import keras

    from utils.training.batch_dataset import as_dataset

    class Clock(keras.callbacks.Callback):
        """Measures from the beginning of the first step to the end of the last."""

        begin = None

        def on_train_batch_begin(self, batch, logs=None):
            self.begin = self.begin or time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            self.loss = float(logs["loss"])  # the mean so far; to read it waits for the step
            self.end = time.perf_counter()

    def train(batches):
        clock = Clock()
        dataset = as_dataset(lambda first_step: iter(batches[first_step:]), 0)
        model.fit(dataset, steps_per_epoch=len(batches), callbacks=[clock], shuffle=False, verbose=0)
        return clock.end - clock.begin, clock.loss

    return train
