"""One training step of DKVMN beside pykt-toolkit's: sequences a second, peak memory, and how time grows with the sequence.

Measured    Whole training steps on the CPU (forward, backward, Adam), and each side's peak resident memory beyond what its process
            had before the first step.
Sides       ours    `DeepGPCM(head="linear", response_embedding="unordered", shared_embedding=False)` with two categories, compiled
                    with XLA, in `model.fit`
            pykt    `pykt.models.dkvmn.DKVMN` (PyTorch, a Python loop over time), in a plain loop
Fairness    Both are the same network and start from the same weights: probabilities of a first batch that differ by more than 1e-4
            end the benchmark, and the mean loss of the last round is told for both. Dropout is off on both sides. Both get the
            same batches of invented responses, made beforehand, all steps of them real. Each runs in a process of its own with the
            same allocator settings and threads; after a round to warm up they take turns, round by round. Ratios are taken round
            by round, and their median is told. The lengths beyond the first are this project's alone.

    python -m benchmarks.dkvmn_step --out runs/dkvmn_step.json

Needs PyTorch (requirements-bench.txt) and `pip install --no-deps pykt-toolkit==0.0.38`. The default run takes about two minutes.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.harness import ALLOCATOR, fresh_process, report_head, write_report
from benchmarks.memory_step import environment
from utils.training.environment import peak_memory_gib, usable_cores

GOALS = {"speed": 3.0, "memory": 0.5}
"""Times pykt's speed; share of its memory."""
TOLERANCE = 1e-4
"""Of probabilities."""
SIDE = {}
"""Of a side's process: its function that trains on batches, and the batches."""


def main() -> int:
    options = parse()
    os.environ |= ALLOCATOR | environment(options.threads)
    pair = compare(options)
    growth = []
    for steps in options.lengths:
        with fresh_process() as ours:
            ours.submit(set_up_ours, options, steps).result()
            ours.submit(train, 1).result()
            growth.append({"steps": steps, "seconds": round(ours.submit(train, options.batches).result()[0], 4)})
    report = report_head("dkvmn_step", options, goals=GOALS, comparison=pair, growth=growth)
    report["versions"] |= {"pykt-toolkit": importlib.metadata.version("pykt-toolkit")}
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--batch-size", type=int, default=64)
    add("--steps", type=int, default=200, help="of a sequence")
    add("--slots", type=int, default=50)
    add("--dim", type=int, default=200, help="of keys, values and summary, as pykt has one for all")
    add("--items", type=int, default=110)
    add("--batches", type=int, default=4, help="of a round")
    add("--rounds", type=int, default=5)
    add("--lengths", type=int, nargs="*", default=[50, 100, 200, 400, 800, 1600])
    add("--threads", type=int, default=usable_cores())
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="write everything as JSON to this file")
    return parser.parse_args()


def compare(options) -> dict:
    """Both sides in turns."""
    with fresh_process() as ours, fresh_process() as theirs:
        weights, chances = ours.submit(set_up_ours, options, options.steps).result()
        other = theirs.submit(set_up_pykt, options, weights).result()
        difference = float(np.abs(other - chances).max())
        if not difference <= TOLERANCE:
            raise SystemExit(f"probabilities differ by {difference:.1e}: the two networks are not the same")
        sides, seconds, last = {"ours": ours, "pykt": theirs}, {"ours": [], "pykt": []}, {}
        for turn in range(options.rounds + 1):
            for name in sides if turn % 2 == 0 else reversed(sides):  # so that a drift favours nobody
                time.sleep(0.3)  # let the other's threads go to sleep
                taken, *last[name] = sides[name].submit(train, options.batches).result()
                seconds[name] += [taken] if turn else []
    ratios = [slow / fast for fast, slow in zip(seconds["ours"], seconds["pykt"], strict=True)]
    return {
        "seconds_a_step": {name: round(median(taken), 4) for name, taken in seconds.items()},
        "ratio": round(median(ratios), 2),
        "of_rounds": [round(ratio, 2) for ratio in ratios],
        "memory_gib": {name: round(memory, 2) for name, (_, memory) in last.items()},
        "loss": {name: round(loss, 5) for name, (loss, _) in last.items()},
        "largest_difference": difference,
    }


# --- the processes of the two sides


def invented(options, steps: int):
    """Batches of items and responses, `(batch_size, steps)` each."""
    rng = np.random.default_rng(options.seed)
    shape = (options.batches, options.batch_size, steps)
    return list(zip(rng.integers(1, options.items, shape), rng.integers(0, 2, shape), strict=True))


def train(batches: int) -> tuple[float, float, float]:
    """Train on so many batches: seconds a step, mean loss, and the peak memory so far beyond that of the start, in GiB."""
    begin = time.perf_counter()
    loss = SIDE["train"](SIDE["batches"][:batches])
    return (time.perf_counter() - begin) / batches, loss, peak_memory_gib() - SIDE["memory"]


