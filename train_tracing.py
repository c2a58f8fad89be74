"""Knowledge tracing: predict a student's next response, in two or more ordered categories, from the responses so far.

Models: DeepGPCM (models/deep_gpcm.py), a dynamic key-value memory with a generalised partial credit output (`--model deep_gpcm`),
the same with a linear output (`--model dkvmn`), which with two categories and `--no-shared-embedding` is DKVMN as published;
IntegratedAttentionGPCM (models/integrated_gpcm.py), memory and attention in cycles (`--model integrated`); a recurrent network
(models/dkt.py, `--model dkt`) and causal self-attention (models/sakt.py, `--model sakt`).

Papers: Zhang et al. 2017 (DKVMN); Yeung 2019 (Deep-IRT); Muraki 1992 (GPCM); Piech et al. 2015 (DKT); Pandey and Karypis
2019 (SAKT).

Examples:

    python train_tracing.py --run-dir runs/tracing

    python train_tracing.py --data static --run-dir runs/static

    python train_tracing.py --train-files train.txt --test-files test.txt --truth true_irt_parameters.json.gz --run-dir runs/mine

Scores and running times with their conditions stand in docs/results.md.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from utils.common.errors import UserError
from utils.training.run import check_run_dir, run_script, set_up_run
from utils.training.settings import as_flag, check_ranges, weighted_parts

STEPS_PER_EXECUTION = 4
PARTS_OF = {
    "num_slots key_dim value_dim summary_dim shared_embedding": "deep_gpcm dkvmn integrated",
    "head monotone item_discrimination ability_sees_item": "deep_gpcm integrated",
    "num_cycles forgetting attention refinement gate confident": "integrated",
    "num_heads": "integrated sakt",
    "hidden_dim": "dkt sakt",
    "num_layers": "sakt",
}
"""Settings that only some models have; for the others they must stay as they are by default."""


@dataclass
class Config:
    """Settings of one run."""

    run_dir: Path
    """Folder for everything the run writes; must not exist, unless with --resume."""
    data: Literal["practice", "static"] = "practice"
    """Simulated students, in the place of files: who learn skills and forget them, or whose ability stays as it is."""
    students: int = 0
    """Simulated students; 0 is 2,000 who practise, or 500."""
    items: int = 0
    """Simulated items; 0 is 200."""
    categories: int = 0
    """Categories of responses; 0 is 4 in a simulation, and what a file has."""
    train_files: list[Path] = field(default_factory=list)
    """Files of three lines a student (count, items, responses), or CSV of student, item, response and perhaps time and skill."""
    validation_files: list[Path] = field(default_factory=list)
    """Files to choose the best epoch on. Left out: students are held out."""
    test_files: list[Path] = field(default_factory=list)
    """Files that are scored once, at the end. Left out: students are held out."""
    truth: Path | None = None
    """True parameters of the files' students and items (deep-gpcm's true_irt_parameters.json), for ceilings and recovery."""
    validation_fraction: float = 0.1
    """Share of the students held out when no validation files are given."""
    test_fraction: float = 0.2
    """Share of the students held out when no test files are given."""
    folds: int = 0
    """Test on one of this many folds of the training students, in the place of --test-fraction; 0 does not."""
    fold: int = 0
    """Which, from 0."""
    limit: int = 0
    """Train on this many students, drawn with --split-seed; 0 is all."""
    max_length: int = 512
    """Longer sequences are cut into pieces of this many steps."""
    history: int = 0
    """Steps before a piece that go along with it, unscored."""

    model: Literal["deep_gpcm", "integrated", "dkvmn", "dkt", "sakt"] = "deep_gpcm"
    """What to train."""
    head: Literal["gpcm", "graded"] = "gpcm"
    """Of `deep_gpcm` and `integrated`: how ability, discrimination and thresholds become probabilities."""
    num_slots: int = 10
    """Of the models with a memory: slots of the memory."""
    key_dim: int = 20
    """Of the models with a memory: size of an item's vector."""
    value_dim: int = 50
    """Of the models with a memory: size of a slot's value."""
    summary_dim: int = 20
    """Of the models with a memory: size of the summary of memory and item."""
    response_embedding: Literal["ordered", "unordered", "linear_decay", "adjacent_weighted"] = "linear_decay"
    """How a response becomes a vector."""
    shared_embedding: bool = True
    """Of the models with a memory: an answered item's vector is made from the item's, and not one of a table."""
    item_scale: float = 0.03
    """How far apart items begin: small for many items of few skills, 1 where each item is a skill of its own."""
    monotone: bool = False
    """Of `deep_gpcm` and `integrated`: thresholds grow with the category."""
    item_discrimination: bool = True
    """Of `deep_gpcm` and `integrated`: discrimination is the item's alone."""
    ability_sees_item: bool = False
    """Of `deep_gpcm` and `integrated`: ability is made from the item as well as from the memory; thresholds then are not the item's
    alone."""
    dropout: float = 0.0
    """Share of the summary's elements (of `dkt`: of its state's; of `sakt`: in the blocks) that is dropped in training."""
    num_cycles: int = 2
    """Of `integrated`: times that the memory is read, attended to and written."""
    num_heads: int = 4
    """Of `integrated` and `sakt`: attention heads; must divide the summary's or the hidden size."""
    forgetting: bool = True
    """Of `integrated`: the memory fades."""
    attention: bool = True
    """Of `integrated`: attention over what was read and answered so far."""
    refinement: bool = True
    """Of `integrated`: later cycles write refined values."""
    gate: bool = True
    """Of `integrated`: later cycles change the summary through a gate."""
    confident: float = 0.0
    """Of `integrated`: share of the largest entropy below which later cycles leave a step as it is; 0 never."""
    hidden_dim: int = 64
    """Of `dkt` and `sakt`: size of the vectors."""
    num_layers: int = 1
    """Of `sakt`: blocks."""
    loss: list[str] = field(default_factory=lambda: ["cross_entropy=1"])
    """Parts and their weights: cross_entropy, focal, soft_qwk, earth_mover, cumulative."""

    epochs: int = 20
    """Passes over the training data at most."""
    batch_size: int = 16
    """Pieces a step."""
    learning_rate: float = 3e-3
    """Peak learning rate of AdamW."""
    warmup_steps: int = 50
    """Steps of linear warm-up (at most a fifth of all)."""
    weight_decay: float = 0.0
    """AdamW's decoupled weight decay."""
    patience: int = 0
    """Stop after this many epochs without a lower loss on the validation students; 0 never."""
    seed: int = 0
    """Seed of weights and order."""
    split_seed: int = 0
    """Seed of what is held out, and of what --limit draws."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format of the computations; the memory's state stays in float32."""
    jit_compile: bool = True
    """Compile the step with XLA."""

    resume: bool = False
    """Go on with the run in --run-dir."""
    tracking: Literal["auto", "online", "offline", "off"] = "auto"
    """Weights & Biases; auto is online when this machine is logged in, else off."""
    export: bool = True
    """Write a SavedModel at the end."""


