"""Training throughput of the four models of next vectors, beside the same networks in PyTorch.

Measured    Targets per second of whole training steps on the CPU: forward, backward, clipping, AdamW under its schedule.
Models      The published ones: 768 dimensions, contexts of 5, squared error of one output, no dropout. AMN without weights by
            recency (1,510,912 weights), LSTM (2 layers of 512), GRU (2 layers of 768), causal Transformer (4 layers of 512).
Sides       ours        Keras on TensorFlow, compiled with XLA, as train_vectors.py trains: `build_model`, `compile_model`,
                        `as_dataset`, `model.fit`
            torch       the same networks (benchmarks/vector_torch.py), not compiled: torch.nn.LSTM and GRU, the fused AdamW
Fairness    Both sides start from the same weights: where predictions differ by more than 1e-4 on one batch, the benchmark ends.
            The mean losses of the last round are printed; they agree only if the training is the same, too. Both sides get the
            same invented batches, made beforehand, and read the loss after every step. Each runs in its own process with the same
            allocator settings and threads. After a round to warm up they take turns, round by round, while the other sleeps. The
            ratio is the median of the rounds' ratios.

    python -m benchmarks.vector_step --out runs/vector_step.json
    python -m benchmarks.vector_step --models amn gru --context-length 20

Needs PyTorch (requirements-bench.txt). The default run takes about four minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.harness import (
    ALLOCATOR,
    TRAINING,
    environment,
    fresh_process,
    keras_trainer,
    report_head,
    take_turns,
    write_report,
)
from utils.training.environment import usable_cores

GOALS = {"amn": 1.2, "lstm": 1.0, "gru": 1.0, "transformer": 1.2}
"""Multiples of PyTorch's speed to reach."""
TOLERANCE = 1e-4
"""Largest difference allowed between the two sides' predictions."""


def main() -> int:
    options = parse()
    os.environ |= ALLOCATOR | environment(options.threads)
    report = report_head(
        "vector_step", options, goals=GOALS, models=[measure(name, options) for name in options.models]
    )
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--models", nargs="+", choices=list(GOALS), default=list(GOALS))
    add("--dim", type=int, default=768)
    add("--context-length", type=int, default=5)
    add("--rounds", type=int, default=5, help="measured rounds of each side")
    add("--steps", type=int, default=100, help="steps of a round")
    add("--batch-size", type=int, default=128)
    add("--threads", type=int, default=usable_cores())
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    if min(options.rounds, options.steps, options.batch_size, options.threads, options.context_length) < 1:
        parser.error("--rounds, --steps, --batch-size, --threads and --context-length must be at least 1")
    return options


def settings(name: str, options):
    """The settings of train_vectors.py for the published network."""
    from train_vectors import Config

    sizes = {"encoder_dim": 256, "hidden_dims": (512, 256), "recency": False, "query_head": False, "dropout": 0.0}
    sizes |= {"hidden_dim": 512, "num_layers": {"amn": 0, "lstm": 2, "gru": 2, "transformer": 4}[name]}
    common = {"context_length": options.context_length, "batch_size": options.batch_size, "seed": options.seed}
    return Config(Path("unused"), model=name, **common, **sizes)


