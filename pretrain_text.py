"""Pretrain the encoder of train_squad.py on plain text, such as that of its own paragraphs, without any question.

Methods: `--method spans`, recurring-span selection (models/span_pretrainer.py): of a span that a paragraph names several times all
but one occurrence are masked, and the model finds the one that is left; beside it, it predicts masked words. `--method replaced`,
replaced-token detection (models/replaced_token_pretrainer.py): a small generator replaces words, and the encoder says which.

Papers: Ram et al. 2021 (recurring spans); Clark et al. 2020 (replaced tokens); Krishna et al. 2023 (on the task's own text).

    python pretrain_text.py --text-files train.json.gz --exclude-files dev.json.gz --run-dir runs/text
    python train_squad.py --init-from runs/text --train-files train.json.gz --test-files dev.json.gz --run-dir runs/squad

The second command takes the tokenizer and the weights of the first. More examples:

    python pretrain_text.py --text-files books.txt.gz news.jsonl --exclude-files none --method replaced --run-dir runs/replaced
    python pretrain_text.py --model bert --init-from FOLDER --text-files books.txt.gz --exclude-files none --run-dir runs/bert
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.squad.model_settings import ENCODER_SETTINGS, MODELS, SHAPE_SETTINGS
from utils.training.run import check_run_dir, run_script, set_up_keras, set_up_run
from utils.training.settings import TrainingConfig, as_flag, check_ranges, check_training


@dataclass
class Config(TrainingConfig):
    """Settings of one run."""

    text_files: list[Path] = field(default_factory=list)
    """Texts to learn from, compressed or not: plain text with blank lines between paragraphs, SQuAD's layout (paragraphs, with or
    without questions), or records with `text` (JSON, JSON lines, Parquet, .csv)."""
    exclude_files: list[Path] = field(default_factory=list)
    """Files that a model will be tested on, of the same kinds; their text must not be learned from. `none`: there are none."""
    overlap: Literal["refuse", "leave_out"] = "refuse"
    """What to do with a paragraph that has eight words in a row in common with --exclude-files: stop, or leave it out."""
    validation_fraction: float = 0.05
    """Fraction of the paragraphs to hold out, whole articles at a time, at most 1,000 paragraphs."""
    # --- model
    method: Literal["spans", "replaced"] = "spans"
    """What is learned: to select recurring spans, or to detect replaced tokens."""
    model: Literal["matching", "plain", "bert"] = "matching"
    """The encoder, as in train_squad.py: from scratch, or (`bert`, for --method spans) that of --init-from. The options below
    override its parts one by one; left out: the model's own value."""
    init_from: str | None = None
    """Of --model bert: pretrained checkpoint, a folder with config.json and model.safetensors or a name on the Hugging Face hub, or
    a run. Its tokenizer is used."""
    hidden_dim: int | None = None
    """Width of the encoder. Left out: 128, or that of the checkpoint."""
    num_layers: int | None = None
    """Transformer blocks. Left out: 3 for matching, 4 for plain, or those of the checkpoint."""
    num_heads: int | None = None
    """Attention heads. Left out: 4, or those of the checkpoint."""
    intermediate_dim: int | None = None
    """Width of the feed-forward networks. Left out: 512, or that of the checkpoint."""
    dropout: float = 0.1
    """Dropped fraction of the encoder's embeddings and residual branches, 0-1. The generator of --method replaced has none."""
    attention_dropout: float = 0.0
    """Dropped fraction of attention weights, 0-1; slow on CPUs."""
    match_features: bool | None = None
    """Add features of lexical match and word shape to the input. Left out: for matching only."""
    match_bias: bool | None = None
    """Add a bias for lexical match to attention. Left out: for matching only."""
    relative_positions: bool | None = None
    """Add a bias for relative positions to attention. Left out: for matching only."""
    convolution_width: int | None = None
    """Width of the two gated convolutions before each block, odd; 0 for none. Left out: 7 for matching, 0 for plain."""
    context_query_attention: bool | None = None
    """Use context-query attention, after the second block (the first of one or two). Left out: for matching only."""
    layer_dropout: float = 0.0
    """Fraction of training examples for which the last block is skipped, 0-1; proportionally fewer for the blocks before it."""
    hashed_words: int = 0
    """Rows of an embedding of whole words and stems, by their hashes; 0 for none. Of --method spans."""
    generator_dim: int = 256
    """Of --method replaced: width of the feed-forward network of the generator, which has one block."""
    word_vectors: Literal["text", "random"] | None = None
    """Initial token embeddings: from co-occurrences in the text, or random. Left out: text, or those of the checkpoint."""
    tokenizer: Path | None = None
    """A tokenizer.json, a vocab.txt or a folder with one. Left out: that of --init-from, or one trained on the text."""
    vocabulary_size: int | None = None
    """Pieces of a tokenizer that is trained here. Left out: one for every 80 words of text, from 1,000 to 16,000."""
    max_length: int = 256
    """Longest window in tokens, special tokens included. Longer paragraphs are cut."""
    # --- training
    epochs: int | None = None
    """Passes over the text. The last one is kept. Left out: 20, or 3 from a checkpoint."""
    learning_rate: float | None = None
    """Peak learning rate of AdamW. Left out: 1e-3, or 1e-4 from a checkpoint."""
    decay: Literal["cosine", "linear", "polynomial", "constant"] = "cosine"
    """Course of the learning rate after its warm-up."""
    warmup_steps: int = 500
    """Steps of linear warm-up (at most a fifth of all)."""
    weight_decay: float = 0.01
    """AdamW's decoupled weight decay; biases, scales and numbers such as weights by distance have none."""
    clip_norm: float = 1.0
    """Global norm that gradients are clipped to."""
    word_fraction: float = 0.15
    """Fraction of the tokens that are masked as words, 0-1."""
    max_questions: int = 12
    """Of --method spans: masked occurrences of recurring spans in a window, at most."""
    word_weight: float = 1.0
    """Weight of the loss of masked words; the losses of the start and the end of spans have 1."""
    replaced_weight: float = 50.0
    """Of --method replaced: weight of the loss of replaced tokens."""
    jit_compile: bool = False
    """Compile the training step with XLA. On JAX it always is."""
    # --- output
    cache_dir: Path = Path(".cache")
    """Where prepared data is kept between runs."""


