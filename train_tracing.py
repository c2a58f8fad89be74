"""Knowledge tracing: predict a student's next response, in two or more ordered categories, from the responses so far.

Models: DeepGPCM, a dynamic key-value memory with a generalised partial credit output (models/deep_gpcm.py, `--model deep_gpcm`);
the same with a linear output (`--model dkvmn`), which with two categories and `--no-shared-embedding` is DKVMN as published;
IntegratedAttentionGPCM, memory and attention in cycles (models/integrated_gpcm.py, `--model integrated`); StateSpaceGPCM, a Bayes
filter over level, practice and forgetting (models/state_space_gpcm.py, `--model state_space`); a recurrent network (models/dkt.py,
`--model dkt`); attention over the responses so far (models/sakt.py, `--model sakt`).

Papers: Zhang et al. 2017 (DKVMN); Yeung 2019 (Deep-IRT); Muraki 1992 (GPCM); Piech et al. 2015 (DKT); Pandey and Karypis
2019 (SAKT).

    python train_tracing.py --model state_space --run-dir runs/tracing

This trains on 1,440 simulated students and reaches a best-rule QWK of 0.759 and an NLL of 0.915 on 400 others (means of five seeds;
`item_majority` reaches 0.460 and 1.206, a filter that knows the simulation 0.759 and 0.913). Other examples:

    python train_tracing.py --model integrated --num-cycles 1 --run-dir runs/integrated

    python train_tracing.py --train-files train.txt --test-files test.txt --truth true_irt_parameters.json.gz --run-dir runs/mine

With the files of the data set synthetic_OC and `--no-ability-filter`, 20 epochs of 23 steps take 18 s on two CPU cores (seed 0).
docs/tracing.md has all scores with their conditions.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from utils.training.run import check_run_dir, run_script, set_up_keras, set_up_run
from utils.training.settings import RunConfig, weighted_parts

STEPS_PER_EXECUTION = 4
GRADIENT_CLIP_NORM = 5.0

RESPONSES = ("response_embedding", "dropout")
MEMORY = (*RESPONSES, "num_slots", "key_dim", "value_dim", "summary_dim", "shared_embedding")
ITEM_RESPONSE = ("head", "monotone", "item_discrimination", "ability_sees_item")
CYCLES = ("num_cycles", "num_heads", "forgetting", "attention", "refinement", "gate", "confident")
MODEL_SETTINGS = {
    "deep_gpcm": (*MEMORY, *ITEM_RESPONSE, "ability_filter"),
    "integrated": (*MEMORY, *ITEM_RESPONSE, *CYCLES),
    "dkvmn": MEMORY,
    "state_space": ("num_slots", "key_dim", "head", "monotone"),
    "dkt": (*RESPONSES, "hidden_dim"),
    "sakt": (*RESPONSES, "hidden_dim", "num_heads"),
}
"""Model to the settings that it takes beside those that all models take."""


@dataclass
class Config(RunConfig):
    """Settings of one run."""

    data: Literal["practice", "static"] = "practice"
    """Simulated students, used where no files are given: they learn skills and forget them, or their ability does not change."""
    students: int = 0
    """Simulated students; 0 is 2,000 for practice and 500 for static."""
    items: int = 0
    """Simulated items; 0 is 200."""
    categories: int = 0
    """Response categories; 0 is 4 in a simulation, and the number that the files have."""
    train_files: list[Path] = field(default_factory=list)
    """Files to train on: a table, JSON or Parquet with the columns student, item, response and optionally time and skill; or lines
    per student, a column per item, pyKT's rows (docs/data_formats.md)."""
    columns: list[str] = field(default_factory=list)
    """Columns with uncommon names: student=NAME item=NAME response=NAME time=NAME skill=NAME. An empty name, as in time=, leaves
    the column out."""
    expand_skills: bool = False
    """Score rows that repeat an answer for another skill as answers of their own. Some published figures do; the answer leaks."""
    credit_levels: int = 0
    """Categories of responses that are fractions of credit; 0 is as many equal steps as all fractions lie on, up to 11, else 5."""
    truth: Path | None = None
    """True parameters of the files' students and items (deep-gpcm's true_irt_parameters.json), for ceilings and recovery."""
    validation_fraction: float = 0.1
    """Fraction of the students held out when no validation files are given."""
    test_fraction: float = 0.2
    """Fraction of the students held out when no test files are given."""
    folds: int = 0
    """Test on one of this many folds of the training students instead of --test-fraction; 0 uses --test-fraction."""
    fold: int = 0
    """The fold to test on, from 0."""
    limit: int = 0
    """Train on this many students, drawn with --split-seed; 0 is all."""
    split_seed: int = 0
    """Seed of what is held out, and of what --limit draws."""
    max_length: int = 512
    """Longer sequences are cut into pieces of this many steps."""
    history: int = 0
    """Steps before a piece that the model sees without being scored on them."""
    # --- model
    model: Literal["deep_gpcm", "integrated", "state_space", "dkvmn", "dkt", "sakt"] = "deep_gpcm"
    """The model to train."""
    response_embedding: Literal["ordered", "unordered", "linear_decay", "adjacent_weighted"] = "linear_decay"
    """How a response becomes a vector; state_space needs none."""
    item_scale: float = 0.03
    """How far apart items start, a standard deviation: small for many items of few skills, 0.1 where each is a skill of its own."""
    dropout: float = 0.0
    """Dropout of the summary of the memory; of the state for dkt; after each layer for sakt."""
    num_slots: int = 10
    """Slots of the memory, or of the state of state_space, where skills share slots if they are more."""
    key_dim: int = 20
    """Size of an item's vector, for models with slots."""
    value_dim: int = 50
    """Size of a slot's value."""
    summary_dim: int = 20
    """Size of the summary of memory and item."""
    shared_embedding: bool = True
    """Compute the vector of an answered item from the item's vector; otherwise it is a row of a table of its own. For models with a
    memory."""
    head: Literal["gpcm", "graded"] = "gpcm"
    """How ability, discrimination and thresholds become probabilities, for deep_gpcm, integrated and state_space."""
    monotone: bool = False
    """Thresholds grow with the category, for deep_gpcm, integrated and state_space."""
    item_discrimination: bool = True
    """Discrimination depends on the item alone, for deep_gpcm and integrated."""
    ability_sees_item: bool = False
    """Compute ability from the memory and the item, for deep_gpcm and integrated. This predicts better, but thresholds no longer
    describe the item alone."""
    ability_filter: bool = True
    """Ability is a distribution, by a Bayes filter that corrects what the network says, for deep_gpcm."""
    num_cycles: int = 2
    """How often integrated reads, attends and writes. A second cycle improved no score that was measured."""
    num_heads: int = 4
    """Attention heads of integrated and sakt; must divide --summary-dim or --hidden-dim."""
    forgetting: bool = True
    """The memory of integrated fades."""
    attention: bool = True
    """Integrated attends to what was read and answered so far."""
    refinement: bool = True
    """Later cycles of integrated write refined values. Improved no score that was measured."""
    gate: bool = True
    """Later cycles of integrated change the summary through a gate."""
    confident: float = 0.0
    """Later cycles of integrated skip steps whose entropy is below this fraction of the largest; 0 never skips. Improved no score
    that was measured."""
    hidden_dim: int = 64
    """Size of the vectors of dkt and sakt."""
    loss: list[str] = field(default_factory=lambda: ["cross_entropy=1"])
    """Parts of the loss with their weights, NAME or NAME=WEIGHT; components/losses/ordinal_loss.py describes them."""
    # --- training
    epochs: int = 20
    """Passes over the training data, at most."""
    batch_size: int = 16
    """Pieces per step."""
    learning_rate: float = 3e-3
    """Peak learning rate of AdamW. From a few thousand responses, state_space needs more, such as 0.02, to find the thresholds."""
    warmup_steps: int = 50
    """Steps of linear warm-up (at most a fifth of all)."""
    decay: Literal["cosine", "linear", "polynomial", "constant"] = "cosine"
    """Course of the learning rate after its warm-up."""
    ema: float = 0.0
    """Momentum of the moving average of the weights, which is evaluated and saved; 0 for none. 0.99 with --decay constant raised
    the AUC on Statics 2011; on ASSISTments 2009 that of dkt, and not that of dkvmn."""