def batches(options, round_number: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Invented contexts and targets of unit norm."""
    rng = np.random.default_rng((options.seed, round_number))
    shape = options.steps, options.batch_size, options.context_length + 1, options.dim
    vectors = rng.standard_normal(shape, np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return [(batch[:, :-1].copy(), batch[:, -1].copy()) for batch in vectors]


def measure(name: str, options) -> dict:
    """Measure one model on both sides, which take turns."""
    with fresh_process() as ours, fresh_process() as torch:
        config, weights, predicted = ours.submit(set_up_keras, name, options).result()
        difference = float(abs(torch.submit(set_up_torch, name, options, config, weights).result() - predicted).max())
        if not difference <= TOLERANCE:
            raise SystemExit(f"{name}: predictions differ by {difference:.1e}: the two networks are not the same")
        seconds, losses = take_turns({"ours": ours, "torch": torch}, options.rounds)
    targets = options.steps * options.batch_size
    ratios = [torch / ours for ours, torch in zip(seconds["ours"], seconds["torch"], strict=True)]
    return {
        "model": name,
        "parameters": int(sum(array.size for array in weights.values())),
        "targets_per_second": {
            side: round(median(targets / duration for duration in durations)) for side, durations in seconds.items()
        },
        "ratio": round(median(ratios), 2),
        "ratios_of_rounds": [round(ratio, 2) for ratio in ratios],
        "largest_difference": difference,
        "loss_of_last_round": {side: round(loss, 8) for side, loss in losses.items()},
    }


# --- the processes of the two sides


def set_up_keras(name: str, options):
    """Build the model as train_vectors.py does.

    Returns:
        its configuration, its weights by name, and its predictions of the first batch.
    """
    import keras

    from train_vectors import STEPS_PER_EXECUTION, build_model, compile_model

    config = settings(name, options)
    keras.utils.set_random_seed(config.seed)
    model = build_model(config, options.dim)
    if name == "amn":  # it starts at zero, and only the baseline would be compared
        model.correction.output_dense.kernel.assign(0.02 * keras.random.normal((config.hidden_dims[1], options.dim)))
    compile_model(model, config, (options.rounds + 1) * options.steps)
    model.steps_per_execution = STEPS_PER_EXECUTION  # as utils.training.fit.fit does
    mask = np.ones((options.batch_size, options.context_length), np.int32)
    place = np.zeros((options.batch_size, 2), np.float32)

    def inputs(vectors):
        return {"vectors": vectors, "padding_mask": mask}

    def as_keras_batch(vectors, targets):
        return inputs(vectors), {"predicted": np.hstack([targets, place])}

    rounds = [batches(options, number) for number in range(options.rounds + 1)]
    train = keras_trainer(model)
    TRAINING.update(train=lambda pairs: train([as_keras_batch(*pair) for pair in pairs]), rounds=rounds)
    predicted = keras.ops.convert_to_numpy(model(inputs(rounds[0][0][0]))["predicted"])
    weights = {weight.path.split("/", 1)[1]: keras.ops.convert_to_numpy(weight) for weight in model.weights}
    return dict(model.config), weights, predicted


def set_up_torch(name: str, options, config: dict, weights):
    """Build the same network with these weights; returns its predictions of the first batch."""
    import torch

    from benchmarks.memory_torch import tensors
    from benchmarks.vector_torch import network, trainer

    torch.set_num_threads(options.threads)
    model = network(name, config, tensors(weights))
    rounds = [batches(options, number) for number in range(options.rounds + 1)]
    total_steps = (options.rounds + 1) * options.steps
    TRAINING.update(train=trainer(model, settings(name, options), total_steps), rounds=rounds)
    with torch.no_grad():
        return model(torch.from_numpy(rounds[0][0][0])).numpy()


# --- the report


def as_markdown(report: dict) -> str:
    """A table and its conditions."""
    settings = report["settings"]
    lines = [
        "",
        "| model | parameters | ours, targets/s | PyTorch, targets/s | ours / PyTorch | range over rounds | goal |",
    ]
    lines, notes = [*lines, "|---" * 7 + "|"], [""]
    for row in report["models"]:
        speeds, ratios, losses = row["targets_per_second"], row["ratios_of_rounds"], row["loss_of_last_round"]
        goal = report["goals"][row["model"]]
        lines.append(
            f"| {row['model']} | {row['parameters']:,} | {speeds['ours']:,} | {speeds['torch']:,} | {row['ratio']} "
            f"| {min(ratios)} to {max(ratios)} | {goal} {'reached' if row['ratio'] >= goal else 'missed'} |"
        )
        notes.append(
            f"- {row['model']}: predictions differ by at most {row['largest_difference']:.1e}; mean loss of the last round "
            f"{losses['ours']} (ours), {losses['torch']} (PyTorch)"
        )
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    notes += [
        f"- float32, {settings['dim']} dimensions, contexts of {settings['context_length']}, batches of {settings['batch_size']}, "
        f"{settings['rounds']} rounds of {settings['steps']} steps, seed {settings['seed']}",
        f"- {report['hardware']}, {settings['threads']} threads; commit {report['commit']}; {packages}",
    ]
    return "\n".join(lines + notes)


if __name__ == "__main__":
    sys.exit(main())
