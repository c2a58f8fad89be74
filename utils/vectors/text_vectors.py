"""Vectors of sentences by a pretrained encoder."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.reading import FileReport
from utils.text.embedding import embed, token_ids
from utils.vectors.chunks import Tokens, embed_documents
from utils.vectors.data import VectorDocuments
from utils.vectors.text_records import TextDocument


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
        prompt_tokens = len(tokenizer.encode(prompt, add_special_tokens=False).ids) if prompt else 0
        self.max_tokens = max(1, max_length - tokenizer.num_special_tokens_to_add(is_pair=False) - prompt_tokens)
        self.unknown_id = next(
            (tokenizer.token_to_id(name) for name in ("[UNK]", "<unk>") if tokenizer.token_to_id(name) is not None),
            None,
        )
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
        encoder.notes = (*pretrained.notes, f"{name}: {encoder}")
        return encoder

    def description(self) -> dict:
        """What `results.json` holds of it."""
        return {"key": self.key, "vectors": str(self)}

    def __str__(self) -> str:
        steps = [f"{self.model.pooling} pooling"]
        steps += [f"a dense layer of {layer['units']} ({layer['activation']})" for layer in self.model.dense]
        steps.append("unit norm" if self.model.normalize else "no normalisation")
        steps.append(f"texts of at most {self.max_length:,} tokens")
        return ", ".join(steps + ([f"the prompt {self.prompt[:40]!r} before each"] if self.prompt else []))

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text, without special ones and without the prompt."""
        encodings = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [Tokens(encoding.offsets, encoding.ids.count(self.unknown_id)) for encoding in encodings]

    def embed(self, texts: Sequence[str], progress: str = "") -> np.ndarray:
        """The vectors of these texts, float32 `(texts, dim)`."""
        ids = token_ids(self.tokenizer, [self.prompt + text for text in texts], self.max_length)
        return embed(self.model, ids, self.padding_id, progress)


class TextEmbedder:
    """Turns documents of text into vectors (see `utils.vectors.chunks.embed_documents`).

    The encoder is loaded when it is first needed.

    Args:
        name: the encoder's folder or hub name.
        cache_dir: the folder of the cache.
        key: the `key` that the encoder must have, from the run that was trained on its vectors; empty for any.
        language: ISO 639 code of the texts; empty: by their writing system.
    """

    def __init__(self, name: str, cache_dir: Path, key: str = "", language: str = ""):
        self.name = name
        self.cache_dir = Path(cache_dir) / "vectors"
        self.key = key
        self.language = language

    def __call__(self, path: str | Path, documents: Sequence[TextDocument], report: FileReport) -> VectorDocuments:
        return embed_documents(path, documents, self.encoder, self.cache_dir, report, self.language)

    @functools.cached_property
    def encoder(self) -> SentenceEncoder:
        """The encoder. What should be known about it is printed when it is loaded.

        Raises:
            UserError: it cannot be used, or makes other vectors than the run was trained on.
        """
        encoder = SentenceEncoder.load(self.name)
        for note in encoder.notes:
            print(note, file=sys.stderr)
        if self.key not in ("", encoder.key):
            raise UserError(
                f"{self.name}: makes other vectors than those that the run was trained on; restore its files, or train again"
            )
        return encoder


def text_embedder(name: str, cache_dir: Path, key: str = "", language: str = "") -> TextEmbedder | None:
    """The `TextEmbedder` of an encoder, or None where `name` is empty."""
    return TextEmbedder(name, cache_dir, key, language) if name else None
