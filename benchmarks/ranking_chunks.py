"""Memory and time of one InfoNCE step of 1,024 questions encoded in chunks, beside the whole batch and a batch as small as a chunk.

Model       train_ranking.py's from scratch: 2 layers of 128, 8,000 word pieces, vectors of 128; no dropout; TensorFlow without XLA,
            float32; AdamW where it is timed.
Batches     Random word pieces: questions of 64, two answers to each of 128.
Cases       small       a batch of the chunk's size
            chunks      the large batch in chunks (`--chunks`): what leads to the vectors is computed twice
            whole       the large batch at once
Measured    Each in a process of its own: its peak resident memory after three steps, less what it had before the first; the
            median seconds of the steps but the first; and how far the weights after one step of plain descent (rate 1: the
            difference is the gradient's) are apart between `chunks` and `whole`.

    python -m benchmarks.ranking_chunks --out runs/ranking_chunks.json
    python -m benchmarks.ranking_chunks --batch-size 256

The default run takes about three minutes on two cores, and 20 GiB of memory for `whole`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.harness import fresh_process, report_head, write_report
from benchmarks.memory_step import environment
from utils.training.environment import peak_memory_gib, usable_cores

GOALS = {"memory of a batch of a chunk's size, about": 1.5, "difference of the gradients at most": 1e-5}
CASES = ("small", "chunks", "whole")


def main() -> int:
    options = parse()
    os.environ |= environment(options.threads)
    rows, gradients = {}, {}
    for case in options.cases:
        with fresh_process() as process:
            rows[case], gradients[case] = process.submit(measure, case, options).result()
    report = report_head("ranking_chunks", options, goals=GOALS, cases=rows)
    if {"chunks", "whole"} <= set(rows):
        pairs = list(zip(gradients["chunks"], gradients["whole"], strict=True))
        report["largest_difference"] = float(max(np.abs(one - other).max() for one, other in pairs))
        report["largest_gradient"] = float(max(np.abs(other).max() for _, other in pairs))
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--cases", nargs="+", choices=CASES, default=list(CASES))
    add("--batch-size", type=int, default=1024)
    add("--chunk", type=int, default=64, help="questions encoded at a time")
    add("--threads", type=int, default=usable_cores())
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    if min(options.chunk, options.batch_size) < 2 or options.batch_size % options.chunk:
        parser.error("--batch-size must be a multiple of --chunk, and both at least 2")
    return options


def measure(case: str, options) -> tuple[dict, list[np.ndarray]]:
    """Three steps of one case: its figures, and the first gradient of every weight."""
    import keras

    from train_ranking import Config, build_loss

    size = options.chunk if case == "small" else options.batch_size
    config = Config(Path("unused"), slots=2, batch_size=size)
    config.chunks = size // options.chunk if case == "chunks" else 1
    keras.utils.set_random_seed(options.seed)
    model = encoder(config)
    inputs, true = batch(config, np.random.default_rng(options.seed))
    before, start = peak_memory_gib(), model.get_weights()
    model.compile(keras.optimizers.SGD(1.0), loss=build_loss(config, config.output_dim), jit_compile=False)
    model.train_on_batch(inputs, true)
    gradients = [old - new for old, new in zip(start, model.get_weights(), strict=True)]
    model.compile(keras.optimizers.AdamW(1e-4), loss=build_loss(config, config.output_dim), jit_compile=False)
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        float(model.train_on_batch(inputs, true))
        seconds.append(time.perf_counter() - begin)
    row = {"questions": size, "gib": round(peak_memory_gib() - before, 2), "seconds": round(median(seconds[1:]), 2)}
    return row, gradients


def encoder(config):
    """train_ranking.py's model without data: its vocabulary's size is enough."""
    from train_ranking import Data, build_model

    sizes = {"vocabulary_size": config.vocabulary_size, "hidden_dim": config.hidden_dim, "num_heads": config.num_heads}
    sizes |= {
        "num_layers": config.num_layers,
        "intermediate_dim": 4 * config.hidden_dim,
        "num_segments": 0,
        "dropout": 0.0,
    }
    sizes["max_length"] = config.max_length
    return build_model(config, Data(None, {}, {}, [], None, 0, sizes, None))


def batch(config, rng):
    """Random questions, each with two answers, the first of which is right."""
    shapes = {"query": (config.batch_size, config.query_length), "candidate": (config.batch_size, 2, config.max_length)}
    inputs = {}
    for name, shape in shapes.items():
        inputs[f"{name}_ids"] = rng.integers(5, config.vocabulary_size, shape).astype(np.int32)
        inputs[f"{name}_mask"] = np.ones(shape, np.int32)
    row = np.array([1, 0, 1, 1], np.float32)
    true = np.column_stack([np.tile(row, (config.batch_size, 1)), *[np.arange(config.batch_size)] * 3])
    return inputs, true.astype(np.float32)


def as_markdown(report: dict) -> str:
    """The table with its conditions."""
    rows = report["cases"]
    lines = ["", "| case | questions a step | memory, GiB | seconds a step |", "|---" * 4 + "|"]
    lines += [f"| {name} | {row['questions']:,} | {row['gib']} | {row['seconds']} |" for name, row in rows.items()]
    lines.append("")
    if {"small", "chunks"} <= set(rows):
        lines.append(f"- chunks / small, memory: {rows['chunks']['gib'] / rows['small']['gib']:.2f}")
    if {"chunks", "whole"} <= set(rows):
        lines += [
            f"- chunks / whole: memory {rows['chunks']['gib'] / rows['whole']['gib']:.2f}, time "
            f"{rows['chunks']['seconds'] / rows['whole']['seconds']:.2f}",
            f"- gradients differ by {report['largest_difference']:.1e} at most, of {report['largest_gradient']:.1e}; goal 1e-5",
        ]
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    lines.append(
        f"- {report['hardware']}, {report['settings']['threads']} threads; commit {report['commit']}; {packages}"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
