"""Training throughput of KVMemNet, as train_memnet.py trains it, beside the same network in PyTorch.

Measured    Steps and questions per second of whole training steps (forward, backward, clipping, AdamW with its schedule) on the
            CPU, on the built-in people, with the settings of train_memnet.py.
Models      pointer     the default: open vocabulary, names hashed into a fixed table, sums of word vectors, 128 dimensions
            documented  closed vocabulary, position encoding, an embedding of its own for answers, 200 dimensions
Sides       ours        Keras on TensorFlow: `build_model`, `compile_model`, `training_batches`, `as_dataset`, `model.fit`
            torch       the same network (benchmarks/memory_torch.py), not compiled, with the fused AdamW, in a plain loop over the
                        arrays
Fairness    Both sides start from the same weights: the benchmark ends if their logits on one batch differ by more than 1e-4. The
            report has the mean losses of the last round, which agree only if the training is the same too. Both sides get the same
            batches, made beforehand, and read the loss after each step. Each side runs in a process of its own, with the same
            allocator settings and threads. After a round to warm up they take turns, round by round, while the other one sleeps.
            The report has the median of the ratios of single rounds.

    python -m benchmarks.memory_step --out runs/memory_step.json
    python -m benchmarks.memory_step --batch-size 256 --cases pointer

Needs PyTorch (requirements-bench.txt). The default run takes about a minute on two cores.
"""

from __future__ import annotations

import argparse
import os
import sys
from itertools import islice
from pathlib import Path
from statistics import mean, median

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

CASES = ("pointer", "documented")
GOAL = 1.5
"""The speed to reach, as a multiple of PyTorch's."""
TOLERANCE = 1e-4
"""Largest difference of logits between the two networks."""


def main() -> int:
    options = parse()
    os.environ |= ALLOCATOR | environment(options.threads)
    report = report_head("memory_step", options, goal=GOAL, cases=[measure(case, options) for case in options.cases])
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--cases", nargs="+", choices=CASES, default=list(CASES))
    add("--rounds", type=int, default=5, help="measured rounds of each side")
    add("--steps", type=int, default=400, help="steps per round")
    add("--batch-size", type=int, default=32)
    add("--threads", type=int, default=usable_cores())
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    if min(options.rounds, options.steps, options.batch_size, options.threads) < 1:
        parser.error("--rounds, --steps, --batch-size and --threads must be at least 1")
    return options


def measure(case: str, options) -> dict:
    """Train one model on both sides, in turns."""
    from train_memnet import Config, with_model_defaults
    from utils.common.reading import Reading
    from utils.memnet.features import VOCABULARIES, encode_facts, training_batches
    from utils.memnet.settings import load_data

    # PyTorch's side has no evidence.
    config = Config(Path("unused"), model=case, batch_size=options.batch_size, seed=options.seed, evidence=False)
    config = with_model_defaults(config)
    data = load_data(config, Reading())
    vocabulary = VOCABULARIES[config.vocabulary](data.base, data.questions["train"])
    facts, question_ids = encode_facts(data.base.facts, vocabulary), data.encode_questions(vocabulary)["train"]
    features_of_epoch = data.training_features(question_ids, facts, config.distractors, config.seed, redraw=False)
    batches = training_batches(features_of_epoch, len(question_ids), facts, config.batch_size, config.seed, 0)
    rounds = [list(islice(batches, options.steps)) for _ in range(options.rounds + 1)]  # the first one warms up
    total_steps = config.epochs * -(-len(question_ids) // config.batch_size)

    with fresh_process() as keras_side, fresh_process() as torch_side:
        weights, logits = keras_side.submit(set_up_keras, config, vocabulary, total_steps, rounds).result()
        arguments = (config, len(vocabulary), weights, total_steps, rounds, options.threads)
        difference = float(abs(torch_side.submit(set_up_torch, *arguments).result() - logits).max())
        if not difference <= TOLERANCE:
            raise SystemExit(f"{case}: logits differ by {difference:.1e}: the two networks are not the same")
        seconds, losses = take_turns({"ours": keras_side, "torch": torch_side}, options.rounds)
    num_questions = mean(len(inputs["question_ids"]) for batches in rounds[1:] for inputs, _ in batches)
    speeds = {name: median(options.steps / one for one in durations) for name, durations in seconds.items()}
    ratios = [theirs / ours for ours, theirs in zip(seconds["ours"], seconds["torch"], strict=True)]
    return {
        "case": case,
        "parameters": int(sum(array.size for array in weights.values())),
        "steps_per_second": {name: round(speed) for name, speed in speeds.items()},
        "questions_per_second": {name: round(speed * num_questions) for name, speed in speeds.items()},
        "ratio": round(median(ratios), 2),
        "ratio_by_round": [round(ratio, 2) for ratio in ratios],
        "largest_difference_of_logits": difference,
        "loss_of_last_round": {name: round(loss, 5) for name, loss in losses.items()},
    }


# --- the processes of the two sides


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


def set_up_torch(config, vocabulary_size: int, weights, total_steps: int, rounds, threads: int):
    """Make the same network with these weights; returns its logits on the first batch."""
    import torch

    from benchmarks.memory_torch import Network, tensors, trainer

    torch.set_num_threads(threads)
    network = Network(config, vocabulary_size, tensors(weights))
    TRAINING.update(train=trainer(network, config, total_steps), rounds=rounds)
    with torch.no_grad():
        return network(**tensors(rounds[0][0][0])).numpy()


# --- the report


def as_markdown(report: dict) -> str:
    """The table with its conditions."""
    settings, goal, notes = report["settings"], report["goal"], [""]
    lines = [
        "",
        "| model | parameters | ours, steps/s | questions/s | PyTorch, steps/s | questions/s | ours / PyTorch | range of rounds |",
        "|---" * 8 + "|",
    ]
    for row in report["cases"]:
        steps, questions, losses = row["steps_per_second"], row["questions_per_second"], row["loss_of_last_round"]
        ratios = row["ratio_by_round"]
        lines.append(
            f"| {row['case']} | {row['parameters']:,} | {steps['ours']} | {questions['ours']:,} | {steps['torch']} "
            f"| {questions['torch']:,} | {row['ratio']} | {min(ratios)} to {max(ratios)} |"
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
