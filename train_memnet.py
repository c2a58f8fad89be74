"""Train a key-value memory network that answers questions by attending over facts.

Models: KVMemNet (models/kv_memnet.py) in four forms. `--model pointer`, the default, answers with the value of the fact whose key
it attends to. `--model tied` scores values by the embedding of questions, `--model untied` by an embedding of their own. The
control, `--model documented`, is untied and learns all words, as key-value memory networks are usually published.

Papers: Sukhbaatar et al. 2015 (end-to-end memory networks); Miller et al. 2016 (key-value memory networks).

    python train_memnet.py --run-dir runs/memnet

This takes 20 to 28 s of training on two cores of an AMD EPYC. With seeds 0, 1 and 2 it reaches accuracy 1.000 on 1,728 to 1,760
test questions about people that training did not ask about; docs/memnet.md has all conditions. Other examples:

    python train_memnet.py --facts people.tsv --templates questions.tsv --distractors 20 --run-dir runs/people

    python train_memnet.py --train-files wikimovies.jsonl.gz --run-dir runs/wikimovies
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from utils.common.batching import BatchPart
from utils.common.errors import UserError, counted
from utils.common.figures import model_and_data
from utils.common.reading import Reading
from utils.memnet.baselines import count_answers
from utils.memnet.evaluation import evaluate, repeated_tests
from utils.memnet.evidence import FEATURES
from utils.memnet.features import (
    NUM_HASHES,
    Vocabulary,
    encode_facts,
    training_batches,
)
from utils.memnet.plots import attention_table, plot_test, plot_training
from utils.memnet.predictor import MemnetPredictor
from utils.memnet.report import format_scores, write_predictions, write_splits
from utils.memnet.settings import check_evidence, load_data, write_vocabulary
from utils.training.run import check_run_dir, run_script, set_up_keras, set_up_run
from utils.training.settings import RunConfig, as_flag, check_common, check_ranges

# The defaults of the settings that depend on --model, and `scoring`, how values are scored.
OPEN = {"encoder": "words", "vocabulary": "open", "hidden_dim": 128, "learning_rate": 3e-3, "redraw": True}
CLOSED = {"encoder": "position", "vocabulary": "closed", "hidden_dim": 200, "learning_rate": 5e-4, "redraw": False}
MODELS = {
    "pointer": {"scoring": "pointer", "evidence": True, **OPEN},
    "tied": {"scoring": "tied", "evidence": False, **OPEN},
    "untied": {"scoring": "untied", "evidence": False, **OPEN},
    "documented": {"scoring": "untied", "evidence": False, **CLOSED},
}
TRANSFORMER_HEADS = 4
STEPS_PER_EXECUTION = 16


@dataclass
class Config(RunConfig):
    """Settings of one run."""

    data: Literal["demo"] = "demo"
    """Built-in data, where no files are given: facts about 650 invented people."""
    facts: list[Path] = field(default_factory=list)
    """Facts of subject, relation and object: tables, JSON lines, Parquet, N-Triples, WikiMovies' facts (docs/data_formats.md)."""
    templates: Path | None = None
    """Question templates for --facts, with tabs between: relation, template with {s} for the subject, and optionally `test` for a
    template that training does not use."""
    train_files: list[Path] = field(default_factory=list)
    """Questions in the place of templates: JSON lines of question, answers and optionally memory (facts), or the text files of
    WikiMovies, MetaQA and ParlAI."""
    validation_files: list[Path] = field(default_factory=list)
    """Questions to choose the best epoch on. Left out: subjects are held out."""
    test_files: list[Path] = field(default_factory=list)
    """Questions that are scored once, at the end. Left out: subjects are held out."""
    validation_fraction: float = 0.1
    """Fraction of the subjects that is held out for validation (the demo has 50 people for it)."""
    test_fraction: float = 0.2
    """Fraction of the subjects that is held out for the test (the demo has 100 people for it)."""
    held_out_values: float = 0.1
    """Fraction of each relation's values that no training fact has, for the score on unseen values."""
    templates_each: int = 4
    """Templates that each subject and relation is asked about with, drawn from all; 0 is all."""
    distractors: int = 15
    """Facts in a memory beside those that answer."""
    extra_distractors: int = 0
    """Facts that retrieval finds for a training question among the training's facts and that are added to its memory, at most;
    how many is drawn for each question and epoch. For questions that are to be answered from all facts."""
    unanswerable: float = 0.0
    """Fraction of the training questions whose memory loses the facts that answer, drawn anew for each epoch. With it the model
    learns to say that the facts do not answer."""
    partial_names: float = 0.0
    """Fraction of the training questions that keep one word of their subject's name, drawn anew for each epoch. With --unanswerable
    a model answers "When was Einstein born?" only if it has seen such questions."""
    unknown_words: float = 0.0
    """Fraction of the training questions in which a word that asks becomes an unknown one, drawn anew for each epoch. With
    --unanswerable the model then abstains where the other words do not tell what is asked. For questions with known relations."""
    sweep: list[int] = field(default_factory=lambda: [15, 100, 1000])
    """Numbers of distractors that the test is repeated with."""
    candidates: int = 100
    """Facts that retrieval from all facts gives the model."""
    retrieval: Literal["words", "vectors"] = "words"
    """How retrieval finds facts: by an inverted index of words, or as nearest neighbours of the question's vector. Vectors found
    fewer answers and took longer (docs/large_data.md)."""
    split_seed: int = 0
    """Seed of the demo's people, of what is held out, of what --limit draws, and of the distractors of validation and test."""
    # --- model
    model: Literal["pointer", "tied", "untied", "documented"] = "pointer"
    """How values are scored. It also decides the defaults of some settings below."""
    encoder: Literal["words", "position", "transformer"] | None = None
    """How a text becomes a vector. Left out: position for documented, words for the others."""
    vocabulary: Literal["open", "closed"] | None = None
    """Open: only the words that ask are learned, names are hashed. Closed: all words of facts and questions are learned. Left
    out: closed for documented, open for the others."""
    hidden_dim: int | None = None
    """Size of the vectors. Left out: 200 for documented, 128 for the others."""
    num_hops: int = 1
    """Reads of the memory. With evidence 2 are two steps, the second one from the objects of the first one's facts, for questions
    such as "Who directed films that Ada starred in?" (templates of two relations with ` -> ` between them)."""
    evidence: bool | None = None
    """Give the model evidence of how a question names the subjects of facts (exactly, in part, by how rare words) in the place of
    names. Left out: for pointer with at most two steps, --retrieval words and --vocabulary open."""
    attention_supervision: float = 0.0
    """Weight of a loss on the attention, whose target is the facts that answer."""
    redraw: bool | None = None
    """Draw new distractors for each epoch. Left out: not for documented, but for the others."""
    # --- training
    epochs: int = 20
    """Passes over the training questions, at most."""
    learning_rate: float | None = None
    """Peak learning rate of AdamW. Left out: 5e-4 for documented, 3e-3 for the others."""
    seed: int = 0
    """Seed of weights, order and training distractors."""


