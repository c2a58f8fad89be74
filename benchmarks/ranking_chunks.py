"""Memory and time of one InfoNCE step of 1,024 questions: encoded in chunks, all at once, and a batch as small as a chunk.

Model       The encoder of train_ranking.py from scratch: 2 layers of 128, 8,000 word pieces, vectors of size 128; no dropout;
            float32, on TensorFlow without XLA, on JAX compiled. The timed steps use AdamW.
Batches     Random word pieces: questions of 64 tokens, each with two answers of 128 tokens.
Cases       small       a batch of the chunk's size
            chunks      the large batch in chunks (`--chunks` of train_ranking.py); each chunk is encoded twice
            whole       the large batch at once
Measured    Each case runs in a process of its own: one step of plain gradient descent with rate 1, whose change of the weights is
            the gradient that is compared between `chunks` and `whole`, then three of AdamW. Memory is the peak resident memory
            after them minus that before. Time is the median of the last two.

    python -m benchmarks.ranking_chunks --out runs/ranking_chunks.json
    python -m benchmarks.ranking_chunks --batch-size 256
    python -m benchmarks.ranking_chunks --backend jax

The default run takes about three minutes on two cores, and `whole` needs 20 GiB of memory.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.harness import environment, fresh_process, report_head, write_report
from utils.training.environment import peak_memory_gib, usable_cores

GOALS = {"memory, as a multiple of the small batch's": 1.5, "largest difference of the gradients": 1e-5}
CASES = ("small", "chunks", "whole")


def main() -> int:
    options = parse()
    os.environ |= environment(options.threads) | {"KERAS_BACKEND": options.backend}
    rows, gradients = {}, {}
    for case in options.cases:
        with fresh_process() as process:
            rows[case], gradients[case] = process.submit(measure, case, options).result()
    report = report_head("ranking_chunks", options, goals=GOALS, cases=rows)
    if {"chunks", "whole"} <= set(rows):
        pairs = list(zip(gradients["chunks"], gradients["whole"], strict=True))
        report["largest_difference"] = float(max(np.abs(chunks - whole).max() for chunks, whole in pairs))
        report["largest_gradient"] = float(max(np.abs(whole).max() for _, whole in pairs))
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--cases", nargs="+", choices=CASES, default=list(CASES))
    add("--backend", choices=("tensorflow", "jax"), default="tensorflow")
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
    """Measure three steps of one case.

    Returns:
        its figures, and the gradient of every weight in the first step.
    """
    import keras

    from components.losses.info_nce import InfoNCE
    from train_ranking import Config
    from utils.training.optimizers import make_optimizer

    size = options.chunk if case == "small" else options.batch_size
    config = Config(Path("unused"), slots=2, batch_size=size, query_length=64, max_length=128)
    config.chunks = size // options.chunk if case == "chunks" else 1
    keras.utils.set_random_seed(options.seed)
    model = make_model(config)
    inputs, targets = make_batch(config, np.random.default_rng(options.seed))
    memory_before, weights_before = peak_memory_gib(), model.get_weights()
    model.compile(keras.optimizers.SGD(1.0), loss=InfoNCE(config.temperature), jit_compile=options.backend == "jax")
    model.train_on_batch(inputs, targets)
    gradients = [before - after for before, after in zip(weights_before, model.get_weights(), strict=True)]
    optimizer = make_optimizer(1e-4, total_steps=3, decay="constant")
    model.compile(optimizer, loss=InfoNCE(config.temperature), jit_compile=options.backend == "jax")
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        float(model.train_on_batch(inputs, targets))
        seconds.append(time.perf_counter() - start)
    memory = round(peak_memory_gib() - memory_before, 2)
    return {"questions": size, "gib": memory, "seconds": round(median(seconds[1:]), 2)}, gradients


def make_model(config):
    """The model of train_ranking.py for a vocabulary of the configured size, without data."""
    from train_ranking import build_model
    from utils.ranking.encoder import EncoderStart

    arguments = {
        "vocabulary_size": config.vocabulary_size,
        "hidden_dim": config.hidden_dim,
        "num_heads": config.num_heads,
        "num_layers": config.num_layers,
        "intermediate_dim": 4 * config.hidden_dim,
        "max_length": config.max_length,
        "num_segments": 0,
        "dropout": 0.0,
    }
    return build_model(config, EncoderStart(None, arguments, "mean", config.query_length, config.max_length))


def make_batch(config, rng):
    """Random questions, each with two answers, of which the first is relevant."""
    shapes = {"query": (config.batch_size, config.query_length), "candidate": (config.batch_size, 2, config.max_length)}
    inputs = {}
    for name, shape in shapes.items():
        inputs[f"{name}_ids"] = rng.integers(5, config.vocabulary_size, shape).astype(np.int32)
        inputs[f"{name}_mask"] = np.ones(shape, np.int32)
    relevance_and_mask = np.tile([1.0, 0.0, 1.0, 1.0], (config.batch_size, 1))
    groups = [np.arange(config.batch_size)] * 3
    return inputs, np.column_stack([relevance_and_mask, *groups]).astype(np.float32)


def as_markdown(report: dict) -> str:
    """The table with its conditions."""
    rows = report["cases"]
    lines = ["", "| case | questions per step | memory, GiB | seconds per step |", "|---" * 4 + "|"]
    lines += [f"| {name} | {row['questions']:,} | {row['gib']} | {row['seconds']} |" for name, row in rows.items()]
    lines.append("")
    if {"small", "chunks"} <= set(rows):
        lines.append(f"- chunks / small, memory: {rows['chunks']['gib'] / rows['small']['gib']:.2f}")
    if {"chunks", "whole"} <= set(rows):
        lines += [
            f"- chunks / whole: memory {rows['chunks']['gib'] / rows['whole']['gib']:.2f}, time "
            f"{rows['chunks']['seconds'] / rows['whole']['seconds']:.2f}",
            f"- gradients differ by at most {report['largest_difference']:.1e}; the largest is "
            f"{report['largest_gradient']:.1e}; goal 1e-5",
        ]
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    lines.append(
        f"- {report['hardware']}, {report['settings']['threads']} threads; commit {report['commit']}; {packages}"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
