"""The tokenizer and the shape of the encoder that a run trains: made from its training texts, or pretrained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from utils.common.batching import round_up
from utils.common.errors import UserError
from utils.text.pretrained import Checkpoint, check_vocabulary, checkpoint_folder, read_checkpoint
from utils.text.tokenization import load_tokenizer, train_tokenizer


@dataclass(frozen=True)
class EncoderStart:
    """What an encoder starts from.

    Args:
        tokenizer: the `tokenizers.Tokenizer`, which adds the special tokens.
        arguments: constructor arguments of `components.bert_encoder.BertEncoder`.
        checkpoint: the pretrained weights; None from scratch.
    """

    tokenizer: object
    arguments: dict
    checkpoint: Checkpoint | None = None


def pretrained_start(name: str, dropout: float, query_length: int, max_length: int) -> EncoderStart:
    """Read a pretrained encoder.

    Args:
        name: folder, or name on the hub.
        dropout: dropout rate of embeddings and residual branches. Attention weights have none, because it is slow.
        query_length: maximal number of tokens of a question.
        max_length: maximal number of tokens of an answer.

    Raises:
        UserError: the checkpoint cannot be read, or has fewer positions than the texts have tokens.
    """
    checkpoint = read_checkpoint(checkpoint_folder(name))
    tokenizer = load_tokenizer(checkpoint.folder)
    check_vocabulary(tokenizer, checkpoint)
    positions = checkpoint.encoder["max_length"]
    for flag, length in (("--max-length", max_length), ("--query-length", query_length)):
        if length > positions:
            raise UserError(f"{flag} {length}: {name} has positions for {positions} tokens; give at most that")
    arguments = checkpoint.encoder | {"dropout": dropout, "attention_dropout": 0.0}
    return EncoderStart(tokenizer, arguments, checkpoint)


def new_start(
    texts: Iterable[str],
    vocabulary_size: int,
    hidden_dim: int,
    num_layers: int,
    num_heads: int,
    dropout: float,
    length: int,
) -> EncoderStart:
    """Train a tokenizer for a new encoder.

    Args:
        texts: the training texts.
        vocabulary_size: maximal number of word pieces.
        hidden_dim, num_layers, num_heads, dropout: arguments of the encoder; its feed-forward layers have four times `hidden_dim`.
        length: maximal number of tokens of a text.
    """
    tokenizer = add_sentence_markers(train_tokenizer(texts, vocabulary_size))
    arguments = {
        "vocabulary_size": tokenizer.get_vocab_size(),
        "hidden_dim": hidden_dim,
        "num_layers": num_layers,
        "num_heads": num_heads,
        "intermediate_dim": 4 * hidden_dim,
        "max_length": round_up(length, 32),
        "num_segments": 0,
        "dropout": dropout,
    }
    return EncoderStart(tokenizer, arguments)


def add_sentence_markers(tokenizer):
    """Make the tokenizer put [CLS] before and [SEP] after each text."""
    from tokenizers import processors

    markers = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=markers)
    return tokenizer