def main(config: Config) -> int:
    from components.losses.ordinal_loss import OrdinalLoss
    from utils.tracing.settings import check_settings, load_data

    check_settings(config, MODEL_SETTINGS)
    check_run_dir(config)
    loss = OrdinalLoss(weighted_parts("--loss", config.loss, tuple(OrdinalLoss.PARTS)))

    # --- data
    from utils.common.files import write_json
    from utils.common.reading import Reading
    from utils.tracing.features import cut, training_batches

    data = load_data(config, Reading(config.max_bad_fraction))
    for note in data.notes:
        print(note)
    set_up_run(config, {"responses": data.checksum})
    set_up_keras(config)
    write_json(config.run_dir / "items.json", data.item_numbers)
    if data.skill_of_item:
        write_json(config.run_dir / "skills.json", data.skill_of_item)
    students = {split: [sequence.student for sequence in part] for split, part in data.sequences.items()}
    write_json(config.run_dir / "splits.json", students)
    pieces = {
        split: cut(part, data.item_numbers, config.max_length, config.history) for split, part in data.sequences.items()
    }

    def batches(*step_and_part):
        for inputs, targets, weights in training_batches(
            pieces["train"], config.batch_size, config.seed, *step_and_part
        ):
            yield inputs, {"logits": targets}, {"logits": weights}

    # --- model
    model = build_model(config, len(data.item_numbers) + 1, data.num_categories, data.item_skills)
    steps_per_epoch = math.ceil(len(pieces["train"]) / config.batch_size)
    compile_model(model, config, loss, steps_per_epoch * config.epochs)
    counts = ", ".join(f"{split} {len(part):,}" for split, part in data.sequences.items())
    print(f"{len(data.item_numbers):,} items, {data.num_categories} categories; students: {counts}")
    print(f"{config.model}: {model.count_params():,} parameters, {steps_per_epoch} steps per epoch")

    # --- training
    from utils.tracing.evaluation import validation_scores
    from utils.tracing.predictor import TracingPredictor
    from utils.training.fit import fit
    from utils.training.tracking import start_tracking

    def evaluate_epoch(model):
        return validation_scores(TracingPredictor(model, data.item_numbers), pieces["validation"], loss)

    with start_tracking(config, "tracing") as tracker:
        rows = fit(
            model,
            batches,
            steps_per_epoch=steps_per_epoch,
            epochs=config.epochs,
            evaluate=evaluate_epoch,
            monitor="val_score",
            run_dir=config.run_dir,
            patience=config.patience,
            tracker=tracker,
            resume=config.resume,
            log_every=config.log_every,
            steps_per_execution=STEPS_PER_EXECUTION,
        )

        # --- evaluation
        from utils.tracing.baselines import fit_baselines
        from utils.tracing.evaluation import format_scores, prediction_rows, score_table, write_predictions
        from utils.tracing.scoring import headline, score_splits, summary_arrays

        predictor = TracingPredictor.load_best_epoch(config.run_dir)
        scores = score_splits(predictor, data, pieces, fit_baselines(data))
        last, predictions = scores.last, scores.predictions

        # --- report
        from utils.common.figures import model_and_data
        from utils.tracing.parameters import describe_parameters
        from utils.tracing.plots import plot_test, plot_training
        from utils.training.publish import publish
        from utils.training.training_summary import write_training_summary

        title = model_and_data(config.model, config.test_files or config.train_files, config.data)
        plot_training(config.run_dir, rows, scores.baselines, title)
        plot_test(config.run_dir, predictions[last], title, last)
        shown = data, predictor, pieces, scores.outputs, last, config.run_dir, title
        details = scores.details | describe_parameters(*shown)
        write_training_summary(config.run_dir, **summary_arrays(data, scores.fitted))
        write_predictions(config.run_dir / f"{last}_predictions.csv", data.sequences[last], predictions[last])
        table = list(itertools.islice(prediction_rows(data.sequences[last], predictions[last]), 200))
        predictor.response_format = data.response_format or predictor.response_format
        details["export"] = predictor.export(config.run_dir / "export") if config.export else {}
        for split, evaluation in scores.evaluations.items():
            print(format_scores(split, evaluation.metrics))
        publish(
            config,
            "tracing",
            predictor.model,
            rows,
            data=data.description,
            evaluations=scores.evaluations,
            baselines=scores.baselines,
            headline=headline(data.num_categories),
            tracker=tracker,
            details=details,
            tables={
                "predictions": (list(table[0]), [list(row.values()) for row in table]),
                "scores": score_table(scores.evaluations, scores.baselines),
            },
            example_question=[",".join(data.item_names[:2])],
        )
    return 0


