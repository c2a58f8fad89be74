"""Whether a tokenizer belongs to a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.text.pretrained.files import read_optional_settings
from utils.text.tokenization import special_token_ids
from utils.text.tokenizer_files import tokenizer_notes

MIN_PAIRS = 200
"""Pairs of pieces that are needed to say whether pieces that are spelt alike have embeddings that are alike."""
MAX_PAIRS = 20_000
MIN_STANDARD_ERRORS = 5


def vocabulary_notes(folder: Path, tokenizer, embeddings: np.ndarray, special_ids: dict[str, int]) -> list[str]:
    """Check that every token has an embedding, and look for signs that the tokenizer belongs to another checkpoint.

    Args:
        folder: the checkpoint's folder.
        tokenizer: its `tokenizers.Tokenizer`.
        embeddings: float `(rows, dim)`, the checkpoint's token embeddings.
        special_ids: `pad_token_id` and perhaps `bos_token_id` and `eos_token_id` of its config.json.

    Returns:
        lines on what should be known; none of these signs is certain.

    Raises:
        UserError: a token has no embedding, or all embeddings are zeros.
    """
    vocabulary = tokenizer.get_vocab()
    tokens, rows, largest = len(vocabulary), len(embeddings), max(vocabulary.values(), default=0)
    if largest >= rows:
        raise UserError(
            f"{folder}: the tokenizer has {tokens:,} tokens up to id {largest:,} and the model {rows:,} embeddings; "
            "they do not belong together: use the tokenizer files of this checkpoint"
        )
    if not embeddings.any():
        raise UserError(f"{folder}: holds no trained embeddings, all are zeros; download the checkpoint again")
    notes = tokenizer_notes(folder, tokenizer)
    if tokens < rows:
        notes.append(
            f"{folder}: {rows - tokens:,} of {rows:,} embeddings belong to no token and are not used; if they are many, check "
            "that the tokenizer is that of this checkpoint"
        )
    padding, start, end = special_token_ids(tokenizer)
    for name, number in {"pad_token_id": padding, "bos_token_id": start, "eos_token_id": end}.items():
        if special_ids.get(name, number) != number:
            notes.append(
                f"{folder}: config.json has {name} {special_ids[name]}, but that of the tokenizer is {number}; check that the "
                "tokenizer is that of this checkpoint"
            )
    zero_rows = np.flatnonzero(~embeddings.any(axis=1))
    if len(zero_rows) == 1 and zero_rows[0] != padding:
        notes.append(
            f"{folder}: the only embedding of zeros is that of {tokenizer.id_to_token(int(zero_rows[0]))!r}, not that of the "
            "padding token; check that the tokenizer is that of this checkpoint"
        )
    if not _spelt_alike_is_alike(vocabulary, embeddings):
        notes.append(
            f"{folder}: pieces that are spelt alike have embeddings that are not alike; the tokenizer is that of another "
            "checkpoint, or the weights are not trained"
        )
    return notes + _names_differ(folder)


def _spelt_alike_is_alike(vocabulary: dict[str, int], embeddings: np.ndarray) -> bool:
    """Whether pieces that begin a word have embeddings like those of the same letters within a word.

    In a trained encoder the embeddings of "run" and "##run" are alike (in MiniLM with a mean cosine of 0.34, where that of random
    pairs is 0.03); with the tokenizer of another checkpoint they are not. True where there are too few pairs to say.
    """
    pairs = [
        (number, vocabulary[piece[len(mark) :]])
        for piece, number in vocabulary.items()
        for mark in ("##", "Ġ", "▁")
        if piece.startswith(mark) and piece[len(mark) :] in vocabulary
    ]
    if len(pairs) < MIN_PAIRS:
        return True
    centred = embeddings[np.array(pairs[:MAX_PAIRS])] - embeddings.mean(axis=0)
    first, second = np.moveaxis(centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-9), 1, 0)
    cosines = (first * second).sum(axis=1)
    of_others = (first * np.roll(second, 1, axis=0)).sum(axis=1)
    standard_error = np.sqrt((cosines.var() + of_others.var()) / len(cosines))
    return bool(cosines.mean() - of_others.mean() > MIN_STANDARD_ERRORS * standard_error)


def _names_differ(folder: Path) -> list[str]:
    """A note where the names that the files were saved under say cased in one place and uncased in the other."""
    model = str(read_optional_settings(folder / "config.json").get("_name_or_path", ""))
    tokenizer = str(read_optional_settings(folder / "tokenizer_config.json").get("name_or_path", ""))
    if "cased" in model and "cased" in tokenizer and ("uncased" in model) != ("uncased" in tokenizer):
        return [
            f"{folder}: the model was made from {model[:80]!r}, the tokenizer from {tokenizer[:80]!r}; check that the tokenizer "
            "is that of this checkpoint"
        ]
    return []
