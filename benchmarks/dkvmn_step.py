"""One training step of DKVMN beside pykt-toolkit's: speed, peak memory, and how both grow with the length of the sequence.

Measured    Whole training steps on the CPU: forward, backward, Adam. And each side's peak resident memory beyond what its process
            had before the first step.
Sides       ours    `DeepGPCM(head="linear", response_embedding="unordered", shared_embedding=False)` with two categories, compiled
                    with XLA, in `model.fit`; a side for each of `--backends`
            pykt    `pykt.models.dkvmn.DKVMN` (PyTorch, a Python loop over time), in a plain loop
Fairness    All sides are the same network and start from the same weights: where probabilities differ by more than 1e-4 on the
            first batch, the benchmark ends. The mean losses of the last round are printed; they agree only if the training is the
            same, too. Dropout is off. All sides get the same invented batches, made beforehand, without padding. Each runs in its
            own process with the same allocator settings and threads. After a round to warm up they take turns, round by round. A
            ratio is the median of the rounds' ratios. Those of `--lengths` are lengths of a sequence that are measured for this
            project alone: the median of `--rounds` rounds, lengths in turns; memory in processes of their own.

    python -m benchmarks.dkvmn_step --rounds 9 --out runs/dkvmn_step.json

Needs PyTorch (requirements-bench.txt) and `pip install --no-deps pykt-toolkit==0.0.38`; `--no-peer` measures the lengths alone. The
default run takes about five minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.harness import ALLOCATOR, environment, fresh_process, report_head, write_report
from benchmarks.pykt_dkvmn import named_weights, new_dkvmn, new_pykt_dkvmn, set_named_weights, weights_for_pykt
from utils.training.environment import peak_memory_gib, usable_cores

GOALS = {"speed": 3.0, "memory": 0.5}
"""Multiple of pykt's speed, and fraction of its memory, to reach."""
TOLERANCE = 1e-4
"""Largest difference allowed between the two sides' probabilities."""
TRAINING = {}
"""In the process of a side: its training function, its batches, and its memory before the first step."""


def main() -> int:
    options = parse()
    os.environ |= ALLOCATOR | environment(options.threads)
    report = report_head("dkvmn_step", options, goals=GOALS)
    if not options.no_peer:
        report["comparison"] = compare(options)
        report["versions"] |= {"pykt-toolkit": importlib.metadata.version("pykt-toolkit")}
    report["growth"] = [row for backend in options.backends for row in growth(options, backend)]
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def process_of(backend: str):
    """A process of its own that computes with this backend of Keras."""
    os.environ["KERAS_BACKEND"] = backend
    process = fresh_process()
    process.submit(int).result()  # starts it, so that it gets this environment
    return process


def growth(options, backend: str) -> list[dict]:
    """Seconds and memory of a step at each length: one process for each, which take turns round by round."""
    with contextlib.ExitStack() as open_processes:
        processes = {steps: open_processes.enter_context(process_of(backend)) for steps in options.lengths}
        seconds, memory = {steps: [] for steps in processes}, {}
        for turn in range(options.rounds + 1):
            for steps, process in processes.items():
                if not turn:
                    process.submit(set_up_ours, options, steps).result()
                duration, _, memory[steps] = process.submit(train, options.batches).result()
                seconds[steps] += [duration] if turn else []
    return [
        {
            "backend": backend,
            "steps": steps,
            "seconds": round(median(seconds[steps]), 4),
            "fastest": round(min(seconds[steps]), 4),
            "memory_gib": round(memory[steps], 2),
        }
        for steps in processes
    ]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--batch-size", type=int, default=64)
    add("--steps", type=int, default=200, help="steps of a sequence")
    add("--slots", type=int, default=50, help="slots of the memory")
    add("--dim", type=int, default=200, help="size of keys, values and summary; pykt has one for all")
    add("--items", type=int, default=110)
    add("--batches", type=int, default=4, help="batches of a round")
    add("--rounds", type=int, default=5, help="measured rounds of each side")
    add("--backends", nargs="+", default=["tensorflow", "jax"], choices=["tensorflow", "jax"])
    add("--no-peer", action="store_true", help="measure the lengths alone, which needs no PyTorch")
    add(
        "--lengths",
        type=int,
        nargs="*",
        default=[50, 100, 200, 400, 800, 1600],
        help="lengths of a sequence, for this project alone",
    )
    add("--threads", type=int, default=usable_cores())
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="write everything as JSON to this file")
    return parser.parse_args()


