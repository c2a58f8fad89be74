"""Texts as documents of sentences, and the vectors of the sentences, cached on the disk."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from utils.common.errors import UserError
from utils.common.files import file_kind, read_lines, write_arrays
from utils.vectors.data import VectorDocuments, read_vectors

MIN_WORDS = 8
"""Words in a chunk; a shorter sentence joins its neighbour."""
MAX_CHARACTERS = 2_000
"""Characters in a chunk; a longer sentence is cut."""


class Encoder(Protocol):
    """What `embed_file` needs of a sentence encoder."""

    key: str
    """Identifies everything that shapes a vector: weights, tokenizer, pooling, maximum length."""

    def embed(self, texts: list[str], progress: str) -> np.ndarray:
        """The vectors of these texts, `(texts, dim)`; `progress` names what is embedded, for progress lines."""


def read_documents(path: str | Path) -> tuple[list[tuple[str, str]], list[str]]:
    """Read the documents of a text file.

    - `.txt`: one document, named like the file.
    - `.jsonl`: a document per line, `{"text": "...", "name": "..."}`; without `name` it is named by file and line.

    Either may be gzipped (`.gz`). Documents without text are left out.

    Returns:
        pairs of name and text, and notes on what was left out.

    Raises:
        UserError: a line is no JSON object with a text, or no text is left.
    """
    path = Path(path)
    kind = file_kind(path)
    if kind == ".txt":
        records = [(1, path.name, "\n".join(line for _, line in read_lines(path)))]
    elif kind == ".jsonl":
        records = [_parse_record(path, number, line) for number, line in read_lines(path) if line.strip()]
    else:
        raise UserError(f"{path}: must be .txt (one document) or .jsonl (one per line)")
    empty_lines = [number for number, _, text in records if not text.split()]
    documents = [(name, text) for _, name, text in records if text.split()]
    if not documents:
        raise UserError(f"{path}: holds no text")
    examples = ", ".join(f"{number:,}" for number in empty_lines[:5])
    note = f"{path}: {len(empty_lines):,} documents without text left out (line {examples})"
    return documents, [note] if empty_lines else []


def _parse_record(path: Path, number: int, line: str) -> tuple[int, str, str]:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise UserError(f'{path}, line {number:,}: must be a JSON object with a text, such as {{"text": "..."}}')
    return number, str(record.get("name") or f"{path.name}:{number}"), record["text"]


def sentences(text: str) -> list[str]:
    """Split a text into its sentences, in order.

    A sentence of fewer than `MIN_WORDS` words joins the one before; at the start, the one after. A very long one is cut.
    """
    joined: list[str] = []
    for sentence in re.split(r"(?<=[.!?][\"')\]])\s+|(?<=[.!?])\s+|\n\s*\n", text):
        sentence = " ".join((sentence or "").split())
        if not sentence:
            continue
        if joined and min(len(sentence.split()), len(joined[-1].split())) < MIN_WORDS:
            joined[-1] += " " + sentence
        else:
            joined.append(sentence)
    return [
        sentence[start : start + MAX_CHARACTERS]
        for sentence in joined
        for start in range(0, len(sentence), MAX_CHARACTERS)
    ]


def embed_file(path: str | Path, encoder: Encoder, cache_dir: Path) -> tuple[VectorDocuments, list[str]]:
    """The vectors of a text file's sentences. A file that was embedded before is read from the cache.

    Args:
        path: a file for `read_documents`.
        encoder: turns sentences into vectors; its `key` is part of the cache's.
        cache_dir: the folder of the cache, which is created.

    Returns:
        the documents, and notes on what was left out.

    Raises:
        UserError: the file cannot be used, or two documents have one name.
    """
    documents, notes = read_documents(path)
    numbers = {name: number for number, (name, _) in enumerate(documents)}
    for number, (name, _) in enumerate(documents):
        if numbers[name] != number:
            raise UserError(f"{path}: two documents have the name {name!r}; give each its own")
    chunks = [(name, chunk) for name, text in documents for chunk in sentences(text)]
    key = hashlib.sha256(json.dumps([encoder.key, chunks]).encode()).hexdigest()[:24]
    cached = Path(cache_dir) / f"{key}.npz"
    if not cached.exists():
        vectors = encoder.embed([chunk for _, chunk in chunks], str(path)).astype(np.float16)
        names, texts = (np.array(column) for column in zip(*chunks, strict=True))
        document = np.array([numbers[name] for name in names], np.int32)
        cached.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(cached, {"vectors": vectors, "document": document, "names": names, "texts": texts})
    return replace(read_vectors(cached), file=str(path)), notes