def main(config: Config) -> int:
    config = with_model_defaults(config)
    check(config)
    check_run_dir(config)

    # --- data
    reading = Reading(config.max_bad_fraction)
    data = load_data(config, reading)  # bad data ends the script before anything is written
    for note in [*reading.notes, *data.notes]:
        print(note)
    set_up_run(config, {"facts_and_questions": data.checksum})
    vocabulary = write_vocabulary(config, data)
    facts = encode_facts(data.base.facts, vocabulary, config.evidence, config.num_hops)
    question_ids = data.encode_questions(vocabulary)
    features = data.scoring_features(question_ids, config.distractors, config.split_seed)
    train_ids, num_train = question_ids["train"], len(data.questions["train"])
    draws = config.distractors, config.seed, config.redraw, config.extra_distractors, config.unanswerable
    features_of_epoch = data.training_features(
        train_ids, facts, *draws, config.partial_names, config.unknown_words, vocabulary
    )
    counts = ", ".join(f"{split} {len(questions):,}" for split, questions in data.questions.items())
    print(f"{counted(len(data.base.facts), 'fact')}, {len(vocabulary):,} words learned; questions: {counts}")

    # --- model
    set_up_keras(config)
    longest_text = max(array.shape[1] for array in (train_ids, facts.keys, facts.values))
    model = build_model(config, vocabulary, max_length=max(64, longest_text))
    steps_per_epoch = math.ceil(num_train / config.batch_size)
    compile_model(model, config, steps_per_epoch * config.epochs)
    print(f"{config.model}: {model.count_params():,} parameters, {steps_per_epoch} steps per epoch")

    # --- training
    from utils.memnet.scoring import HEADLINE, MAX_REPEATED_QUESTIONS, score_tests, summary_arrays
    from utils.training.fit import fit
    from utils.training.publish import publish
    from utils.training.tracking import start_tracking
    from utils.training.training_summary import write_training_summary

    def batches(first_step: int, part: BatchPart):
        return training_batches(features_of_epoch, num_train, facts, config.batch_size, config.seed, first_step, part)

    def validate(model) -> dict[str, float]:
        metrics = evaluate(model, features["validation"], facts, data.base, data.questions["validation"]).metrics
        return {f"val_{name}": metrics[name] for name in ("accuracy", "hits@10", "mrr", "gold_key_accuracy")}

    with start_tracking(config, "memnet") as tracker:
        rows = fit(
            model,
            batches,
            steps_per_epoch=steps_per_epoch,
            epochs=config.epochs,
            evaluate=validate,
            monitor="val_accuracy",
            run_dir=config.run_dir,
            patience=config.patience,
            tracker=tracker,
            resume=config.resume,
            log_every=config.log_every,
            steps_per_execution=STEPS_PER_EXECUTION,
        )

        # --- evaluation
        predictor = MemnetPredictor.load_best_epoch(config.run_dir)
        tests = {split: (data.questions[split], features[split]) for split in features}
        tests |= repeated_tests(data, predictor, config.sweep, MAX_REPEATED_QUESTIONS, config.split_seed)
        scores = score_tests(predictor, tests, count_answers(data.questions["train"]))
        for split, evaluation in scores.evaluations.items():
            print(format_scores(split, evaluation.metrics))

        # --- report
        write_splits(config.run_dir, data, config.split_seed)
        write_training_summary(config.run_dir, **summary_arrays(data))
        if scores.questions:
            write_predictions(config.run_dir, scores.questions, scores.answers)
        title = model_and_data(config.model, config.test_files or config.train_files or config.facts, config.data)
        plot_training(config.run_dir, rows, scores.baselines, title)
        plot_test(config.run_dir, scores.attention, title, "test")
        exports = predictor.export(config.run_dir / "export") if config.export else {}
        files = [*config.facts, config.templates, *config.train_files, *config.validation_files, *config.test_files]
        question = (data.questions.get("test") or data.questions["validation"])[0].text
        publish(
            config,
            "memnet",
            predictor.model,
            rows,
            data={**data.description(files), "reading": reading.description()},
            evaluations=scores.evaluations,
            baselines=scores.baselines,
            headline=HEADLINE,
            tracker=tracker,
            details={"export": exports},
            tables={"attention": attention_table(scores.attention)},
            example_question=[question],
        )
    return 0