def compare(options) -> dict:
    """Measure all sides, which take turns."""
    with contextlib.ExitStack() as open_processes:
        sides = {name: open_processes.enter_context(process_of(name)) for name in options.backends}
        sides["pykt"] = open_processes.enter_context(process_of(options.backends[0]))
        weights, differences = None, {}
        for name in options.backends:
            weights, probabilities = sides[name].submit(set_up_ours, options, options.steps, weights).result()
            differences[name] = probabilities
        pykt_probabilities = sides["pykt"].submit(set_up_pykt, options, weights).result()
        difference = max(float(np.abs(pykt_probabilities - part).max()) for part in differences.values())
        if not difference <= TOLERANCE:
            raise SystemExit(f"probabilities differ by {difference:.1e}: the networks are not the same")
        seconds, last = {name: [] for name in sides}, {}
        for turn in range(options.rounds + 1):
            for name in sides if turn % 2 == 0 else reversed(sides):  # so that a drift favours nobody
                time.sleep(0.3)  # let the threads of the other sides go to sleep
                duration, *last[name] = sides[name].submit(train, options.batches).result()
                seconds[name] += [duration] if turn else []
    ratios = {
        name: [pykt / ours for ours, pykt in zip(seconds[name], seconds["pykt"], strict=True)]
        for name in options.backends
    }
    return {
        "seconds_per_step": {name: round(median(durations), 4) for name, durations in seconds.items()},
        "ratio": {name: round(median(part), 2) for name, part in ratios.items()},
        "ratios_of_rounds": {name: [round(ratio, 2) for ratio in part] for name, part in ratios.items()},
        "memory_gib": {name: round(memory, 2) for name, (_, memory) in last.items()},
        "loss_of_last_round": {name: round(loss, 5) for name, (loss, _) in last.items()},
        "largest_difference": difference,
    }


# --- the processes of the sides


def invented_batches(options, steps: int):
    """Batches of item numbers and responses, `(batch_size, steps)` each."""
    rng = np.random.default_rng(options.seed)
    shape = (options.batches, options.batch_size, steps)
    return list(zip(rng.integers(1, options.items, shape), rng.integers(0, 2, shape), strict=True))


def train(batches: int) -> tuple[float, float, float]:
    """Train on the first batches.

    Returns:
        seconds per step, mean loss, and the peak memory so far beyond that of the start, in GiB.
    """
    begin = time.perf_counter()
    loss = TRAINING["train"](TRAINING["batches"][:batches])
    return (time.perf_counter() - begin) / batches, loss, peak_memory_gib() - TRAINING["memory"]


def set_up_ours(options, steps: int, start_weights: dict | None = None):
    """Build this project's model, with these weights by name or with fresh ones.

    Returns:
        its weights by name, and its probabilities for the first two sequences.
    """
    import keras

    from utils.training.batch_dataset import as_dataset

    keras.utils.set_random_seed(options.seed)
    model = new_dkvmn(options.items, options.dim, options.slots)
    if start_weights:
        set_named_weights(model, start_weights)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss={"logits": loss}, jit_compile=True)

    def as_inputs(items, responses):
        inputs = {"item_ids": items, "responses": responses, "padding_mask": np.ones_like(items)}
        return {name: array.astype("int32") for name, array in inputs.items()}

    def run(batches):
        pairs = [(as_inputs(items, responses), {"logits": responses.astype("int32")}) for items, responses in batches]
        dataset = as_dataset(lambda first_step: iter(pairs[first_step:]), 0)
        history = model.fit(dataset, steps_per_epoch=len(pairs), shuffle=False, verbose=0)
        return history.history["loss"][0]

    batches = invented_batches(options, steps)
    items, responses = batches[0]
    logits = keras.ops.convert_to_numpy(model(as_inputs(items[:2], responses[:2]))["logits"])
    TRAINING.update(train=run, batches=batches, memory=peak_memory_gib())
    return named_weights(model), 1 / (1 + np.exp(-logits[..., 1]))