def main(config: Config) -> int:
    from utils.squad.initial_weights import read_initial_checkpoint, set_initial_weights

    config = with_model_values(config)
    check(config)
    check_run_dir(config)
    checkpoint = read_initial_checkpoint(config.init_from, config.word_vectors, config.max_length, config.hidden_dim)

    # --- data
    from utils.squad.pretraining import TASK
    from utils.squad.pretraining.batches import text_batches
    from utils.squad.pretraining.held_out import group_names, split_paragraphs
    from utils.squad.pretraining.masking import ReplacementMasking, SpanMasking
    from utils.squad.pretraining.report import describe_text, report
    from utils.squad.pretraining.text_windows import prepare_windows, token_shapes
    from utils.squad.pretraining.texts import excluded_files, read_paragraphs, without_excluded
    from utils.squad.tokenizer import mask_id_of, tokenizer_for_texts
    from utils.text.tokenization import number_of_ids
    from utils.training.spread_checkpoint import will_continue

    reading = Reading(config.max_bad_fraction)
    paragraphs = read_paragraphs(config.text_files, reading)
    for note in reading.notes:
        print(note)
    excluded = excluded_files(config.exclude_files)
    paragraphs = without_excluded(
        paragraphs,
        excluded,
        leave_out=config.overlap == "leave_out",
        max_bad_fraction=config.max_bad_fraction,
    )
    parts = dict(
        zip(("train", "validation"), split_paragraphs(paragraphs, config.validation_fraction, config.seed), strict=True)
    )
    data = describe_text(config, parts, reading)
    initial = {"init_from": checkpoint.checksum} if checkpoint else {}
    set_up_run(config, data["checksum"] | initial)
    set_up_keras(config)
    training_texts = [paragraph.text for paragraph in parts["train"]]
    source = checkpoint.folder if checkpoint else config.tokenizer
    tokenizer = tokenizer_for_texts(config.run_dir, training_texts, source, config.vocabulary_size, config.resume)
    text = {
        name: prepare_windows(name, part, tokenizer, cache_dir=config.cache_dir, max_length=config.max_length)
        for name, part in parts.items()
    }
    names = group_names(parts["validation"])
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    groups = np.array([numbers[names[paragraph]] for paragraph in text["validation"].windows.window_context])

    # --- model
    mask_id, vocabulary_size = mask_id_of(tokenizer), number_of_ids(tokenizer)
    masking = ReplacementMasking(config.word_fraction)
    if config.method == "spans":
        masking = SpanMasking(mask_id, config.word_fraction, config.max_questions)
    model = build_model(config, vocabulary_size, mask_id, checkpoint)
    if not will_continue(config.run_dir):  # otherwise the checkpoint overwrites them
        initial_part = model if checkpoint else model.encoder
        set_initial_weights(initial_part, config.word_vectors, checkpoint, text["train"].windows)
        if config.method == "replaced":
            model.token_shapes.assign(token_shapes(text["train"].windows, vocabulary_size))
    steps_per_epoch = math.ceil(len(text["train"]) / config.batch_size)
    compile_model(model, config, total_steps=steps_per_epoch * config.epochs)
    print(
        f"{config.method}: {model.count_params():,} parameters, {steps_per_epoch} steps per epoch, {config.precision}"
    )

    # --- training
    from utils.squad.pretraining.evaluation import evaluate
    from utils.training.fit import fit
    from utils.training.tracking import start_tracking

    def score(model):
        return evaluate(model, text["validation"], masking, groups, config.batch_size)

    def evaluate_epoch(model):
        scores = {f"val_{name}": value for name, value in score(model)[0].metrics.items()}
        return scores | {"steps": float(model.optimizer.iterations)}

    with start_tracking(config, TASK) as tracker:
        rows = fit(
            model,
            lambda *step_and_part: text_batches(text["train"], masking, config.batch_size, config.seed, *step_and_part),
            steps_per_epoch=steps_per_epoch,
            epochs=config.epochs,
            evaluate=evaluate_epoch,
            monitor="steps",  # the last epoch is kept
            run_dir=config.run_dir,
            tracker=tracker,
            resume=config.resume,
            log_every=config.log_every,
        )

        # --- report
        from models import load_model

        model = load_model(config.run_dir)
        evaluation, baselines = score(model)
        report(config, model, rows, evaluation, baselines, data=data, paragraphs=paragraphs, tracker=tracker)
    return 0