def main(config: Config) -> int:
    check(config)
    check_run_dir(config)
    from utils.tracing.splits import read, simulated

    data = read(config) if config.train_files else simulated(config)  # bad data is told before anything is written
    for note in data.notes:
        print(note)
    set_up_run(config, {"responses": data.checksum})

    import keras
    import numpy as np

    from utils.training.fit import fit
    from utils.training.run import set_precision
    from utils.training.tracking import start_tracking

    keras.utils.set_random_seed(config.seed)
    set_precision(config.precision)

    # --- data
    from utils.tracing.data import cut, training_batches

    pieces = {name: cut(part, data.numbers, config.max_length, config.history) for name, part in data.sequences.items()}

    def batches(first_step: int):
        for inputs, targets, weights in training_batches(pieces["train"], config.batch_size, config.seed, first_step):
            yield inputs, {"logits": targets}, {"logits": weights}

    # --- model
    model = build_model(config, len(data.numbers) + 1, data.num_categories, data.item_skills)
    steps_per_epoch = math.ceil(len(pieces["train"]) / config.batch_size)
    compile_model(model, config, steps_per_epoch * config.epochs)
    counts = ", ".join(f"{name} {len(part):,}" for name, part in data.sequences.items())
    print(f"{len(data.numbers):,} items, {data.num_categories} categories; students: {counts}")
    print(f"{config.model}: {model.count_params():,} parameters, {steps_per_epoch} steps an epoch")

    # --- training
    from components.losses.ordinal_loss import OrdinalLoss
    from utils.tracing.evaluation import predict
    from utils.tracing.metrics import scores
    from utils.training.gradient_flow import gradient_flow

    objective = OrdinalLoss(loss_weights(config))  # the best epoch is that of the lowest loss, whatever it is made of

    def validate(model):
        chances, responses, _ = predict(model, pieces["validation"])
        found, loss = scores(chances, responses), float(objective(responses, np.log(np.maximum(chances, 1e-30))))
        shown = {f"val_{name}": found[name] for name in ("nll", "accuracy", "qwk")}
        return shown | {"val_loss": loss, "val_objective": -loss} | gradient_flow(model)

    tracker = start_tracking(config.tracking, "qkv-zoo-tracing", config.run_dir, asdict(config))
    code = 1
    try:
        rows = fit(
            model,
            batches,
            steps_per_epoch=steps_per_epoch,
            epochs=config.epochs,
            evaluate=validate,
            monitor="val_objective",
            run_dir=config.run_dir,
            patience=config.patience,
            tracker=tracker,
            resume=config.resume,
            steps_per_execution=STEPS_PER_EXECUTION,
        )
        finish(config, data, pieces, rows, tracker)
        code = 0
    finally:
        tracker.finish(code)
    return 0


