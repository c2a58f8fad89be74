"""Vectors of the chunks of texts, cached on the disk."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from utils.common.archives import open_npz
from utils.common.errors import UserError
from utils.common.files import write_arrays
from utils.common.reading import FileReport
from utils.text.sentences import MAX_CHARACTERS, chunks, cut
from utils.text.words import shortened
from utils.vectors.columns import MAX_SHOWN
from utils.vectors.data import VectorDocuments
from utils.vectors.text_records import TextDocument

VERSION = 2
"""Raise this when the same chunks give other vectors; what is in the cache is then computed again."""
TOKENIZED_AT_ONCE = 1_024
TOO_MANY_CHARACTERS = f"a sentence is longer than {MAX_CHARACTERS:,} characters and was cut into pieces"
TOO_MANY_TOKENS = "a sentence is longer than the encoder reads ({:,} tokens) and was cut into pieces"
READ_IN_PART = "the encoder reads only the first {:,} tokens of a chunk"
UNKNOWN_TOKENS = (
    "more than half of a chunk's tokens are unknown to the encoder; use one that was made for this language"
)


class Tokens(NamedTuple):
    """The tokens of a text, without special ones: the place of each, `(first character, after the last)`, and the unknown ones."""

    spans: Sequence[tuple[int, int]]
    num_unknown: int


class Encoder(Protocol):
    """What `embed_documents` needs of a sentence encoder."""

    key: str
    """Identifies everything that shapes a vector: weights, tokenizer, pooling, maximum length."""
    max_tokens: int
    """Tokens of a text that it reads; what follows is cut off."""

    def tokenize(self, texts: list[str]) -> list[Tokens]:
        """The tokens of each text."""

    def embed(self, texts: list[str], progress: str) -> np.ndarray:
        """The vectors of these texts, `(texts, dim)`; `progress` names what is embedded, for progress lines."""


def embed_documents(
    path: str | Path,
    documents: Sequence[TextDocument],
    encoder: Encoder,
    cache_dir: Path,
    report: FileReport,
    language: str = "",
) -> VectorDocuments:
    """The vectors of the chunks of some documents. Chunks that were embedded before are read from the cache.

    A document that is not split yet is split into sentences; short ones are joined, and long ones are cut to what the encoder
    reads. Chunks that the user has made stay as they are; those of which the encoder reads only the beginning are counted.

    Args:
        path: the file of the documents.
        documents: at least one.
        encoder: turns chunks into vectors; its `key` is part of the cache's.
        cache_dir: the folder of the cache, which is created.
        report: counts chunks that are cut, and those in words that the encoder does not know.
        language: ISO 639 code of the texts, for their abbreviations; empty: by the writing system of each document.

    Raises:
        UserError: the encoder gives vectors that are not finite, or the cache is damaged.
    """
    texts, numbers = encodable_chunks(documents, encoder, report, language)
    vectors = _cached_vectors(path, texts, encoder, cache_dir)
    names = [document.name for document in documents]
    ids = [document.id for document in documents]
    return VectorDocuments(vectors, np.array(numbers, np.int64), texts, names, str(path), ids=ids if all(ids) else None)


def encodable_chunks(
    documents: Sequence[TextDocument], encoder: Encoder, report: FileReport, language: str = ""
) -> tuple[list[str], list[int]]:
    """The chunks of some documents, and the number of each chunk's document (see `embed_documents`)."""
    remarks: Counter[tuple[str, int]] = Counter()  # what is to be said, and the number of the document
    texts, numbers = [], []
    for number, document in enumerate(documents):
        parts = document.chunks
        if parts is None:
            whole = chunks(document.text, language)
            parts = [piece for chunk in whole for piece in cut(chunk, (), 1)]
            remarks[TOO_MANY_CHARACTERS, number] += sum(len(chunk) > MAX_CHARACTERS for chunk in whole)
        texts += parts
        numbers += [number] * len(parts)
    pieces, numbers_of_pieces = [], []
    for start in range(0, len(texts), TOKENIZED_AT_ONCE):
        block = texts[start : start + TOKENIZED_AT_ONCE]
        for text, tokens, number in zip(block, encoder.tokenize(block), numbers[start:], strict=False):
            is_too_long = len(tokens.spans) > encoder.max_tokens
            is_own = documents[number].chunks is not None
            remarks[UNKNOWN_TOKENS, number] += tokens.num_unknown > len(tokens.spans) / 2
            remarks[READ_IN_PART if is_own else TOO_MANY_TOKENS, number] += is_too_long
            fitting = cut_to_fit(text, tokens, encoder) if is_too_long and not is_own else [text]
            pieces += fitting
            numbers_of_pieces += [number] * len(fitting)
    for (remark, number), count in remarks.items():
        if count:
            place = f"document {shortened(documents[number].name, MAX_SHOWN)!r}"
            report.note(place, remark.format(encoder.max_tokens), count)
    return pieces, numbers_of_pieces


def cut_to_fit(text: str, tokens: Tokens, encoder: Encoder) -> list[str]:
    """A text in pieces that the encoder reads whole."""
    pieces = cut(text, tokens.spans, encoder.max_tokens)
    if len(pieces) == 1:  # nothing more can be cut: a single character of many tokens
        return pieces
    fitting = []
    for piece, tokens_of_piece in zip(pieces, encoder.tokenize(pieces), strict=True):
        is_too_long = (
            len(tokens_of_piece.spans) > encoder.max_tokens
        )  # a piece may be tokenized otherwise than within its text
        fitting += cut_to_fit(piece, tokens_of_piece, encoder) if is_too_long else [piece]
    return fitting


def _cached_vectors(path: str | Path, texts: Sequence[str], encoder: Encoder, cache_dir: Path) -> np.ndarray:
    """The vectors of these texts, float16 `(texts, dim)`, of unit norm."""
    key = hashlib.sha256(json.dumps([VERSION, encoder.key, texts]).encode()).hexdigest()[:24]
    cached = Path(cache_dir) / f"{key}.npz"
    if not cached.exists():
        vectors = encoder.embed(texts, str(path))
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(norms) & (norms > 0)).all():
            row = int(np.flatnonzero(~(np.isfinite(norms) & (norms > 0)))[0])
            raise UserError(
                f"{path}: the encoder has no vector for {texts[row][:80]!r} (it is zero or not finite); use another encoder"
            )
        cached.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(cached, {"vectors": (vectors / norms).astype(np.float16)})
    try:
        with open_npz(cached) as archive:
            vectors = archive["vectors"]
            if vectors.shape[:1] != (len(texts),) or vectors.ndim != 2:
                raise ValueError(f"it holds {vectors.shape}")
            return vectors
    except Exception as error:  # NumPy parses the header as Python code, so a damaged one gives any kind of error
        raise UserError(f"{cached}: cannot be read ({error}); delete it, and it is made again") from None
