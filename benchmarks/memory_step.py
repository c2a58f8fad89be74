"""Training throughput of KVMemNet, as train_memnet.py trains it, beside the same network in PyTorch.

Measured    Steps and questions per second of whole training steps (forward, backward, clipping, AdamW under its schedule) on
            the CPU, on the built-in people, with train_memnet.py's settings.
Models      pointer     the default: open vocabulary, names hashed into a fixed table, sums of word vectors, 128 dimensions
            documented  closed vocabulary, position encoding, an embedding of its own for answers, 200 dimensions
Sides       ours        Keras on TensorFlow: `build_model`, `compile_model`, `training_batches`, `as_dataset`, `model.fit`
            torch       the same network (benchmarks/memory_torch.py), not compiled, and the fused AdamW, in a plain loop over
                        the arrays
Fairness    Both start from the same weights: logits that differ by more than 1e-4 on one batch end the benchmark, and the mean
            losses of the last round are told, which agree only if the training is the same too. Both get the same batches, made
            beforehand, and read the loss after every step. Each runs in a process of its own with the same allocator settings
            and threads; after a round to warm up they take turns, round by round, while the other sleeps. Ratios are taken
            round by round, and their median is told.

    python -m benchmarks.memory_step --out runs/memory_step.json
    python -m benchmarks.memory_step --batch-size 256 --cases pointer

Needs PyTorch (requirements-bench.txt). The default run takes about a minute on two cores.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import mean, median

from benchmarks.harness import ALLOCATOR, fresh_process, report_head, write_report
from utils.training.environment import usable_cores

CASES = ("pointer", "documented")
GOAL = 1.5
"""Times PyTorch's speed."""
TOLERANCE = 1e-4
"""Of logits."""
TRAINING = {}
"""Of a side's process: its function that trains on batches, and the batches of every round."""


def main() -> int:
    options = parse()
    os.environ |= ALLOCATOR | environment(options.threads)
    report = report_head("memory_step", options, goal=GOAL, cases=[measure(case, options) for case in options.cases])
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def environment(threads: int) -> dict[str, str]:
    """What processes that compute on the CPU, with so many threads, are started with."""
    found = {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return found | dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), str(threads))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--cases", nargs="+", choices=CASES, default=list(CASES))
    add("--rounds", type=int, default=5, help="turns of each side")
    add("--steps", type=int, default=400, help="measured steps of a turn")
    add("--batch-size", type=int, default=32)
    add("--threads", type=int, default=usable_cores())
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    if min(options.rounds, options.steps, options.batch_size, options.threads) < 1:
        parser.error("--rounds, --steps, --batch-size and --threads must be at least 1")
    return options