def set_up_pykt(options, weights):
    """Build pykt's model with these weights.

    Returns:
        its probabilities for the first two sequences.
    """
    import torch

    torch.set_num_threads(options.threads)
    model = new_pykt_dkvmn(options.items, options.dim, options.slots)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights_for_pykt(weights).items()})
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, eps=1e-7)

    def run(batches):
        total = 0.0
        for items, responses in batches:
            optimizer.zero_grad()
            probabilities = model(torch.from_numpy(items), torch.from_numpy(responses))
            loss = torch.nn.functional.binary_cross_entropy(probabilities, torch.from_numpy(responses).float())
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total / len(batches)

    batches = invented_batches(options, options.steps)
    with torch.no_grad():
        probabilities = model(*(torch.from_numpy(part[:2]) for part in batches[0])).numpy()
    TRAINING.update(train=run, batches=batches, memory=peak_memory_gib())
    return probabilities


# --- the report


def as_markdown(report: dict) -> str:
    """The tables and their conditions."""
    settings, lines = report["settings"], []
    if comparison := report.get("comparison"):
        lines += _comparison_lines(comparison)
    lines += ["", "| backend | steps | ms | ms per hundred steps | fastest | peak memory beyond the start, GiB |"]
    lines += ["|---|---|---|---|---|---|"]
    for row in report["growth"]:
        lines.append(
            f"| {row['backend']} | {row['steps']} | {1000 * row['seconds']:.0f} | {1e5 * row['seconds'] / row['steps']:.0f} | "
            f"{1e5 * row['fastest'] / row['steps']:.0f} | {row['memory_gib']:.2f} |"
        )
    lines += [
        "",
        f"- batches of {settings['batch_size']} sequences of {settings['steps']} steps, {settings['slots']} slots of "
        f"{settings['dim']}, float32, {settings['rounds']} rounds of {settings['batches']} steps, seed {settings['seed']}",
        f"- {report['hardware']}, {settings['threads']} threads; commit {report['commit']}; "
        + ", ".join(f"{name} {version}" for name, version in report["versions"].items()),
    ]
    return "\n".join(lines)


def _comparison_lines(comparison: dict) -> list[str]:
    memory, losses = comparison["memory_gib"], comparison["loss_of_last_round"]
    lines = [
        "",
        "| side | ms per step | peak memory beyond the start, GiB | mean loss of the last round |",
        "|---|---|---|---|",
    ]
    for name, seconds in comparison["seconds_per_step"].items():
        lines.append(f"| {name} | {1000 * seconds:.0f} | {memory[name]:.2f} | {losses[name]} |")
    lines.append("")
    for name, ratio in comparison["ratio"].items():
        ratios, fraction = comparison["ratios_of_rounds"][name], memory[name] / memory["pykt"]
        speed, size = ratio >= GOALS["speed"], fraction <= GOALS["memory"]
        lines.append(
            f"- {name}: {ratio} times pykt's speed ({min(ratios)} to {max(ratios)}), goal {GOALS['speed']} "
            f"{'reached' if speed else 'missed'}; {fraction:.2f} of its memory, goal {GOALS['memory']} "
            f"{'reached' if size else 'missed'}"
        )
    return [*lines, f"- probabilities differ by at most {comparison['largest_difference']:.1e}"]


if __name__ == "__main__":
    sys.exit(main())
