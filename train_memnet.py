"""Key-value memory networks: answer a question by attending over facts.

Models: KVMemNet (models/kv_memnet.py) that points at a fact by its key (`--model pointer`), that scores values by the embedding
of questions (`--model tied`) or by one of their own (`--model untied`), and the untied one with all words in its vocabulary, as
key-value memory networks are usually written down (`--model documented`, a control).

Papers: Sukhbaatar et al. 2015 (end-to-end memory networks); Miller et al. 2016 (key-value memory networks).

Examples:

    python train_memnet.py --run-dir runs/memnet

    python train_memnet.py --facts people.tsv --templates questions.tsv --distractors 20 --run-dir runs/people

    python train_memnet.py --train-files wikimovies.jsonl.gz --run-dir runs/wikimovies

Scores and running times with their conditions stand in docs/results.md.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from utils.common.errors import UserError
from utils.training.run import check_run_dir, run_script, set_up_run
from utils.training.settings import check_ranges

# What a setting is that the command line leaves out.
OPEN = {"encoder": "words", "vocabulary": "open", "hidden_dim": 128, "learning_rate": 3e-3, "redraw": True}
MODELS = {
    "pointer": OPEN,
    "tied": OPEN,
    "untied": OPEN,
    "documented": {
        "encoder": "position",
        "vocabulary": "closed",
        "hidden_dim": 200,
        "learning_rate": 5e-4,
        "redraw": False,
    },
}
STEPS_PER_EXECUTION = 16
SHOWN = 8
"""Questions, and facts of each, in the picture of attention."""
SWEPT = 1_000
"""Test questions that are asked again with other numbers of distractors, and of the whole knowledge base."""


@dataclass
class Config:
    """Settings of one run."""

    run_dir: Path
    """Folder for everything the run writes; must not exist, unless with --resume."""
    data: Literal["demo"] = "demo"
    """Built-in facts about 650 invented people, in the place of files."""
    facts: list[Path] = field(default_factory=list)
    """CSV or TSV files of subject, relation and object (by a header, or in this order), or WikiMovies' knowledge base (.txt)."""
    templates: Path | None = None
    """Question templates for --facts: rows of relation, template with {s} for the subject, and perhaps `test` (a way to ask that
    training does not have), with tabs between and no header."""
    train_files: list[Path] = field(default_factory=list)
    """Questions in the place of templates: JSON lines of question, answers and perhaps memory (facts), or WikiMovies' text."""
    validation_files: list[Path] = field(default_factory=list)
    """Questions to choose the best epoch on. Left out: whole subjects are held out."""
    test_files: list[Path] = field(default_factory=list)
    """Questions that are scored once, at the end. Left out: whole subjects are held out."""
    validation_fraction: float = 0.1
    """Share of the subjects held out when no validation files are given (the demo has 50 people for it)."""
    test_fraction: float = 0.2
    """Share of the subjects held out when no test files are given (the demo has 100 people for it)."""
    held_out_values: float = 0.1
    """Share of every relation's values that no training fact has, for the score on unseen values (not with --train-files)."""
    templates_each: int = 4
    """Templates that a subject and relation is asked about with, drawn from all; 0 is all."""
    distractors: int = 15
    """Facts beside those that answer, where questions are made of templates."""
    sweep: list[int] = field(default_factory=lambda: [15, 100, 1000])
    """Numbers of distractors that the test is repeated with."""
    candidates: int = 100
    """Facts that retrieval from the whole knowledge base gives the model."""
    retrieval: Literal["words", "vectors"] = "words"
    """How they are found: inverted index of words, or nearest neighbours of the question's vector."""
    limit: int = 0
    """Train on this many questions, drawn with the seed; 0 is all."""

    model: Literal["pointer", "tied", "untied", "documented"] = "pointer"
    """How values are scored; the options below override its parts one by one (None: as this model has it)."""
    encoder: Literal["words", "position", "transformer"] | None = None
    """How a text becomes a vector."""
    vocabulary: Literal["open", "closed"] | None = None
    """Open: only words that ask are learned, names are hashed. Closed: all words of facts and questions."""
    hidden_dim: int | None = None
    """Size of the vectors."""
    num_hops: int = 1
    """Reads of the memory."""
    attention_supervision: float = 0.0
    """Weight of the loss that wants attention on the facts that answer."""
    redraw: bool | None = None
    """Draw new distractors for every epoch."""

    epochs: int = 20
    """Passes over the training questions at most."""
    batch_size: int = 32
    """Questions a step."""
    learning_rate: float | None = None
    """Peak learning rate of AdamW."""
    warmup_steps: int = 100
    """Steps of linear warm-up (at most a fifth of all)."""
    weight_decay: float = 0.0
    """AdamW's decoupled weight decay."""
    patience: int = 0
    """Stop after this many epochs without a better validation accuracy; 0 never."""
    seed: int = 0
    """Seed of weights, order and distractors."""
    split_seed: int = 0
    """Seed of the demo people, of what is held out, and of what --limit draws."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format of the computations."""
    jit_compile: bool = True
    """Compile the step with XLA."""

    resume: bool = False
    """Go on with the run in --run-dir."""
    tracking: Literal["auto", "online", "offline", "off"] = "auto"
    """Weights & Biases; auto is online when this machine is logged in, else off."""
    export: bool = True
    """Write a SavedModel at the end."""


