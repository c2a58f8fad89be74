"""One training step of DKVMN beside pykt-toolkit's: speed, peak memory, and how time grows with the length of the sequence.

Measured    Whole training steps on the CPU: forward, backward, Adam. And each side's peak resident memory beyond what its process
            had before the first step.
Sides       ours    `DeepGPCM(head="linear", response_embedding="unordered", shared_embedding=False)` with two categories, compiled
                    with XLA, in `model.fit`
            pykt    `pykt.models.dkvmn.DKVMN` (PyTorch, a Python loop over time), in a plain loop
Fairness    Both sides are the same network and start from the same weights: where probabilities differ by more than 1e-4 on the
            first batch, the benchmark ends. The mean losses of the last round are printed; they agree only if the training is the
            same, too. Dropout is off. Both sides get the same invented batches, made beforehand, without padding. Each runs in its
            own process with the same allocator settings and threads. After a round to warm up they take turns, round by round. The
            ratio is the median of the rounds' ratios. The lengths beyond the first are measured for this project alone.

    python -m benchmarks.dkvmn_step --out runs/dkvmn_step.json

Needs PyTorch (requirements-bench.txt) and `pip install --no-deps pykt-toolkit==0.0.38`. The default run takes about two minutes.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.harness import ALLOCATOR, environment, fresh_process, report_head, write_report
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
    comparison = compare(options)
    growth = []
    for steps in options.lengths:
        with fresh_process() as ours:
            ours.submit(set_up_ours, options, steps).result()
            ours.submit(train, 1).result()
            seconds, *_ = ours.submit(train, options.batches).result()
            growth.append({"steps": steps, "seconds": round(seconds, 4)})
    report = report_head("dkvmn_step", options, goals=GOALS, comparison=comparison, growth=growth)
    report["versions"] |= {"pykt-toolkit": importlib.metadata.version("pykt-toolkit")}
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


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
    add("--lengths", type=int, nargs="*", default=[50, 100, 200, 400, 800, 1600], help="further lengths of a sequence")
    add("--threads", type=int, default=usable_cores())
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="write everything as JSON to this file")
    return parser.parse_args()


def compare(options) -> dict:
    """Measure both sides, which take turns."""
    with fresh_process() as ours, fresh_process() as pykt:
        weights, probabilities = ours.submit(set_up_ours, options, options.steps).result()
        pykt_probabilities = pykt.submit(set_up_pykt, options, weights).result()
        difference = float(np.abs(pykt_probabilities - probabilities).max())
        if not difference <= TOLERANCE:
            raise SystemExit(f"probabilities differ by {difference:.1e}: the two networks are not the same")
        sides, seconds, last = {"ours": ours, "pykt": pykt}, {"ours": [], "pykt": []}, {}
        for turn in range(options.rounds + 1):
            for name in sides if turn % 2 == 0 else reversed(sides):  # so that a drift favours nobody
                time.sleep(0.3)  # let the threads of the other side go to sleep
                duration, *last[name] = sides[name].submit(train, options.batches).result()
                seconds[name] += [duration] if turn else []
    ratios = [pykt / ours for ours, pykt in zip(seconds["ours"], seconds["pykt"], strict=True)]
    return {
        "seconds_per_step": {name: round(median(durations), 4) for name, durations in seconds.items()},
        "ratio": round(median(ratios), 2),
        "ratios_of_rounds": [round(ratio, 2) for ratio in ratios],
        "memory_gib": {name: round(memory, 2) for name, (_, memory) in last.items()},
        "loss_of_last_round": {name: round(loss, 5) for name, (loss, _) in last.items()},
        "largest_difference": difference,
    }


# --- the processes of the two sides


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


def set_up_ours(options, steps: int):
    """Build this project's model.

    Returns:
        its weights by name, and its probabilities for the first two sequences.
    """
    import keras

    from models.deep_gpcm import DeepGPCM
    from utils.training.batch_dataset import as_dataset

    keras.utils.set_random_seed(options.seed)
    model = DeepGPCM(
        options.items,
        2,
        options.slots,
        *[options.dim] * 3,
        response_embedding="unordered",
        head="linear",
        shared_embedding=False,
    )
    model.build()
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
    weights = {weight.path.split("/", 1)[1]: keras.ops.convert_to_numpy(weight) for weight in model.weights}
    return weights, 1 / (1 + np.exp(-logits[..., 1]))


def set_up_pykt(options, weights):
    """Build pykt's model with these weights.

    Returns:
        its probabilities for the first two sequences.
    """
    import torch

    # pykt's package imports all of its models, which need much that this one does not.
    folder = Path(importlib.util.find_spec("pykt").origin).parent
    spec = importlib.util.spec_from_file_location("pykt_dkvmn", folder / "models" / "dkvmn.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.set_num_threads(options.threads)
    model = module.DKVMN(options.items, options.dim, options.slots, dropout=0.0)
    model.load_state_dict(
        {name: torch.tensor(np.ascontiguousarray(array)) for name, array in pykt_weights(options, weights).items()}
    )
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


def pykt_weights(options, weights) -> dict[str, np.ndarray]:
    """This project's weights under the names of pykt's model."""
    vectors = weights["response_embedding/vectors"].reshape(options.items, 2, options.dim)
    renamed = {
        "k_emb_layer.weight": weights["item_embedding/item_vectors"],
        "v_emb_layer.weight": np.concatenate([vectors[:, 0], vectors[:, 1]]),
        "Mk": weights["memory/keys"],
        "Mv0": weights["memory/values"],
    }
    layers = {"e_layer": "memory/erase", "a_layer": "memory/add", "f_layer": "summary", "p_layer": "category_logits"}
    for name, layer in layers.items():
        renamed |= {f"{name}.weight": weights[f"{layer}/kernel"].T, f"{name}.bias": weights[f"{layer}/bias"]}
    return renamed


# --- the report


def as_markdown(report: dict) -> str:
    """The tables and their conditions."""
    settings, comparison = report["settings"], report["comparison"]
    memory, losses = comparison["memory_gib"], comparison["loss_of_last_round"]
    lines = [
        "",
        "| side | ms per step | peak memory beyond the start, GiB | mean loss of the last round |",
        "|---|---|---|---|",
    ]
    for name, seconds in comparison["seconds_per_step"].items():
        lines.append(f"| {name} | {1000 * seconds:.0f} | {memory[name]:.2f} | {losses[name]} |")
    fraction, ratios = memory["ours"] / memory["pykt"], comparison["ratios_of_rounds"]
    lines += ["", "| steps | ms | ms per hundred steps |", "|---|---|---|"]
    for row in report["growth"]:
        lines.append(f"| {row['steps']} | {1000 * row['seconds']:.0f} | {1e5 * row['seconds'] / row['steps']:.0f} |")
    lines += [
        "",
        f"- {comparison['ratio']} times pykt's speed ({min(ratios)} to {max(ratios)}), goal {GOALS['speed']} "
        f"{'reached' if comparison['ratio'] >= GOALS['speed'] else 'missed'}; {fraction:.2f} of its memory, goal {GOALS['memory']} "
        f"{'reached' if fraction <= GOALS['memory'] else 'missed'}; probabilities differ by at most "
        f"{comparison['largest_difference']:.1e}",
        f"- batches of {settings['batch_size']} sequences of {settings['steps']} steps, {settings['slots']} slots of "
        f"{settings['dim']}, float32, {settings['rounds']} rounds of {settings['batches']} steps, seed {settings['seed']}",
        f"- {report['hardware']}, {settings['threads']} threads; commit {report['commit']}; "
        + ", ".join(f"{name} {version}" for name, version in report["versions"].items()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
