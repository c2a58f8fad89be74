"""The tokenizer and the encoder of a re-ranker: pretrained, or made from the training texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from utils.common.batching import round_up
from utils.common.errors import UserError
from utils.ranking.encoder import DEFAULT_LENGTHS, EncoderStart, new_start
from utils.text.pretrained.loading import load_sentence_encoder


def start_of(config, texts: Iterable[str]) -> EncoderStart:
    """What a cross-encoder starts from. `pooling` of the result is that of the run.

    Args:
        config: the run's settings.
        texts: the training texts, for the tokenizer of an encoder from scratch.

    Raises:
        UserError: the checkpoint cannot be read, or has fewer positions than a question and a text have tokens.
    """
    query_length = config.query_length or DEFAULT_LENGTHS["query_length"]
    max_length = config.max_length or DEFAULT_LENGTHS["max_length"]
    if not config.init_from:
        sizes = config.vocabulary_size, config.hidden_dim, config.num_layers, config.num_heads
        start = new_start(texts, *sizes, config.dropout, config.pooling, query_length, max_length)
        shape = {"max_length": round_up(query_length + max_length, 32), "num_segments": 2}
        return replace(start, arguments=start.arguments | shape)
    pretrained = load_sentence_encoder(config.init_from)
    for note in pretrained.notes:
        print(note)
    checkpoint, positions = pretrained.checkpoint, pretrained.checkpoint.encoder["max_length"]
    if query_length + max_length > positions:
        raise UserError(
            f"--query-length {query_length} and --max-length {max_length}: {config.init_from} has positions for {positions:,} "
            f"tokens; give at most that, together"
        )
    arguments = checkpoint.encoder | {"dropout": config.dropout, "attention_dropout": 0.0}
    return EncoderStart(
        pretrained.tokenizer, arguments, config.pooling, query_length, max_length, checkpoint=checkpoint
    )
