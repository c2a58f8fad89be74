"""Texts as documents of chunks: readers, sentences, and their vectors, kept on the disk."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.files import read_lines
from utils.vectors.data import VectorDocuments, read_vectors

LEAST_WORDS = 8
"""Of a chunk: shorter sentences are joined to a neighbour."""

MOST_CHARACTERS = 2_000
TEXTS_AT_ONCE = 64


def read_documents(path: str | Path) -> tuple[list[tuple[str, str]], list[str]]:
    """Pairs of name and text, and notes on what was left out.

    - `.txt`: one document, named as the file;
    - `.jsonl`: a document a line, `{"text": "...", "name": "..."}`; without `name` it is called by its line.

    Either may be `.gz`. Documents without text are left out and named in a note.

    Raises:
        UserError: naming file and line, for what is no JSON object with a text; or nothing is left.
    """
    path = Path(path)
    kind = Path(path.name.removesuffix(".gz")).suffix
    if kind == ".txt":
        found = [(1, path.name, "\n".join(line for _, line in read_lines(path)))]
    elif kind == ".jsonl":
        found = [_record(path, number, line) for number, line in read_lines(path) if line.strip()]
    else:
        raise UserError(f"{path}: must be .txt (one document) or .jsonl (one a line)")
    empty = [number for number, _, text in found if not text.split()]
    documents = [(name, text) for _, name, text in found if text.split()]
    if not documents:
        raise UserError(f"{path}: holds no text")
    some = ", ".join(f"{number:,}" for number in empty[:5])
    return documents, [f"{path}: {len(empty):,} documents without text left out (line {some})"] if empty else []


def _record(path: Path, number: int, line: str) -> tuple[int, str, str]:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise UserError(f'{path}, line {number:,}: must be a JSON object with a text, such as {{"text": "..."}}')
    return number, str(record.get("name") or f"{path.name}:{number}"), record["text"]


def sentences(text: str) -> list[str]:
    """The text's sentences in order, those of fewer than 8 words joined to the one before (at the start, to the one after); a very
    long one is cut."""
    found: list[str] = []
    for part in re.split(r"(?<=[.!?][\"')\]])\s+|(?<=[.!?])\s+|\n\s*\n", text):
        part = " ".join((part or "").split())
        if not part:
            continue
        if found and min(len(part.split()), len(found[-1].split())) < LEAST_WORDS:
            found[-1] += " " + part
        else:
            found.append(part)
    return [part[start : start + MOST_CHARACTERS] for part in found for start in range(0, len(part), MOST_CHARACTERS)]


def embedded(
    path: str | Path, encode: Callable[[list[str]], np.ndarray], encoder: str, cache: Path
) -> tuple[VectorDocuments, list[str]]:
    """The vectors of a file's sentences, and notes. What was embedded once is read from `cache`.

    Args:
        encode: vectors `(texts, dim)` of some texts.
        encoder: names it, weights included: the vectors of another one are not taken for its own.
        cache: a folder, which is made.
    """
    documents, notes = read_documents(path)
    numbers = {name: number for number, (name, _) in enumerate(documents)}
    for number, (name, _) in enumerate(documents):
        if numbers[name] != number:
            raise UserError(f"{path}: two documents have the name {name!r}; give each its own")
    chunks = [(name, chunk) for name, text in documents for chunk in sentences(text)]
    digest = hashlib.sha256(json.dumps([encoder, chunks]).encode()).hexdigest()[:24]
    file = cache / f"{digest}.npz"
    if not file.exists():
        vectors = _encoded([chunk for _, chunk in chunks], encode, str(path))
        names, texts = (np.array(column) for column in zip(*chunks, strict=True))
        document = np.array([numbers[name] for name in names], np.int32)
        cache.mkdir(parents=True, exist_ok=True)
        temporary = cache / f"{digest}.tmp.npz"
        np.savez(temporary, vectors=vectors.astype(np.float16), document=document, names=names, texts=texts)
        temporary.replace(file)
    return replace(read_vectors(file), file=str(path)), notes


def _encoded(texts: list[str], encode: Callable[[list[str]], np.ndarray], title: str) -> np.ndarray:
    """Vectors of the texts in order. Texts of like length go together; progress is told."""
    order, vectors = np.argsort([len(text) for text in texts], kind="stable"), None
    for start in range(0, len(order), TEXTS_AT_ONCE):
        chosen = order[start : start + TEXTS_AT_ONCE]
        found = encode([texts[number] for number in chosen])
        vectors = np.empty((len(texts), found.shape[1]), np.float32) if vectors is None else vectors
        vectors[chosen] = found
        if start // TEXTS_AT_ONCE % 20 == 0:
            print(f"{title}: {start + len(chosen):,} of {len(texts):,} chunks embedded", file=sys.stderr, flush=True)
    return vectors