def main(config: Config) -> int:
    preset = MODELS[config.model]
    config = replace(config, **{name: value for name, value in preset.items() if getattr(config, name) is None})
    check(config)
    check_run_dir(config)
    data = load_data(config)  # bad data is told before anything is written
    for note in data.notes:
        print(note)
    set_up_run(config, {"facts_and_questions": data.checksum})

    import keras

    from utils.training.fit import fit
    from utils.training.run import set_precision
    from utils.training.tracking import start_tracking

    keras.utils.set_random_seed(config.seed)
    set_precision(config.precision)

    # --- data
    from utils.memnet.features import build_features, encode_facts, encode_questions, training_batches

    vocabulary = keep_vocabulary(config, data)
    facts = encode_facts(data.base, vocabulary)
    features = {name: data.features(name, vocabulary) for name in data.questions if name != "train"}
    train_ids = encode_questions(data.questions["train"], vocabulary)
    drawn = {}

    def features_of_epoch(epoch: int):
        epoch = epoch if config.redraw and not data.given_memories else 0
        if epoch not in drawn:
            drawn.clear()
            memories = data.memories("train", config.distractors, (config.seed, 1, epoch))
            drawn[epoch] = build_features(data.base, data.questions["train"], train_ids, memories)
        return drawn[epoch]

    # --- model
    longest = max(part.shape[1] for part in (train_ids, facts.keys, facts.values))
    model = build_model(config, vocabulary, max_length=max(64, longest))
    steps_per_epoch = math.ceil(len(data.questions["train"]) / config.batch_size)
    compile_model(model, config, steps_per_epoch * config.epochs)
    counts = ", ".join(f"{name} {len(part):,}" for name, part in data.questions.items())
    print(f"{len(data.base.facts):,} facts, {len(vocabulary):,} words learned; questions: {counts}")
    print(f"{config.model}: {model.count_params():,} parameters, {steps_per_epoch} steps an epoch")

    # --- training
    from utils.memnet.metrics import evaluate

    def validate(model):
        scores, _, _ = evaluate(model, features["validation"], facts, data.base, data.questions["validation"])
        return {f"val_{name}": scores[name] for name in ("accuracy", "hits@10", "mrr", "gold_key_accuracy")}

    tracker = start_tracking(config.tracking, "qkv-zoo-memnet", config.run_dir, asdict(config))
    code = 1
    try:
        rows = fit(
            model,
            lambda first_step: training_batches(
                features_of_epoch, len(train_ids), facts, config.batch_size, config.seed, first_step
            ),
            steps_per_epoch=steps_per_epoch,
            epochs=config.epochs,
            evaluate=validate,
            monitor="val_accuracy",
            run_dir=config.run_dir,
            patience=config.patience,
            tracker=tracker,
            resume=config.resume,
            steps_per_execution=STEPS_PER_EXECUTION,
        )
        finish(config, data, vocabulary, facts, features, rows, tracker)
        code = 0
    finally:
        tracker.finish(code)
    return 0


