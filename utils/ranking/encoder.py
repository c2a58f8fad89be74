"""The tokenizer and the shape of the encoder that a run trains: made from its training texts, or pretrained."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from utils.common.batching import round_up
from utils.common.errors import UserError
from utils.text.pretrained.checkpoint import Checkpoint, assign
from utils.text.pretrained.loading import load_sentence_encoder
from utils.text.pretrained.sentences import DenseLayer
from utils.text.tokenization import add_sentence_markers, train_tokenizer

DEFAULT_LENGTHS = {"query_length": 64, "max_length": 128}
"""Word pieces of a question and of an answer where the settings leave them out."""


@dataclass(frozen=True)
class EncoderStart:
    """What an encoder starts from.

    Args:
        tokenizer: the `tokenizers.Tokenizer`, which adds the special tokens.
        arguments: constructor arguments of `components.bert_encoder.BertEncoder`.
        pooling: how the vectors of the tokens become one, see `models.text_encoder.TextEncoder`.
        query_length: maximal number of tokens of a question.
        max_length: maximal number of tokens of an answer.
        checkpoint: the pretrained weights; None from scratch.
        dense: pretrained layers after the pooling.
    """

    tokenizer: object
    arguments: dict
    pooling: str
    query_length: int
    max_length: int
    checkpoint: Checkpoint | None = None
    dense: tuple[DenseLayer, ...] = ()

    @property
    def settings(self) -> dict:
        """The settings of the run that the encoder decides where they are left out."""
        return {"pooling": self.pooling, "query_length": self.query_length, "max_length": self.max_length}

    @property
    def key(self) -> str:
        """Identifies the pretrained weights, the pooling and the layers after it; empty from scratch."""
        if self.checkpoint is None:
            return ""
        arrays = [layer.weights[name] for layer in self.dense for name in sorted(layer.weights)]
        dense = [layer.config for layer in self.dense], hashlib.sha256(b"".join(map(bytes, arrays))).hexdigest()
        return f"{self.checkpoint.checksum} {self.pooling}" + (f" {dense}" if self.dense else "")

    def set_weights(self, model) -> None:
        """Set the pretrained weights, where there are any, of a built `models.bi_encoder.BiEncoder`."""
        for tower in model.towers() if self.checkpoint else ():
            assign(tower.encoder, self.checkpoint.weights)
            for layer, declared in zip(tower.dense_layers, self.dense, strict=True):
                assign(layer, declared.weights)


def untrained_model(model, start: EncoderStart):
    """The encoder of a trained `models.bi_encoder.BiEncoder` with the weights that it started from, without a projection."""
    untrained = type(model).from_config({**model.get_config(), "output_dim": None, "lexical": False})
    untrained.build()
    start.set_weights(untrained)
    return untrained


def pretrained_start(
    name: str, dropout: float, pooling: str | None, query_length: int | None, max_length: int | None
) -> EncoderStart:
    """Read a pretrained encoder, and print what should be known about it. What is left out (None) is as its folder declares.

    Args:
        name: folder, or name on the hub.
        dropout: dropout rate of embeddings and residual branches. Attention weights have none, because it is slow.
        pooling: how the vectors of the tokens become one.
        query_length: maximal number of tokens of a question. Left out: 64, or the longest input of the folder if that is less.
        max_length: maximal number of tokens of an answer. Left out: 128, or the longest input of the folder if that is less.

    Raises:
        UserError: the checkpoint cannot be read, has fewer positions than the texts have tokens, or its layers after the pooling do
            not fit another pooling.
    """
    pretrained = load_sentence_encoder(name)
    checkpoint, declared = pretrained.checkpoint, pretrained.settings
    positions = checkpoint.encoder["max_length"]
    lengths = {"query_length": query_length, "max_length": max_length}
    for setting, length in lengths.items():
        if length is not None and length > positions:
            flag = f"--{setting.replace('_', '-')}"
            raise UserError(f"{flag} {length}: {name} has positions for {positions} tokens; give at most that")
        lengths[setting] = length or min(DEFAULT_LENGTHS[setting], declared.max_length or positions)
    pooling = pooling or declared.pooling
    if declared.dense and pooling.count("+") != declared.pooling.count("+"):
        raise UserError(
            f"--pooling {pooling}: {name} has layers for {declared.pooling} pooling, which do not fit; leave --pooling out"
        )
    arguments = checkpoint.encoder | {"dropout": dropout, "attention_dropout": 0.0}
    start = EncoderStart(
        pretrained.tokenizer, arguments, pooling, **lengths, checkpoint=checkpoint, dense=declared.dense
    )
    for note in (*pretrained.notes, f"{name}: {_described(start, declared)}"):
        print(note)
    return start


def _described(start: EncoderStart, declared) -> str:
    """How an encoder makes vectors in this run, and where that differs from what its folder declares."""
    pooling = f"{start.pooling} pooling"
    if start.pooling != declared.pooling:
        pooling += f" (as --pooling says; the folder has {declared.pooling})"
    longest = f"questions of at most {start.query_length:,} tokens, answers of at most {start.max_length:,}"
    if declared.max_length and declared.max_length not in (start.query_length, start.max_length):
        longest += f" (the folder's longest input is {declared.max_length:,})"
    norm = "unit norm" + ("" if declared.normalize else " (for the cosine; the folder has no normalisation)")
    dense = [f"a dense layer of {layer.config['units']} ({layer.config['activation']})" for layer in start.dense]
    prompt = ["its default prompt is not used: put it before your texts"] if declared.prompt else []
    return ", ".join([pooling, *dense, norm, longest, *prompt])


def new_start(
    texts: Iterable[str],
    vocabulary_size: int,
    hidden_dim: int,
    num_layers: int,
    num_heads: int,
    dropout: float,
    pooling: str | None = None,
    query_length: int | None = None,
    max_length: int | None = None,
) -> EncoderStart:
    """Train a tokenizer for a new encoder.

    Args:
        texts: the training texts.
        vocabulary_size: maximal number of word pieces.
        hidden_dim, num_layers, num_heads, dropout: arguments of the encoder; its feed-forward layers have four times `hidden_dim`.
        pooling: how the vectors of the tokens become one; left out, their mean.
        query_length: maximal number of tokens of a question; left out, 64.
        max_length: maximal number of tokens of an answer; left out, 128.
    """
    tokenizer = add_sentence_markers(train_tokenizer(texts, vocabulary_size))
    query_length = query_length or DEFAULT_LENGTHS["query_length"]
    max_length = max_length or DEFAULT_LENGTHS["max_length"]
    arguments = {
        "vocabulary_size": tokenizer.get_vocab_size(),
        "hidden_dim": hidden_dim,
        "num_layers": num_layers,
        "num_heads": num_heads,
        "intermediate_dim": 4 * hidden_dim,
        "max_length": round_up(max(query_length, max_length), 32),
        "num_segments": 0,
        "dropout": dropout,
    }
    return EncoderStart(tokenizer, arguments, pooling or "mean", query_length, max_length)
