"""Vectors of sentences by a pretrained encoder."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from utils.text.embedding import embed, token_ids
from utils.vectors.chunks import embed_file

MAX_TOKENS = 256
"""Tokens of a sentence; MiniLM's sentence encoder was trained with as many."""


class SentenceEncoder:
    """A pretrained encoder and its tokenizer.

    Args:
        model: a built `models.text_encoder.TextEncoder`.
        tokenizer: its tokenizer.
        checksum: checksum of the encoder's configuration and weights.
        max_length: tokens of a text; more are cut off.
    """

    def __init__(self, model, tokenizer, checksum: str, max_length: int):
        from utils.text.tokenization import special_token_ids

        self.model = model
        self.tokenizer = tokenizer
        self.padding_id, *_ = special_token_ids(tokenizer)
        self.max_length = max_length
        parts = [checksum, tokenizer.to_str(), model.pooling, model.output_dim, max_length]
        self.key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]

    @classmethod
    def load(cls, name: str) -> SentenceEncoder:
        """Load a pretrained encoder; a sentence's vector is the mean over its tokens.

        Args:
            name: a folder, or a name on the Hugging Face hub.

        Raises:
            UserError: the checkpoint or the tokenizer cannot be used.
        """
        from models.text_encoder import TextEncoder
        from utils.text.pretrained import assign, check_vocabulary, checkpoint_folder, read_checkpoint
        from utils.text.tokenization import load_tokenizer

        checkpoint = read_checkpoint(checkpoint_folder(name))
        tokenizer = load_tokenizer(checkpoint.folder)
        check_vocabulary(tokenizer, checkpoint)
        model = TextEncoder(checkpoint.encoder)
        model.build()
        assign(model.encoder, checkpoint.weights)
        return cls(model, tokenizer, checkpoint.checksum, min(MAX_TOKENS, checkpoint.encoder["max_length"]))

    def embed(self, texts: Sequence[str], progress: str = "") -> np.ndarray:
        """The vectors of these texts, float32 `(texts, dim)`, of unit norm."""
        ids = token_ids(self.tokenizer, texts, self.max_length)
        return embed(self.model, ids, self.padding_id, progress)


def text_embedder(name: str, cache_dir: Path) -> Callable | None:
    """A function that turns a file of text into documents and notes (see `utils.vectors.chunks.embed_file`).

    Args:
        name: the encoder's folder or hub name, loaded at the first call; empty: there is no encoder, and None is returned.
        cache_dir: the folder of the cache.
    """
    if not name:
        return None
    load = functools.cache(SentenceEncoder.load)
    return lambda path: embed_file(path, load(name), Path(cache_dir) / "vectors")