def check(config: Config) -> None:
    """Settings that can not work, told in one line before any work is done."""
    from utils.tracing.data import MOST_CATEGORIES
    from utils.training.tracking import check_tracking

    loss_weights(config)
    check_ranges(
        config,
        less_than_1="validation_fraction test_fraction dropout",
        more_than_0="max_length num_slots key_dim value_dim summary_dim hidden_dim num_cycles num_heads num_layers epochs "
        "batch_size learning_rate item_scale",
        at_least_0="students items folds fold limit history warmup_steps weight_decay patience seed split_seed",
    )
    for names, models in PARTS_OF.items():
        changed = [name for name in names.split() if getattr(config, name) != getattr(Config, name)]
        if changed and config.model not in models.split():
            flags = ", ".join(as_flag(name, off=getattr(Config, name) is True) for name in changed)
            raise UserError(f"{flags}: is of --model {' or '.join(models.split())}; leave it out for {config.model}")
    if config.categories and not 2 <= config.categories <= MOST_CATEGORIES:
        raise UserError(f"--categories {config.categories}: must be from 2 to {MOST_CATEGORIES}")
    if not 0 <= config.confident <= 1:
        raise UserError(f"--confident {config.confident}: must be from 0 to 1")
    if config.folds == 1 or config.fold >= (config.folds or 1):
        raise UserError(
            f"--folds {config.folds} --fold {config.fold}: wants 2 folds or more, and one of 0 to folds - 1"
        )
    if config.folds and config.test_files:
        raise UserError("--folds and --test-files each name the test students: leave one out")
    if config.model == "sakt" and config.hidden_dim % config.num_heads:
        raise UserError(f"--hidden-dim {config.hidden_dim}: must be a multiple of --num-heads {config.num_heads}")
    if config.model == "integrated" and config.summary_dim % config.num_heads:
        raise UserError(f"--summary-dim {config.summary_dim}: must be a multiple of --num-heads {config.num_heads}")
    if config.history >= config.max_length:
        raise UserError(f"--history {config.history}: must be less than --max-length {config.max_length}")
    if (config.validation_files or config.test_files or config.truth) and not config.train_files:
        raise UserError("--validation-files, --test-files and --truth go with --train-files")
    if config.train_files and (config.students or config.items):
        raise UserError("--students and --items are for simulated data, not for --train-files; leave them out")
    check_tracking(config.tracking)


def loss_weights(config: Config) -> dict[str, float]:
    """The parts of the loss."""
    return weighted_parts("--loss", config.loss, ("cross_entropy", "focal", "soft_qwk", "earth_mover", "cumulative"))