def check(config: Config) -> None:
    """Settings that can not work, told in one line before any work is done."""
    from utils.training.tracking import check_tracking

    check_ranges(
        config,
        less_than_1="validation_fraction test_fraction held_out_values",
        more_than_0="hidden_dim num_hops epochs batch_size learning_rate candidates distractors",
        at_least_0="limit templates_each warmup_steps weight_decay attention_supervision patience seed split_seed",
    )
    if min(config.sweep, default=1) < 1:
        raise UserError(f"--sweep {min(config.sweep)}: must be more than 0")
    if config.encoder == "transformer" and config.hidden_dim % 4:
        raise UserError(
            f"--hidden-dim {config.hidden_dim}: must be a multiple of 4, the Transformer's heads"
        )  # fmt: skip
    if bool(config.templates) != bool(config.facts and not config.train_files):
        raise UserError("--facts wants --templates (or --train-files with questions), and --templates wants --facts")
    if (config.validation_files or config.test_files) and not config.train_files:
        raise UserError("--validation-files and --test-files go with --train-files")
    if not config.validation_files and not config.validation_fraction:
        raise UserError("--validation-fraction 0.0: leaves nothing to choose the best epoch on; give more than 0")
    if config.attention_supervision and config.model == "pointer":
        raise UserError(
            "--attention-supervision: a pointer's scores are its attention, which is trained anyway; leave it out"
        )
    if config.hidden_dim % 2:
        raise UserError(f"--hidden-dim {config.hidden_dim}: must be even")
    default = Config(config.run_dir)
    for name in ("templates_each", "held_out_values", "distractors", "sweep"):
        if config.train_files and getattr(config, name) != getattr(default, name):
            raise UserError(
                f"--{name.replace('_', '-')}: is for questions made of templates, not for --train-files; leave it out"
            )
    check_tracking(config.tracking)


def load_data(config: Config):
    """The facts, the questions of every split, and how memories are drawn."""
    from utils.memnet.data import read_facts, read_templates
    from utils.memnet.splits import demo_people, split_files, split_templates

    if config.train_files:
        base, notes = read_facts(config.facts) if config.facts else (None, [])
        return split_files(config, base, notes)
    if config.facts:
        base, notes = read_facts(config.facts)
        return split_templates(config, base, notes, read_templates(config.templates))
    base, templates, subjects = demo_people(config.split_seed)
    return split_templates(config, base, [], templates, subjects)


def keep_vocabulary(config: Config, data):
    """The run's vocabulary, kept in its folder with its facts; the one there on --resume."""
    import json

    from utils.common.files import write_atomically, write_json
    from utils.memnet.features import Vocabulary, closed_vocabulary, open_vocabulary

    kept = config.run_dir / "vocabulary.json"
    if not (config.resume and kept.exists()):
        training = data.questions["train"]
        made = {"open": open_vocabulary, "closed": closed_vocabulary}[config.vocabulary]
        vocabulary = made(data.base, training)
        rows = ["subject\trelation\tobject", *("\t".join(triple) for triple in map(data.row, data.base.facts))]
        write_atomically(config.run_dir / "facts.tsv", "\n".join(rows) + "\n")
        write_json(kept, {"words": vocabulary.words, "hashed": vocabulary.hashed})
    stored = json.loads(kept.read_text())
    return Vocabulary(stored["words"], stored["hashed"])


def build_model(config: Config, vocabulary, max_length: int = 64):
    """The model that the settings name, built, with fresh weights; a Transformer reads texts of `max_length` words."""
    from models.kv_memnet import KVMemNet
    from utils.memnet.features import HASHES

    model = KVMemNet(
        len(vocabulary),
        hidden_dim=config.hidden_dim,
        num_hops=config.num_hops,
        answer="untied" if config.model == "documented" else config.model,
        encoder=config.encoder,
        num_buckets=math.isqrt(HASHES) if vocabulary.hashed else 0,
        max_length=max_length,
    )
    model.build()
    return model


def compile_model(model, config: Config, total_steps: int) -> None:
    """AdamW under warm-up and decay; cross-entropy over the slots, and on the attention where that is asked for."""
    import keras

    from utils.training.optimizers import make_optimizer

    optimizer = make_optimizer(
        config.learning_rate,
        total_steps,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        clip_norm=10.0,
    )
    losses = {name: keras.losses.CategoricalCrossentropy(from_logits=True) for name in ("scores", "address")}
    weights = {"scores": 1.0, "address": config.attention_supervision}
    model.compile(optimizer, loss=losses, loss_weights=weights, jit_compile=config.jit_compile)