def set_up_ours(options, steps: int):
    """Make the model; returns its weights by name and its probabilities for the first batch."""
    import keras

    from models.deep_gpcm import DeepGPCM
    from utils.training.fit import as_dataset

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

    def inputs(items, responses):
        found = {"item_ids": items, "responses": responses, "padding_mask": np.ones_like(items)}
        return {name: array.astype("int32") for name, array in found.items()}

    def run(batches):
        pairs = [(inputs(items, right), {"logits": right.astype("int32")}) for items, right in batches]
        dataset = as_dataset(lambda first_step: iter(pairs[first_step:]), 0)
        history = model.fit(dataset, steps_per_epoch=len(pairs), shuffle=False, verbose=0)
        return history.history["loss"][0]

    batches = invented(options, steps)
    logits = keras.ops.convert_to_numpy(model(inputs(batches[0][0][:2], batches[0][1][:2]))["logits"])
    SIDE.update(train=run, batches=batches, memory=peak_memory_gib())
    weights = {weight.path.split("/", 1)[1]: keras.ops.convert_to_numpy(weight) for weight in model.weights}
    return weights, 1 / (1 + np.exp(-logits[..., 1]))


def set_up_pykt(options, weights):
    """Make pykt's model with these weights; returns its probabilities for the first batch."""
    import torch

    # Its package imports every model, and with them much that this one has no use for.
    folder = Path(importlib.util.find_spec("pykt").origin).parent
    spec = importlib.util.spec_from_file_location("pykt_dkvmn", folder / "models" / "dkvmn.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.set_num_threads(options.threads)
    model = module.DKVMN(options.items, options.dim, options.slots, dropout=0.0)

    vectors = weights["response_embedding/vectors"].reshape(options.items, 2, options.dim)
    given = {
        "k_emb_layer.weight": weights["item_embedding/items"],
        "v_emb_layer.weight": np.concatenate([vectors[:, 0], vectors[:, 1]]),
        "Mk": weights["memory/keys"],
        "Mv0": weights["memory/values"],
    }
    layers = {"e_layer": "memory/erase", "a_layer": "memory/add", "f_layer": "summary", "p_layer": "categories"}
    for name, layer in layers.items():
        given |= {f"{name}.weight": weights[f"{layer}/kernel"].T, f"{name}.bias": weights[f"{layer}/bias"]}
    model.load_state_dict({name: torch.tensor(np.ascontiguousarray(array)) for name, array in given.items()})
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, eps=1e-7)

    def run(batches):
        total = 0.0
        for items, right in batches:
            optimizer.zero_grad()
            chances = model(torch.from_numpy(items), torch.from_numpy(right))
            loss = torch.nn.functional.binary_cross_entropy(chances, torch.from_numpy(right).float())
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total / len(batches)

    batches = invented(options, options.steps)
    with torch.no_grad():
        chances = model(*(torch.from_numpy(part[:2]) for part in batches[0])).numpy()
    SIDE.update(train=run, batches=batches, memory=peak_memory_gib())
    return chances


# --- what is said about it


def as_markdown(report: dict) -> str:
    """The tables with their conditions."""
    settings, pair = report["settings"], report["comparison"]
    memory = pair["memory_gib"]
    lines = [
        "",
        "| side | ms a step | peak memory beyond the start, GiB | mean loss of the last round |",
        "|---|---|---|---|",
    ]
    for name in ("ours", "pykt"):
        lines.append(
            f"| {name} | {1000 * pair['seconds_a_step'][name]:.0f} | {memory[name]:.2f} | {pair['loss'][name]} |"
        )
    share = memory["ours"] / memory["pykt"]
    lines += ["", "| steps | ms | ms a hundred steps |", "|---|---|---|"]
    for row in report["growth"]:
        lines.append(f"| {row['steps']} | {1000 * row['seconds']:.0f} | {1e5 * row['seconds'] / row['steps']:.0f} |")
    lines += [
        "",
        f"- {pair['ratio']} times pykt's speed ({min(pair['of_rounds'])} to {max(pair['of_rounds'])}), goal {GOALS['speed']} "
        f"{'reached' if pair['ratio'] >= GOALS['speed'] else 'missed'}; {share:.2f} of its memory, goal {GOALS['memory']} "
        f"{'reached' if share <= GOALS['memory'] else 'missed'}; probabilities differ by {pair['largest_difference']:.1e} at most",
        f"- batches of {settings['batch_size']} sequences of {settings['steps']} steps, {settings['slots']} slots of "
        f"{settings['dim']}, float32, {settings['rounds']} rounds of {settings['batches']} steps, seed {settings['seed']}",
        f"- {report['hardware']}, {settings['threads']} threads; commit {report['commit']}; "
        + ", ".join(f"{name} {version}" for name, version in report["versions"].items()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
