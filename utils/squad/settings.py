"""Checks of the settings of train_squad.py."""

from __future__ import annotations

from utils.common.errors import UserError
from utils.text.tokenization import load_tokenizer, special_token_ids
from utils.text.tokenizer_files import tokenizer_notes
from utils.training.settings import check_common, check_ranges


def check_settings(config) -> None:
    """Check the settings, with those of the model filled in, before any work is done.

    Args:
        config: `train_squad.Config`. Its `word_vectors` is None for a model that is fine-tuned from a checkpoint.

    Raises:
        UserError: the first setting that cannot work.
    """
    check_ranges(
        config,
        less_than_1="dropout attention_dropout label_smoothing ema validation_fraction",
        more_than_0="hidden_dim num_layers num_heads intermediate_dim max_length clip_norm vocabulary_size layer_decay",
        at_least_0="overfit doc_stride convolution_width length_penalty",
    )
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
    if config.hidden_dim and config.hidden_dim % config.num_heads:
        raise UserError(f"--hidden-dim {config.hidden_dim} must be a multiple of --num-heads {config.num_heads}")
    if config.convolution_width and config.convolution_width % 2 == 0:
        raise UserError(f"--convolution-width {config.convolution_width}: must be odd (or 0 for none)")
    # Three special tokens and a question of one token; build_features checks again with the longest question.
    if config.max_length <= config.doc_stride + 4:
        raise UserError(f"--max-length {config.max_length}: must be well over --doc-stride {config.doc_stride}")
    if not config.validation_files and not config.validation_fraction:
        raise UserError(
            "--validation-fraction 0.0: leaves nothing to choose the best epoch on; give --validation-files or more than 0"
        )
    check_common(config)
    if config.tokenizer:
        tokenizer = load_tokenizer(config.tokenizer)
        special_token_ids(tokenizer)
        for note in tokenizer_notes(config.tokenizer, tokenizer):
            print(note)