def build_model(config: Config, num_items: int, num_categories: int, item_skills: list[int] | None):
    """The model that `config.model` names, built, with fresh weights."""
    from models.deep_gpcm import DeepGPCM
    from models.dkt import DKT
    from models.integrated_gpcm import IntegratedAttentionGPCM
    from models.sakt import SAKT
    from models.state_space_gpcm import StateSpaceGPCM

    classes = {
        "deep_gpcm": DeepGPCM,
        "integrated": IntegratedAttentionGPCM,
        "dkvmn": partial(DeepGPCM, head="linear"),
        "state_space": StateSpaceGPCM,
        "dkt": DKT,
        "sakt": SAKT,
    }
    names = ("item_scale", *MODEL_SETTINGS[config.model])
    settings = {name: getattr(config, name) for name in names}
    model = classes[config.model](num_items, num_categories, item_skills=item_skills, **settings)
    model.build()
    return model


def compile_model(model, config: Config, loss, total_steps: int) -> None:
    """Give the model its optimizer and loss."""
    from utils.training.optimizers import make_optimizer

    optimizer = make_optimizer(
        config.learning_rate,
        total_steps,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        clip_norm=GRADIENT_CLIP_NORM,
        decay=config.decay,
        ema_momentum=config.ema,
    )
    model.compile(optimizer, loss={"logits": loss}, jit_compile=config.jit_compile)


if __name__ == "__main__":
    run_script(main, Config)