def measure(case: str, options) -> dict:
    """One model on both sides, in turns."""
    from train_memnet import MODELS, Config, load_data
    from utils.memnet.features import closed_vocabulary, encode_facts, open_vocabulary, training_batches

    config = Config(Path("unused"), model=case, batch_size=options.batch_size, seed=options.seed)
    config = replace(config, **MODELS[case])
    data = load_data(config)
    made = {"open": open_vocabulary, "closed": closed_vocabulary}[config.vocabulary]
    vocabulary = made(data.base, data.questions["train"])
    facts = encode_facts(data.base, vocabulary)
    features = data.features("train", vocabulary)
    endless = training_batches(lambda epoch: features, len(features.memory), facts, config.batch_size, config.seed, 0)
    rounds = [list(islice(endless, options.steps)) for _ in range(options.rounds + 1)]  # the first warms up
    total_steps = config.epochs * -(-len(data.questions["train"]) // config.batch_size)

    with fresh_process() as ours, fresh_process() as theirs:
        weights, logits = ours.submit(set_up_keras, config, vocabulary, total_steps, rounds).result()
        job = (config, len(vocabulary), weights, total_steps, rounds, options.threads)
        difference = float(abs(theirs.submit(set_up_torch, *job).result() - logits).max())
        if not difference <= TOLERANCE:
            raise SystemExit(f"{case}: logits differ by {difference:.1e}: the two networks are not the same")
        sides = {"ours": ours, "torch": theirs}
        seconds, losses = take_turns(sides, options.rounds)
    questions = mean(len(inputs["question_ids"]) for part in rounds[1:] for inputs, _ in part)
    speeds = {name: median(options.steps / taken for taken in parts) for name, parts in seconds.items()}
    ratios = [theirs / mine for mine, theirs in zip(seconds["ours"], seconds["torch"], strict=True)]
    return {
        "case": case,
        "parameters": int(sum(array.size for array in weights.values())),
        "steps_per_second": {name: round(speed) for name, speed in speeds.items()},
        "questions_per_second": {name: round(speed * questions) for name, speed in speeds.items()},
        "ratio": round(median(ratios), 2),
        "of_rounds": [round(ratio, 2) for ratio in ratios],
        "largest_difference_of_logits": difference,
        "loss_of_last_round": {name: round(loss, 5) for name, loss in losses.items()},
    }


def take_turns(sides: dict, rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Let the sides' processes train by turns: seconds of each round but the first, which warms up, and the last mean losses."""
    seconds, losses = {name: [] for name in sides}, {}
    for turn in range(rounds + 1):
        for name in sides if turn % 2 == 0 else reversed(sides):  # so that a drift favours nobody
            time.sleep(0.3)  # let the other's threads go to sleep
            taken, losses[name] = sides[name].submit(train_round, turn).result()
            seconds[name] += [taken] if turn else []
    return seconds, losses


# --- the processes of the two sides


def train_round(number: int) -> tuple[float, float]:
    """Train on one round's batches: seconds, and the mean loss."""
    return TRAINING["train"](TRAINING["rounds"][number])


def set_up_keras(config, vocabulary, total_steps: int, rounds):
    """Make the model as train_memnet.py does; returns its weights by name, and its logits on the first batch."""
    import keras

    from train_memnet import STEPS_PER_EXECUTION, build_model, compile_model

    keras.utils.set_random_seed(config.seed)
    model = build_model(config, vocabulary)
    compile_model(model, config, total_steps)
    model.steps_per_execution = STEPS_PER_EXECUTION  # as utils.training.fit.fit does

    TRAINING.update(train=keras_trainer(model), rounds=rounds)
    logits = keras.ops.convert_to_numpy(model(rounds[0][0][0])["scores"])
    return {weight.path.split("/", 1)[1]: keras.ops.convert_to_numpy(weight) for weight in model.weights}, logits


def keras_trainer(model):
    """A function that trains a compiled model on batches, giving seconds and mean loss."""
    import keras

    from utils.training.fit import as_dataset

    class Clock(keras.callbacks.Callback):
        """From the beginning of the first step to the end of the last."""

        begin = None

        def on_train_batch_begin(self, batch, logs=None):
            self.begin = self.begin or time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            self.loss = float(logs["loss"])  # waits for the step; it is the mean so far
            self.end = time.perf_counter()

    def train(batches):
        clock = Clock()
        dataset = as_dataset(lambda first_step: iter(batches[first_step:]), 0)
        model.fit(dataset, steps_per_epoch=len(batches), callbacks=[clock], shuffle=False, verbose=0)
        return clock.end - clock.begin, clock.loss

    return train


def set_up_torch(config, vocabulary_size: int, weights, total_steps: int, rounds, threads: int):
    """Make the same network with these weights; returns its logits on the first batch."""
    import torch

    from benchmarks.memory_torch import Network, tensors, trainer

    torch.set_num_threads(threads)
    network = Network(config, vocabulary_size, tensors(weights))
    TRAINING.update(train=trainer(network, config, total_steps), rounds=rounds)
    with torch.no_grad():
        return network(**tensors(rounds[0][0][0])).numpy()


# --- what is said about it


def as_markdown(report: dict) -> str:
    """The table with its conditions."""
    settings, goal, notes = report["settings"], report["goal"], [""]
    lines = [
        "",
        "| model | parameters | ours, steps/s | questions/s | PyTorch, steps/s | questions/s | ours / PyTorch | of rounds |",
        "|---" * 8 + "|",
    ]
    for row in report["cases"]:
        steps, questions, losses = row["steps_per_second"], row["questions_per_second"], row["loss_of_last_round"]
        lines.append(
            f"| {row['case']} | {row['parameters']:,} | {steps['ours']} | {questions['ours']:,} | {steps['torch']} "
            f"| {questions['torch']:,} | {row['ratio']} | {min(row['of_rounds'])} to {max(row['of_rounds'])} |"
        )
        notes.append(
            f"- {row['case']}: goal {goal} times {'reached' if row['ratio'] >= goal else 'missed'}; logits differ by "
            f"{row['largest_difference_of_logits']:.1e} at most; mean loss of the last round {losses['ours']} (ours), "
            f"{losses['torch']} (PyTorch)"
        )
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    notes += [
        f"- float32, batches of {settings['batch_size']}, {settings['rounds']} rounds of {settings['steps']} steps, seed "
        f"{settings['seed']}",
        f"- {report['hardware']}, {settings['threads']} threads; commit {report['commit']}; {packages}",
    ]
    return "\n".join(lines + notes)


if __name__ == "__main__":
    sys.exit(main())