def with_model_values(config: Config) -> Config:
    """The settings, with those that are left out filled in.

    Raises:
        UserError: a setting that the model does not have.
    """
    values = {"epochs": 20, "learning_rate": 1e-3, "word_vectors": "text"}
    if config.model == "bert":
        values = {"epochs": 3, "learning_rate": 1e-4}
        own = (*SHAPE_SETTINGS, "word_vectors", "tokenizer", "vocabulary_size")
        not_applicable = [name for name in own if getattr(config, name) is not None]
        not_applicable += [name for name in ("layer_dropout", "hashed_words") if getattr(config, name)]
        if not_applicable:
            flags = ", ".join(as_flag(name) for name in not_applicable)
            raise UserError(f"--model bert takes its shape and its tokenizer from its checkpoint: leave out {flags}")
    else:
        values |= {name: MODELS[config.model][name] for name in SHAPE_SETTINGS}
    return replace(config, **{name: value for name, value in values.items() if getattr(config, name) is None})


def check(config: Config) -> None:
    """Check the settings before any work is done.

    Raises:
        UserError: the first setting that cannot work.
    """
    from utils.squad.pretraining.text_windows import MIN_TOKENS
    from utils.squad.pretraining.texts import excluded_files
    from utils.squad.settings import check_encoder
    from utils.text.tokenization import load_tokenizer, special_token_ids

    check_ranges(
        config,
        less_than_1="word_fraction validation_fraction",
        more_than_0="max_length clip_norm vocabulary_size max_questions generator_dim validation_fraction",
        at_least_0="word_weight replaced_weight",
    )
    check_encoder(config)
    check_training(config)
    if (config.model == "bert") != bool(config.init_from):
        raise UserError(
            "--init-from, --model bert: the one needs the other; a model from scratch starts from no checkpoint"
        )
    if config.model == "bert" and config.method != "spans":
        raise UserError(f"--model bert, --method {config.method}: a pretrained encoder can learn by --method spans")
    if not config.text_files:
        raise UserError("--text-files: name the files to learn from")
    if not config.exclude_files:
        raise UserError("--exclude-files: name the files that a model will be tested on, or say --exclude-files none")
    excluded_files(config.exclude_files)
    if config.max_length < 2 * MIN_TOKENS:
        raise UserError(f"--max-length {config.max_length}: must be at least {2 * MIN_TOKENS}")
    if config.method == "replaced" and config.hashed_words:
        raise UserError("--hashed-words: the words of replaced tokens are unknown; use --method spans, or leave it out")
    if config.method == "replaced" and not config.word_fraction:
        raise UserError("--word-fraction 0.0: nothing would be replaced; give more than 0")
    if config.tokenizer:
        special_token_ids(load_tokenizer(config.tokenizer))


def build_model(config: Config, vocabulary_size: int, mask_id: int, checkpoint=None):
    """Build the model that the settings name, with random weights."""
    from models.replaced_token_pretrainer import ReplacedTokenPretrainer
    from models.span_pretrainer import SpanPretrainer
    from utils.squad.windows import padded_length

    if checkpoint:
        dropout = {"dropout": config.dropout, "attention_dropout": config.attention_dropout}
        model = SpanPretrainer(checkpoint.encoder | dropout, "BertEncoder")
        model.build()
        return model
    encoder = {name: getattr(config, name) for name in ENCODER_SETTINGS}
    encoder |= {"vocabulary_size": vocabulary_size, "max_length": padded_length(config.max_length)}
    if config.method == "spans":
        model = SpanPretrainer(encoder)
    else:
        model = ReplacedTokenPretrainer(encoder, mask_id, config.generator_dim, generator_heads=config.num_heads)
    model.build()
    return model


def compile_model(model, config: Config, total_steps: int) -> None:
    """Compile the model with its losses and optimizer."""
    from components.losses.places_cross_entropy import PlacesCrossEntropy
    from components.losses.replaced_token_loss import ReplacedTokenLoss
    from utils.training.optimizers import make_optimizer

    optimizer = make_optimizer(
        config.learning_rate,
        total_steps,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        clip_norm=config.clip_norm,
        decay=config.decay,
    )
    losses, weights = {"words": PlacesCrossEntropy()}, {"words": config.word_weight}
    if config.method == "spans":
        losses |= {end: PlacesCrossEntropy() for end in ("start", "end")}
        weights |= {"start": 1.0, "end": 1.0}
    else:
        losses["replaced"], weights["replaced"] = ReplacedTokenLoss(), config.replaced_weight
    model.compile(optimizer, loss=losses, loss_weights=weights, jit_compile=config.jit_compile)


if __name__ == "__main__":
    run_script(main, Config)
