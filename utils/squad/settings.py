"""Checks of the settings of train_squad.py."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from utils.common.errors import UserError
from utils.common.references import run_folder
from utils.text.tokenization import load_tokenizer, special_token_ids
from utils.text.tokenizer_files import tokenizer_notes
from utils.training.finished import read_run
from utils.training.run_files import paths_of
from utils.training.settings import as_flag, check_common, check_ranges

FROM_SCRATCH = ("layer_dropout", "hashed_words")
"""Settings of the model that a pretrained encoder does not have."""
NOT_MEMORISED = ("layer_dropout", "word_dropout", "name_swap", "sentence_shuffle", "r_drop", "teachers", "cloze_files")
"""Settings that keep a model from memorising its questions, or that train it on others."""


def check_settings(config) -> None:
    """Check the settings, with those of the model filled in, before any work is done.

    Args:
        config: `train_squad.Config`. Its `word_vectors` is None for a model that is fine-tuned from a checkpoint.

    Raises:
        UserError: the first setting that cannot work.
    """
    check_ranges(
        config,
        less_than_1="label_smoothing ema validation_fraction word_dropout name_swap",
        more_than_0="max_length clip_norm vocabulary_size layer_decay teacher_temperature",
        at_least_0="overfit doc_stride length_penalty r_drop sentence_loss",
    )
    check_encoder(config)
    if config.init_from == "":
        raise UserError("--init-from: is empty; name a folder or a model on the hub, or leave it out")
    is_pretrained = config.word_vectors is None
    if config.layer_decay > 1 or (config.layer_decay < 1 and not is_pretrained):
        raise UserError(
            f"--layer-decay {config.layer_decay}: must be at most 1, and 1 for a model that is trained from scratch"
        )
    if config.word_vectors == "pretrained" and not config.init_from:
        raise UserError("--word-vectors pretrained: name the checkpoint with --init-from")
    if config.init_from and (config.tokenizer or config.vocabulary_size):
        raise UserError("--tokenizer, --vocabulary-size: leave them out, a checkpoint comes with its own tokenizer")
    # Three special tokens and a question of one token; build_features checks again with the longest question.
    if config.max_length <= config.doc_stride + 4:
        raise UserError(f"--max-length {config.max_length}: must be well over --doc-stride {config.doc_stride}")
    if not config.validation_files and not config.validation_fraction:
        raise UserError(
            "--validation-fraction 0.0: leaves nothing to choose the best epoch on; give --validation-files or more than 0"
        )
    check_common(config)
    _check_signals(config, is_pretrained)
    if config.tokenizer:
        tokenizer = load_tokenizer(config.tokenizer)
        special_token_ids(tokenizer)
        for note in tokenizer_notes(config.tokenizer, tokenizer):
            print(note)


def check_encoder(config) -> None:
    """Check the settings of the encoder (`ENCODER_SETTINGS`). Those that are None are those of a checkpoint.

    Args:
        config: `train_squad.Config` or `pretrain_text.Config`.

    Raises:
        UserError: the first setting that cannot work.
    """
    check_ranges(
        config,
        less_than_1="dropout attention_dropout layer_dropout",
        more_than_0="hidden_dim num_layers num_heads intermediate_dim",
        at_least_0="convolution_width hashed_words",
    )
    if config.hidden_dim and config.hidden_dim % config.num_heads:
        raise UserError(f"--hidden-dim {config.hidden_dim} must be a multiple of --num-heads {config.num_heads}")
    if config.convolution_width and config.convolution_width % 2 == 0:
        raise UserError(f"--convolution-width {config.convolution_width}: must be odd (or 0 for none)")


def _check_signals(config, is_pretrained: bool) -> None:
    """Check the settings of what is learned beside the answers, and print what should be known about earlier runs."""
    if not 0 <= config.sentence_shuffle <= 1:
        raise UserError(f"--sentence-shuffle {config.sentence_shuffle}: must be at least 0 and at most 1")
    for name in ("teacher_weight", "cloze_fraction"):
        value = getattr(config, name)
        if not 0 < value <= 1:
            raise UserError(f"{as_flag(name)} {value}: must be more than 0 and at most 1")
    if is_pretrained and (flags := _flags_in_use(config, FROM_SCRATCH)):
        raise UserError(f"--model {config.model} takes its layers from its checkpoint: leave out {flags}")
    if config.overfit and (flags := _flags_in_use(config, NOT_MEMORISED)):
        raise UserError(f"--overfit {config.overfit} is to memorise its questions: leave out {flags}")
    if config.hashed_words and (flags := _flags_in_use(config, ("word_dropout", "name_swap"))):
        raise UserError(f"--hashed-words shows the words that {flags} would hide: leave out one of them")
    earlier = {f"teacher {run_dir}": read_run(run_dir, "squad") for run_dir in config.teachers}
    if folder := run_folder(config.init_from):
        earlier[f"--init-from {config.init_from}"] = read_run(folder)
    for name, (settings, results) in earlier.items():
        if results["task"] == "squad" and _held_out_by(vars(config)) != _held_out_by(settings):
            print(
                f"{name}: other questions were held out from it; if it was trained on validation paragraphs of this run, "
                "validation scores will be too high: give all trainings the same --validation-files"
            )


def _held_out_by(settings: Mapping) -> tuple:
    """What decides which questions are held out for validation; files by their names, without their folders.

    Args:
        settings: those of a run, as they are or as its `config.json` has them.
    """
    names = {
        name: [Path(path).name for path in paths_of(settings, name)] for name in ("train_files", "validation_files")
    }
    if names["validation_files"]:
        return (names["validation_files"],)
    return names["train_files"] or settings.get("data"), settings.get("validation_fraction"), settings.get("seed")


def _flags_in_use(config, names) -> str:
    return ", ".join(as_flag(name) for name in names if getattr(config, name))