def finish(config: Config, data, vocabulary, facts, features, rows, tracker) -> dict:
    """Score the best epoch's model on everything and write what a user takes home."""

    from models import load_model
    from utils.common.files import write_json
    from utils.memnet.baselines import Baselines
    from utils.memnet.metrics import evaluate
    from utils.training.export import export_saved_model
    from utils.training.run import conditions

    run_dir, base = config.run_dir, data.base
    model = load_model(run_dir / "best.keras")
    plain = Baselines(base, data.questions["train"])
    metrics, baselines, shown = {}, {}, []
    parts = {name: (part, features[name]) for name, part in data.questions.items() if name != "train"}
    parts |= data.repeats(vocabulary, facts, model, SWEPT)
    for name, (questions, part) in parts.items():
        metrics[name], _, found = evaluate(model, part, facts, base, questions)
        print(told(name, metrics[name]))
        if name == "validation":
            continue
        for baseline, scores in plain.scores(facts, part, questions).items():
            baselines.setdefault(baseline, {})[name] = scores
        if name == "test":
            shown = attention_rows(base, questions, part, found)
            pointer = model.config["answer"] == "pointer"
            write_json(run_dir / "predictions.json", predictions(base, facts, questions, part, found, pointer))
    ids = {name: [question.id for question in part] for name, part in data.questions.items()}
    write_json(run_dir / "splits.json", {"split_seed": config.split_seed, **ids})
    plots(run_dir, rows, shown)
    if config.export:
        shapes = {"question_ids": ("batch", "question_words"), "key_ids": ("batch", "slots", "key_words")}
        shapes |= {"value_ids": ("batch", "slots", "value_words"), "memory_mask": ("batch", "slots")}
        export_saved_model(model, run_dir / "saved_model", shapes)
    results = {
        "task": "memnet",
        **conditions(config, model, rows),
        "data": data.described,
        "metrics": metrics,
        "baselines": baselines,
    }
    write_json(run_dir / "results.json", results)
    table = [(question, fact, float(weight), gold) for question, seen in shown for fact, weight, gold in seen]
    tracker.log_table("attention", ["question", "fact", "weight", "answers"], table)
    tracker.log_images({plot.stem: plot for plot in sorted(run_dir.glob("*.png"))})
    tracker.log_artifact(run_dir / "best.keras", f"memnet-{config.model}", "model")
    tracker.summary({f"{name}_{key}": value for name, scores in metrics.items() for key, value in scores.items()})
    print(f"everything is in {run_dir}; ask it: python predict.py {run_dir} QUESTION")
    return results


def told(name: str, scores: dict) -> str:
    """One split's scores as a line."""
    if not scores["total"]:
        return f"{name}: no questions"
    return (
        f"{name}: accuracy {scores['accuracy']:.4f}, MRR {scores['mrr']:.4f}, gold key {scores['gold_key_accuracy']:.4f}, "
        f"answer in memory {scores['candidate_recall']:.4f}, {scores['total']:,} questions"
    )


def fact_text(fact) -> str:
    return f"{fact.subject} / {fact.relation} / {fact.object}"


def attention_rows(base, questions, features, found):
    """Of some questions, evenly spaced, the facts with most attention: text, weight, and whether it answers."""
    rows = []
    for row in range(0, len(questions), max(1, len(questions) // SHOWN))[:SHOWN]:
        question = questions[row]
        order = found.address[row].argsort()[::-1][:SHOWN]
        order = [slot for slot in order if features.memory[row, slot] >= 0]
        seen = [
            (
                fact_text(base.facts[features.memory[row, slot]]),
                found.address[row, slot],
                bool(features.gold[row, slot]),
            )
            for slot in order
        ]
        rows.append((question.text, seen))
    return rows


def predictions(base, facts, questions, features, found, pointer: bool) -> list[dict]:
    """Every question with the best value, and the fact that was most attended to."""
    from utils.memnet.metrics import ranked_values

    texts = dict(zip(facts.objects.tolist(), (fact.object for fact in base.facts), strict=True))
    rows = []
    for row, question in enumerate(questions):
        held = features.memory[row] >= 0
        answer = {"answer": None}  # no memory
        if held.any():
            values, _ = ranked_values(found.scores[row][held], facts.objects[features.memory[row][held]], pointer)
            number = int(features.memory[row, found.address[row].argmax()])
            answer = {"answer": texts[int(values[0])], "fact": fact_text(base.facts[number])}
        rows.append({"id": question.id, "question": question.text, "right": list(question.answers), **answer})
    return rows


def plots(run_dir: Path, rows, shown) -> None:
    """Scores epoch by epoch, and the attention of some questions, as PNG files."""
    from utils.common.plots import plot_attention, plot_history

    panels = {"loss": ["loss"], "validation": ["val_accuracy", "val_gold_key_accuracy"]}
    plot_history(rows, run_dir / "history.png", panels)
    plot_attention(shown, run_dir / "attention.png")


if __name__ == "__main__":
    run_script(main, Config)