def with_model_defaults(config: Config) -> Config:
    """The settings, with the model's defaults in the place of None."""
    defaults = dict(MODELS[config.model])
    # With evidence the vectors hold no names, so that no index of vectors can find them; a closed vocabulary learns names.
    defaults["evidence"] &= config.retrieval == "words" and config.num_hops <= 2 and config.vocabulary != "closed"
    return replace(config, **{name: value for name, value in defaults.items() if getattr(config, name, value) is None})


def check(config: Config) -> None:
    """Check the settings before any work is done.

    Raises:
        UserError: a setting that cannot work.
    """
    check_common(config)
    check_ranges(
        config,
        less_than_1="validation_fraction test_fraction held_out_values unanswerable partial_names unknown_words",
        more_than_0="hidden_dim num_hops candidates distractors",
        at_least_0="templates_each attention_supervision split_seed extra_distractors",
    )
    if min(config.sweep, default=1) < 1:
        raise UserError(f"--sweep {min(config.sweep)}: must be more than 0")
    if config.encoder == "transformer" and config.hidden_dim % TRANSFORMER_HEADS:
        raise UserError(
            f"--hidden-dim {config.hidden_dim}: must be a multiple of {TRANSFORMER_HEADS}, the Transformer's heads"
        )
    if config.hidden_dim % 2:
        raise UserError(f"--hidden-dim {config.hidden_dim}: must be even")
    if bool(config.templates) != bool(config.facts and not config.train_files):
        raise UserError(
            "--facts needs --templates, or --train-files with questions, but not both; --templates needs --facts"
        )
    if not config.validation_files and not config.validation_fraction:
        raise UserError("--validation-fraction 0.0: leaves nothing to choose the best epoch on; give more than 0")
    check_evidence(config, is_pointer=MODELS[config.model]["scoring"] == "pointer")
    if config.attention_supervision and MODELS[config.model]["scoring"] == "pointer":
        raise UserError(
            "--attention-supervision: a pointer's scores are its attention, which is trained anyway; leave it out"
        )
    for name in ("templates_each", "held_out_values", "distractors", "sweep"):
        if config.train_files and getattr(config, name) != getattr(Config(config.run_dir), name):
            flag = as_flag(name)
            raise UserError(f"{flag}: is for questions made from templates, not for --train-files; leave it out")


def build_model(config: Config, vocabulary: Vocabulary, max_length: int = 64):
    """The model that the settings name, built, with fresh weights; a Transformer reads texts of up to `max_length` words."""
    from models.kv_memnet import KVMemNet

    model = KVMemNet(
        len(vocabulary),
        hidden_dim=config.hidden_dim,
        num_hops=config.num_hops,
        scoring=MODELS[config.model]["scoring"],
        encoder=config.encoder,
        num_buckets=math.isqrt(NUM_HASHES) if vocabulary.hashed and not config.evidence else 0,
        num_heads=TRANSFORMER_HEADS,
        max_length=max_length,
        num_evidence=len(FEATURES) if config.evidence else 0,
    )
    model.build()
    return model


def compile_model(model, config: Config, total_steps: int) -> None:
    """Give the model AdamW with warm-up and decay, and cross-entropy over the slots; a supervised attention has the same loss."""
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


if __name__ == "__main__":
    run_script(main, Config)
