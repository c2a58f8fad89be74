"""The training step of every task on JAX beside TensorFlow: seconds of a step, of the first step, and of the processor.

Measured    Whole training steps in `model.fit` as the train scripts run them: their models, losses, optimizers and settings, on
            batches of random content in the shapes of their built-in data (benchmarks/step_cases.py). `fit` compiles every step
            on JAX; on TensorFlow each script's own --jit-compile counts. Where a script has `STEPS_PER_EXECUTION`, so many
            of them are one call, as in `fit`. SQuAD is measured at several lengths; on JAX a batch is padded to the next of few
            (`coarse_lengths`), which is part of its time.
            `first` is the first call: tracing, compiling, and its steps. No program is taken from an earlier run's cache.
            `kept` (JAX): the same in a new process that finds the programs on disk.
Fairness    Each case runs in a process of its own with the memory settings of the scripts (`keep_freed_memory`). After a call to
            warm up the two backends take turns, round by round. Ratios are taken round by round; their median is reported.
            The seconds of the processor (user and system, all threads) change little on a busy machine.

    python -m benchmarks.backend_steps --out runs/backend_steps.json
    python -m benchmarks.backend_steps --cases squad/128 --precisions float32 bfloat16
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.harness import PRECISIONS, report_head, write_report

BACKENDS = ("tensorflow", "jax")
CASES = ("squad/112", "squad/176", "squad/240", "memnet", "tracing", "vectors", "ranking")
GOAL = 1.3
"""JAX's time as a multiple of TensorFlow's, at most."""
ROOT = Path(__file__).parent.parent


def main() -> int:
    options = parse()
    rows = []
    for precision in options.precisions:
        for case in options.cases:
            with tempfile.TemporaryDirectory(prefix="backend-steps-") as cache:
                rows.append(measure(case, precision, Path(cache), options))
            print(as_line(rows[-1]), flush=True)
    report = report_head("backend_steps", options, goal=GOAL, cases=rows)
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--cases", nargs="+", default=list(CASES), metavar="TASK[/LENGTH]", help=", ".join(CASES))
    add("--precisions", nargs="+", choices=PRECISIONS, default=["float32"])
    add("--rounds", type=int, default=5, help="turns of each backend")
    add("--seconds", type=float, default=1.0, help="length of a turn")
    add("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be above 0")
    return options


def measure(case: str, precision: str, cache: Path, options) -> dict:
    """Train one case on both backends in turns; a row of the report."""
    workers, firsts = {}, {}
    for backend in BACKENDS:  # one after the other: their first steps are measured, too
        workers[backend] = Worker(backend, case, precision, cache, options)
        firsts[backend] = workers[backend].answer()
    turns = {backend: [] for backend in BACKENDS}
    for turn in range(options.rounds):
        for backend in BACKENDS if turn % 2 == 0 else reversed(BACKENDS):  # so that a drift favours neither
            time.sleep(0.2)  # the threads of the other go to sleep
            turns[backend].append(workers[backend].ask("train"))
    for worker in workers.values():
        worker.end()
    again = Worker("jax", case, precision, cache, options)
    kept = again.answer()
    again.end()
    ratios = {
        name: median(jax[name] / tf[name] for tf, jax in zip(turns["tensorflow"], turns["jax"], strict=True))
        for name in ("seconds", "processor_seconds")
    }
    return {
        "case": case,
        "precision": precision,
        "milliseconds": {name: 1e3 * median(turn["seconds"] for turn in turns[name]) for name in BACKENDS},
        "processor_milliseconds": {
            name: 1e3 * median(turn["processor_seconds"] for turn in turns[name]) for name in BACKENDS
        },
        "ratio": ratios["seconds"],
        "processor_ratio": ratios["processor_seconds"],
        "first": firsts,
        "kept": kept,
        "turns": turns,
    }


class Worker:
    """A process that trains one case on one backend, and answers every request with a line of JSON."""

    def __init__(self, backend: str, case: str, precision: str, cache: Path, options):
        job = {"case": case, "precision": precision, "seconds": options.seconds}
        environment = os.environ | {
            "KERAS_BACKEND": backend,
            "CUDA_VISIBLE_DEVICES": "-1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "JAX_COMPILATION_CACHE_DIR": str(cache),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1",
        }
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (it is read when the process has failed)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.backend_steps", "--worker", json.dumps(job)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment, cwd=ROOT,
        )  # fmt: skip

    def ask(self, request: str) -> dict:
        print(request, file=self.process.stdin, flush=True)
        return self.answer()

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            sys.exit(f"{self.process.args[-1]} ended with status {self.process.wait()}: {self.log.read()[-2000:]}")
        return json.loads(line)

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def work(job: dict) -> None:
    """Make the model and train its first steps; then train for a turn at every line that comes in."""
    channel = os.fdopen(os.dup(1), "w")  # the prints of libraries must not come between the answers
    os.dup2(2, 1)
    from utils.training.backends import set_up_backend
    from utils.training.freed_memory import keep_freed_memory

    set_up_backend()
    keep_freed_memory()
    trainer = Trainer(job)
    print(json.dumps(trainer.train(trainer.steps_per_call, per_step=False)), file=channel, flush=True)
    warm_up = trainer.train(4 * trainer.steps_per_call)
    steps = trainer.steps_per_call * max(1, round(job["seconds"] / warm_up["seconds"] / trainer.steps_per_call))
    for _ in sys.stdin:
        print(json.dumps(trainer.train(steps)), file=channel, flush=True)


class Trainer:
    """A compiled model with a batch that it is trained on again and again, in `model.fit`."""

    def __init__(self, job: dict):
        import keras

        from benchmarks.step_cases import CASES as MAKERS
        from utils.squad.windows import coarse_length, coarse_lengths

        task, _, length = job["case"].partition("/")
        sizes = {"precision": job["precision"]}
        is_jax = keras.backend.backend() == "jax"
        if length:
            sizes["length"] = coarse_length(int(length), coarse_lengths(384) if is_jax else ())
        keras.utils.set_random_seed(0)
        case = MAKERS[task](**sizes)
        self.model, self.batch = case.model, case.batch
        # As utils.training.fit.fit does.
        self.model.jit_compile = is_jax or self.model.jit_compile
        self.steps_per_call = getattr(importlib.import_module(f"train_{task}"), "STEPS_PER_EXECUTION", 1)
        self.model.steps_per_execution = self.steps_per_call

    def train(self, steps: int, per_step: bool = True) -> dict[str, float]:
        """Seconds that passed and seconds of the processor, of each step or of all."""
        import keras

        from utils.training.batch_dataset import as_dataset

        class Clock(keras.callbacks.Callback):
            begin = None

            def on_train_batch_begin(self, batch, logs=None):
                self.begin = self.begin or (time.perf_counter(), time.process_time())

            def on_train_batch_end(self, batch, logs=None):
                float(logs["loss"])  # waits for the steps
                self.end = time.perf_counter(), time.process_time()

        clock = Clock()
        dataset = as_dataset(lambda first_step: itertools.repeat(self.batch), 0)
        self.model.fit(dataset, steps_per_epoch=steps, callbacks=[clock], shuffle=False, verbose=0)
        # Keras leaves the moving averages in the model: on JAX the same memory, which a step cannot change in two places.
        for variable in self.model.trainable_variables:
            variable.assign(keras.ops.copy(variable))
        seconds = [
            (end - begin) / (steps if per_step else 1) for begin, end in zip(clock.begin, clock.end, strict=True)
        ]
        return {"seconds": seconds[0], "processor_seconds": seconds[1]}


HEADER = (
    "| case | precision | TensorFlow ms | JAX ms | JAX / TensorFlow | of the processor | first step: TensorFlow s | JAX s | "
    "JAX, kept on disk s |\n|---|---|---|---|---|---|---|---|---|"
)


def as_line(row: dict) -> str:
    """A line of the table."""
    own, first = row["milliseconds"], row["first"]
    return (
        f"| {row['case']} | {row['precision']} | {own['tensorflow']:.1f} | {own['jax']:.1f} | {row['ratio']:.2f} "
        f"| {row['processor_ratio']:.2f} | {first['tensorflow']['seconds']:.1f} | {first['jax']['seconds']:.1f} "
        f"| {row['kept']['seconds']:.1f} |"
    )


def as_markdown(report: dict) -> str:
    """The table and its conditions."""
    settings = report["settings"]
    missed = [f"{row['case']} in {row['precision']}" for row in report["cases"] if row["ratio"] > GOAL]
    return "\n".join(
        [
            "",
            HEADER,
            *map(as_line, report["cases"]),
            "",
            f"- above {GOAL}: {', '.join(missed) or 'none'}",
            f"- {report['hardware']}; {settings['rounds']} rounds of {settings['seconds']} s; commit {report['commit']}",
            f"- {', '.join(f'{name} {version}' for name, version in report['versions'].items())}",
        ]
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(json.loads(sys.argv[2]))
    else:
        sys.exit(main())
