"""What steps.csv and tracking cost: train_memnet.py's training on its built-in people, which has the shortest steps of all scripts.

Sides       nothing     no rows of steps.csv, no tracking
            steps.csv   a row every 10 steps, as by default
            offline     the same, logged to W&B offline as well
Measured    Seconds of an epoch: training steps, and evaluations and checkpoints that do next to nothing. One process and one model
            train on all sides in turns; the report has each side's median of the ratios to `nothing` in the same round.

    python -m benchmarks.tracking_overhead --out runs/tracking_overhead.json
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.harness import report_head, write_report
from utils.common.batching import BatchPart

SIDES = {"nothing": (0, "off"), "steps.csv": (10, "off"), "offline": (10, "offline")}
EPOCHS = 3
"""Epochs of a side in one round; the first is not measured, as it is when the best model is saved."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, help="file of the report")
    options = parser.parse_args()
    seconds = measure(options.rounds)
    ratios = {side: median(map(lambda a, b: a / b, values, seconds["nothing"])) for side, values in seconds.items()}
    report = report_head("tracking_overhead", options, seconds=seconds, ratios=ratios)
    print("| side | seconds per epoch, median | ratio to nothing, median of rounds |\n|---|---|---|")
    for side, values in seconds.items():
        print(f"| {side} | {median(values):.3f} | {ratios[side]:.3f} |")
    write_report(report, options.out)
    return 0


def measure(rounds: int) -> dict[str, list[float]]:
    """Side to the mean seconds of a measured epoch in each round, after one round to warm up."""
    from dataclasses import replace

    from train_memnet import STEPS_PER_EXECUTION, Config, build_model, compile_model, with_model_defaults
    from utils.common.reading import Reading
    from utils.memnet.features import VOCABULARIES, encode_facts, training_batches
    from utils.memnet.settings import load_data
    from utils.training.fit import fit
    from utils.training.tracking import start_tracking

    config = with_model_defaults(Config(Path("unused"), limit=8_000))
    data = load_data(config, Reading())
    vocabulary = VOCABULARIES[config.vocabulary](data.base, data.questions["train"])
    facts = encode_facts(data.base.facts, vocabulary, config.evidence)
    question_ids = data.encode_questions(vocabulary)["train"]
    features_of_epoch = data.training_features(question_ids, facts, config.distractors, config.seed, redraw=False)
    num_train = len(data.questions["train"])
    steps_per_epoch = num_train // config.batch_size
    model = build_model(config, vocabulary)
    compile_model(model, config, steps_per_epoch * EPOCHS * len(SIDES) * (rounds + 1))

    def batches(first_step: int, part: BatchPart):
        return training_batches(features_of_epoch, num_train, facts, config.batch_size, config.seed, first_step, part)

    seconds = {side: [] for side in SIDES}
    for number in range(rounds + 1):
        for side in SIDES if number % 2 else reversed(SIDES):
            log_every, tracking = SIDES[side]
            scores = iter(range(EPOCHS, 0, -1))  # only the first epoch is saved as the best
            with tempfile.TemporaryDirectory() as folder:
                run_config = replace(config, run_dir=Path(folder), tracking=tracking)
                with start_tracking(run_config, "memnet") as tracker:
                    rows = fit(
                        model,
                        batches,
                        steps_per_epoch=steps_per_epoch,
                        epochs=EPOCHS,
                        evaluate=lambda _, scores=scores: {"val_score": float(next(scores))},
                        monitor="val_score",
                        run_dir=run_config.run_dir,
                        tracker=tracker,
                        log_every=log_every,
                        steps_per_execution=STEPS_PER_EXECUTION,
                    )
            if number:
                seconds[side].append(sum(row["seconds"] for row in rows[1:]) / (EPOCHS - 1))
    return seconds


if __name__ == "__main__":
    sys.exit(main())
