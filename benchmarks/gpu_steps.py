"""Training steps of the five tasks on one accelerator, on JAX, with batches of random content.

    python -m benchmarks.gpu_steps --out gpu_steps.jsonl

Each task's default model on batches of the usual shape of its built-in data, in float32 (in which JAX multiplies matrices as TF32
on NVIDIA GPUs) and in bfloat16; SQuAD's model with 12 layers of width 512 on windows of 384 tokens; then the default models with
batches 16 times as large. One JSON line for each, as soon as it is measured. Needs JAX and Keras alone, and no data.

In three groups, steps are traced and compiled side by side, and then timed one by one, so that nothing else runs during a
measurement. After `--seconds`, what is left is named and not measured. `matrix_tflops_per_second` counts matrix products and
convolutions, two operations for each multiplication; `kernels` are the operations that XLA launches in a step.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

DEFAULT_BATCHES = {"tracing": 16, "memnet": 32, "vectors": 128, "ranking": 32, "squad": 32}
LARGER = 16
"""How many times larger the larger batch of each task is."""
LARGE_SQUAD = {"hidden_dim": 512, "num_layers": 12, "num_heads": 8, "intermediate_dim": 2048, "vocabulary_size": 16000}


def groups(options) -> list[list[tuple[str, str, dict]]]:
    """Name, task and sizes of everything that is measured, in groups that are compiled together; the most wanted first."""

    def large(batch: int):
        sizes = {"batch_size": batch, "length": options.large_length, **LARGE_SQUAD}
        return f"squad, 12 layers of 512, batch {batch}", "squad", sizes

    *smaller_batches, largest_batch = sorted(options.large_batches)
    first = [(task, task, {"batch_size": batch}) for task, batch in DEFAULT_BATCHES.items()]
    second = [
        (f"{task}, batch {batch * LARGER}", task, {"batch_size": batch * LARGER})
        for task, batch in DEFAULT_BATCHES.items()
    ]
    second.append(large(largest_batch))
    return [
        [
            (name, task, sizes | {"precision": precision})
            for name, task, sizes in group
            for precision in options.precisions
            if not options.only or any(word in name for word in options.only)
        ]
        for group in (first, map(large, smaller_batches), second)
    ]


def measure(step, options) -> dict:
    """Steps after a warm-up, in several rounds; the row of a case. Of slow steps there are fewer."""
    step.run(1)
    estimate = step.run(1)
    if estimate * options.steps < options.case_seconds:
        step.run(options.warm_up)
    per_round = max(1, min(options.steps // options.rounds, int(options.case_seconds / options.rounds / estimate)))
    rounds = max(1, min(options.rounds, int(options.case_seconds / estimate)))
    seconds = [step.run(per_round) / per_round for _ in range(rounds)]
    median = statistics.median(seconds)
    return {
        "batch": step.case.examples,
        "sizes": step.case.sizes,
        "parameters": step.parameters,
        "step_ms": round(1000 * median, 3),
        "step_ms_lowest_highest": [round(1000 * value, 3) for value in (min(seconds), max(seconds))],
        "steps_per_second": round(1 / median, 2),
        "examples_per_second": round(step.case.examples / median, 1),
        "trace_seconds": round(step.trace_seconds, 2),
        "compile_seconds": round(step.compile_seconds, 2),
        "matrix_gflops_per_step": round(step.matrix_flops / 1e9, 4),
        "matrix_tflops_per_second": round(step.matrix_flops / median / 1e12, 4),
        "xla_costs": step.costs,
        "kernels": step.kernels,
        "memory_mib": round(step.memory_bytes / 2**20, 1),
        "steps_timed": per_round * rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=50, help="timed steps of each case")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of these steps; the median counts")
    parser.add_argument("--warm-up", type=int, default=5, help="steps before them")
    parser.add_argument("--case-seconds", type=float, default=10, help="about the longest time for the steps of a case")
    parser.add_argument("--seconds", type=float, default=170, help="start no further measurement after this")
    parser.add_argument("--threads", type=int, default=min(12, os.cpu_count() or 1), help="steps compiled side by side")
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--large-batches", type=int, nargs="+", default=[64, 128, 256], help="of the large SQuAD model")
    parser.add_argument("--large-length", type=int, default=384, help="tokens of its windows")
    parser.add_argument("--only", nargs="*", help="only cases with one of these words in their name")
    parser.add_argument("--out", type=Path, help="file for the JSON lines")
    options = parser.parse_args()
    options.rounds = min(options.rounds, options.steps)
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.92")
    begin = time.monotonic()

    import jax
    import keras

    from benchmarks.step_cases import CASES, compile_step, trace_step

    device = jax.devices()[0]
    lines = []

    def say(row: dict) -> None:
        row["at_second"] = round(time.monotonic() - begin, 1)
        lines.append(json.dumps(row))
        print(lines[-1], flush=True)
        if options.out:
            options.out.write_text("\n".join(lines) + "\n")

    say({
        "device": device.device_kind, "platform": device.platform, "devices": jax.device_count(), "jax": jax.__version__,
        "keras": keras.__version__, "python": sys.version.split()[0], "threads": options.threads,
        "float32_matrix_products": jax.config.jax_default_matmul_precision or "backend's default",
    })  # fmt: skip

    def compile_or_say(traced):
        try:
            return traced if isinstance(traced, Exception) else compile_step(traced)
        except Exception as error:
            return error

    limit = (device.memory_stats() or {}).get("bytes_limit", math.inf)
    for group in groups(options):
        if time.monotonic() - begin > 0.6 * options.seconds:
            say({"skipped": [f"{name}, {sizes['precision']}" for name, _, sizes in group]})
            continue
        wanted = []
        with ThreadPoolExecutor(options.threads) as pool:  # compiling begins while the next one is traced
            for name, task, sizes in group:
                try:
                    traced = trace_step(CASES[task](**sizes))
                except Exception as error:  # one case must not end the others
                    traced = error
                wanted.append((name, sizes["precision"], pool.submit(compile_or_say, traced)))
        steps = [(name, precision, future.result()) for name, precision, future in wanted]
        say({"compiled": len(steps)})
        for name, precision, step in steps:
            row = {"case": name, "precision": precision}
            if isinstance(step, Exception):
                say(row | {"error": f"{type(step).__name__}: {step}"[:300]})
                continue
            if time.monotonic() - begin > options.seconds:
                say(row | {"skipped": f"{options.seconds:.0f} seconds had passed"})
            elif step.memory_bytes > limit:
                say(row | {"error": f"needs {step.memory_bytes / 2**30:.1f} GiB of {limit / 2**30:.1f}"})
            else:
                try:
                    say(row | measure(step, options))
                except Exception as error:  # such as memory that does not suffice
                    say(row | {"error": f"{type(error).__name__}: {error}"[:300]})
            step.state = None  # frees the device's memory


if __name__ == "__main__":
    main()