def build_model(config: Config, num_items: int, num_categories: int, item_skills=None):
    """The model that the settings name, built, with fresh weights."""
    from models.deep_gpcm import DeepGPCM
    from models.dkt import DKT
    from models.integrated_gpcm import IntegratedAttentionGPCM
    from models.sakt import SAKT

    def settings(names: str) -> dict:
        return {name: getattr(config, name) for name in names.split()}

    shared = settings("response_embedding item_scale dropout") | {"item_skills": item_skills}
    memory = settings(
        "num_slots key_dim value_dim summary_dim shared_embedding monotone item_discrimination ability_sees_item"
    )
    if config.model == "dkt":
        model = DKT(num_items, num_categories, **settings("hidden_dim"), **shared)
    elif config.model == "sakt":
        model = SAKT(num_items, num_categories, **settings("hidden_dim num_layers num_heads"), **shared)
    elif config.model == "integrated":
        own = settings("head num_cycles num_heads forgetting attention refinement gate confident")
        model = IntegratedAttentionGPCM(num_items, num_categories, **memory, **own, **shared)
    else:
        head = "linear" if config.model == "dkvmn" else config.head
        model = DeepGPCM(num_items, num_categories, head=head, **memory, **shared)
    model.build()
    return model


def compile_model(model, config: Config, total_steps: int) -> None:
    """AdamW under warm-up and decay, and the loss that the settings name."""

    from components.losses.ordinal_loss import OrdinalLoss
    from utils.training.optimizers import make_optimizer

    optimizer = make_optimizer(
        config.learning_rate,
        total_steps,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        clip_norm=5.0,
    )
    model.compile(optimizer, loss={"logits": OrdinalLoss(loss_weights(config))}, jit_compile=config.jit_compile)


def finish(config: Config, data, pieces, rows, tracker) -> dict:
    """Score the best epoch's model on everything and write what a user takes home."""
    import numpy as np

    from models import load_model
    from utils.common.files import write_csv, write_json
    from utils.tracing.evaluation import baselines_and_ceilings, predict
    from utils.tracing.metrics import fit_rule, headroom_closed, scores
    from utils.training.export import export_saved_model
    from utils.training.run import conditions

    run_dir = config.run_dir
    model = load_model(run_dir / "best.keras")
    found = {name: predict(model, pieces[name]) for name in pieces if name != "train"}
    rule = fit_rule(*found["validation"][:2])
    items = {name: np.concatenate([items for items, _ in data.pairs(name)]) for name in found}
    metrics = {name: scores(*predicted[:2], rule, items[name]) for name, predicted in found.items()}
    for name, (_, _, more) in found.items():
        metrics[name] |= {"skipped": float(more["skipped"].mean())} if "skipped" in more else {}
    results = {
        "task": "tracing",
        **conditions(config, model, rows),
        "data": data.described,
        "rule": asdict(rule),
        "metrics": metrics,
        "baselines": {},
    }
    if "test" in pieces:
        results["baselines"] = baselines_and_ceilings(data)
        ceiling = results["baselines"].get("true_items", results["baselines"]["fitted_items"])["test"]
        majority = results["baselines"]["majority"]["test"]
        results["headroom_closed"] = {
            name: headroom_closed(metrics["test"][name], majority[name], ceiling[name]) for name in ("accuracy", "nll")
        }
    last = "test" if "test" in pieces else "validation"
    abilities = found["validation"][2].get("ability")
    results |= draw(config, model, data, pieces[last], found[last], abilities, rows, last)
    for name, of_split in metrics.items():
        print(told(name, of_split))
    for name, of_split in results["baselines"].items():
        print(told(f"{name}, test", of_split["test"]))
    if config.export:
        axes = {name: ("batch", "steps") for name in ("item_ids", "responses", "padding_mask")}
        export_saved_model(model, run_dir / "saved_model", axes)
    predictions = listed_predictions(data.sequences[last], *found[last][:2])
    write_csv(run_dir / f"{last}_predictions.csv", predictions)
    write_json(run_dir / "items.json", data.numbers)
    write_json(run_dir / "splits.json", {name: [s.student for s in part] for name, part in data.sequences.items()})
    write_json(run_dir / "results.json", results)
    tracker.log_images({plot.stem: plot for plot in sorted(run_dir.glob("*.png"))})
    tracker.log_table("predictions", list(predictions[0]), [list(row.values()) for row in predictions[:200]])
    compared = {f"{name}, test": of["test"] for name, of in results["baselines"].items()} | metrics
    columns = ["accuracy", "within_one", "qwk", "qwk_best_rule", "nll", "calibration_error"]
    tracker.log_table(
        "scores", ["what", *columns], [[name, *(of[c] for c in columns)] for name, of in compared.items()]
    )
    tracker.log_artifact(run_dir / "best.keras", f"tracing-{config.model}", "model")
    tracker.summary({f"{name}_{key}": value for name, part in metrics.items() for key, value in part.items()})
    print(f"everything is in {run_dir}")
    return results


