"""Vectors of sentences by a pretrained encoder."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from utils.text.embedding import embed, token_ids
from utils.vectors.chunks import embed_file


class SentenceEncoder:
    """A pretrained encoder and its tokenizer.

    Args:
        model: a built `models.text_encoder.TextEncoder`.
        tokenizer: its tokenizer, which adds the special tokens.
        checksum: checksum of the encoder's configuration and weights.
        max_length: tokens of a text; more are cut off.
        prompt: what is put before every text.
        notes: lines on what should be known about it.
    """

    def __init__(self, model, tokenizer, checksum: str, max_length: int, prompt: str = "", notes: Sequence[str] = ()):
        from utils.text.tokenization import special_token_ids

        self.model = model
        self.tokenizer = tokenizer
        self.padding_id, *_ = special_token_ids(tokenizer)
        self.max_length = max_length
        self.prompt = prompt
        self.notes = tuple(notes)
        weights = [array.tobytes() for layer in model.dense_layers for array in layer.get_weights()]
        dense = [model.dense, hashlib.sha256(b"".join(weights)).hexdigest()]
        parts = [
            checksum,
            tokenizer.to_str(),
            model.pooling,
            model.output_dim,
            dense,
            model.normalize,
            max_length,
            prompt,
        ]
        self.key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]

    @classmethod
    def load(cls, name: str) -> SentenceEncoder:
        """Load a pretrained encoder. Pooling, layers after it, normalisation, longest input and prompt are those that it declares.

        Args:
            name: a folder, or a name on the Hugging Face hub.

        Raises:
            UserError: the checkpoint or the tokenizer cannot be used.
        """
        from models.text_encoder import TextEncoder
        from utils.text.pretrained.checkpoint import assign
        from utils.text.pretrained.loading import load_sentence_encoder

        pretrained = load_sentence_encoder(name)
        checkpoint, settings = pretrained.checkpoint, pretrained.settings
        model = TextEncoder(
            checkpoint.encoder,
            settings.pooling,
            dense=[layer.config for layer in settings.dense],
            normalize=settings.normalize,
        )
        model.build()
        assign(model.encoder, checkpoint.weights)
        for layer, declared in zip(model.dense_layers, settings.dense, strict=True):
            assign(layer, declared.weights)
        max_length = settings.max_length or checkpoint.encoder["max_length"]
        encoder = cls(model, pretrained.tokenizer, checkpoint.checksum, max_length, settings.prompt)
        encoder.notes = (*pretrained.notes, f"{name}: {encoder.description()}")
        return encoder

    def description(self) -> str:
        """How it makes vectors, in words."""
        steps = [f"{self.model.pooling} pooling"]
        steps += [f"a dense layer of {layer['units']} ({layer['activation']})" for layer in self.model.dense]
        steps.append("unit norm" if self.model.normalize else "no normalisation")
        steps.append(f"texts of at most {self.max_length:,} tokens")
        return ", ".join(steps + ([f"the prompt {self.prompt[:40]!r} before each"] if self.prompt else []))

    def embed(self, texts: Sequence[str], progress: str = "") -> np.ndarray:
        """The vectors of these texts, float32 `(texts, dim)`."""
        ids = token_ids(self.tokenizer, [self.prompt + text for text in texts], self.max_length)
        return embed(self.model, ids, self.padding_id, progress)


def text_embedder(name: str, cache_dir: Path) -> Callable | None:
    """A function that turns a file of text into documents and notes (see `utils.vectors.chunks.embed_file`).

    Args:
        name: the encoder's folder or hub name, loaded at the first call; empty: there is no encoder, and None is returned.
        cache_dir: the folder of the cache.
    """
    if not name:
        return None

    @functools.cache
    def load() -> SentenceEncoder:
        encoder = SentenceEncoder.load(name)
        for note in encoder.notes:
            print(note, file=sys.stderr)
        return encoder

    return lambda path: embed_file(path, load(), Path(cache_dir) / "vectors")