def draw(config: Config, model, data, pieces, found, abilities, rows, split: str) -> dict:
    """Make the plots of a split; returns what else they show, for `results.json`.

    Args:
        pieces, found: of the split, and what `predict` has of it.
        abilities: of the validation students, whose deviation counts as that of all students.
    """
    from utils.common.plots import plot_history
    from utils.tracing import plots
    from utils.tracing.data import cut
    from utils.tracing.evaluation import item_parameters, recovered, trajectories
    from utils.tracing.simulation import PROBABILITIES

    run_dir, (chances, responses, more) = config.run_dir, found
    panels = {"loss": ["loss", "val_loss"], "validation": ["val_accuracy", "val_qwk"]}
    plot_history(rows, run_dir / "history.png", panels)
    components = [name for name in rows[0] if name.startswith("gradient_")]
    plot_history(rows, run_dir / "gradient_flow.png", {"gradient, root mean square": components}, log=True)
    plots.plot_confusion(chances, responses, run_dir / "confusion.png")
    plots.plot_calibration(chances, responses, run_dir / "calibration.png")
    items = item_parameters(model, data)
    if "address" in items:
        skills = data.item_skills[1:] if data.item_skills else None
        plots.plot_addresses(items["address"], run_dir / "addresses.png", skills)
    if "thresholds" not in items:
        return {}
    names = sorted(data.numbers, key=data.numbers.get)
    curves, prior = PROBABILITIES[config.head], max(float(abilities.std()), 0.01)
    plots.plot_item_curves(names, items["discrimination"], items["thresholds"], curves, run_dir / "item_curves.png")
    plots.plot_wright_map(more["ability"], items["thresholds"], run_dir / "wright_map.png")
    whole = [sequence for sequence in data.sequences[split] if len(sequence.items) <= config.max_length][:6]
    shown, names = cut(whole, data.numbers, config.max_length), [sequence.student for sequence in whole]
    plots.plot_abilities(trajectories(model, shown, names, prior, config.head), run_dir / "abilities.png")
    results = {"abilities": {"mean": float(abilities.mean()), "deviation": prior}}
    if data.truth is not None and split == "test" and config.item_discrimination and config.head == "gpcm":
        pairs, results["recovery"] = recovered(data, pieces, items, more["ability"], prior)
        plots.plot_recovery(pairs, run_dir / "recovery.png")
    return results


def listed_predictions(sequences, chances, responses) -> list[dict]:
    """A row a scored response: student, step from 1, item, response and the categories' probabilities."""
    steps = ((s.student, step, item) for s in sequences for step, item in enumerate(s.items, start=1))
    return [
        {"student": student, "step": step, "item": item, "response": int(response)}
        | {f"p{category}": round(float(chance), 6) for category, chance in enumerate(of)}
        for (student, step, item), response, of in zip(steps, responses, chances, strict=True)
    ]


def told(name: str, found: dict) -> str:
    """One split's scores as a line."""
    shown = [f"accuracy {found['accuracy']:.4f}", f"QWK {found['qwk']:.4f}", f"NLL {found['nll']:.4f}"]
    shown += [f"best-rule QWK {found['qwk_best_rule']:.4f}"] if "qwk_best_rule" in found else []
    shown += [f"AUC {found['auc']:.4f}"] if "auc" in found else []
    shown += [f"{found['skipped']:.0%} of later cycles skipped"] if found.get("skipped") else []
    return f"{name}: {', '.join(shown)} ({found['total']:,} responses)"


if __name__ == "__main__":
    run_script(main, Config)
