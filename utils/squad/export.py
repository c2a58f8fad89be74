"""Export a model that answers questions about texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.training.export_folder import ModelToExport, write_export
from utils.training.signature import Signature, Tensor

MEANINGS = {
    "token_ids": "`[CLS] question [SEP] text [SEP]` as ids of `tokenizer.json`",
    "segment_ids": "1 for the text and the `[SEP]` after it, else 0",
    "padding_mask": "1 for a token, 0 for padding",
    "word_ids": "hash of the token's word, see `answer.py`; 0 for special tokens",
    "stem_ids": "hash of the word's stem; 0 for special tokens",
    "shape_ids": "shape of the word, 1 to 7, see `answer.py`; 0 for special tokens",
}
PADDING = "on the right. Padded places hold the tokenizer's padding id in `token_ids`, and 0 in all other inputs."
USAGE = """
from answer import Answerer

answerer = Answerer()
results = answerer(["Who wrote it?"], ["The report was written by Ada Lovelace in 1843."])
results[0]["answer"], results[0]["probability"], results[0]["n_best"]
"""


def export_squad(predictor, folder: Path) -> dict:
    """Write a predictor's model to a folder that needs nothing else.

    Args:
        predictor: a `SquadPredictor`.
        folder: the folder to write.

    Returns:
        what became of each format, see `write_export`.
    """
    settings = predictor.model.get_config()
    settings = settings.get("encoder", settings)
    sequence = ("batch", "sequence")
    signature = Signature(
        inputs={name: Tensor(sequence, MEANINGS[name]) for name in predictor.model.feature_names},
        outputs={
            "start": Tensor(
                sequence,
                "logits of an answer's first token; the first place stands for no answer; -1e9 where no answer can start",
                "float32",
            ),
            "end": Tensor(
                sequence,
                "logits of an answer's last token; the first place stands for no answer; -1e9 where no answer can end",
                "float32",
            ),
        },
        max_sizes={"sequence": settings["max_length"]},
    )
    lengths = min(24, settings["max_length"] - 1), min(80, settings["max_length"])
    rng = np.random.default_rng(0)
    examples = [
        _example(rng, batch, length, settings["vocabulary_size"]) for batch, length in zip((1, 3), lengths, strict=True)
    ]
    return write_export(
        folder,
        task="squad",
        models=[ModelToExport(predictor.model, signature, examples)],
        settings={
            name: getattr(predictor, name) for name in ("max_length", "doc_stride", "length_penalty", "null_threshold")
        },
        files={"tokenizer.json": predictor.tokenizer.to_str(pretty=True)},
        padding=PADDING,
        usage=USAGE,
    )


def _example(rng: np.random.Generator, batch: int, length: int, vocabulary_size: int) -> dict[str, np.ndarray]:
    """Random inputs with words that match, padding, and a question at the beginning: name to int32 `(batch, length)`."""
    position = np.arange(length)
    mask = (position < length - 3 * np.arange(batch)[:, None]).astype(np.int32)  # the first row has no padding
    words = rng.integers(1, 12, (batch, length))
    return {
        "token_ids": rng.integers(0, vocabulary_size, (batch, length)).astype(np.int32),
        "segment_ids": ((position >= length // 4) * mask).astype(np.int32),
        "padding_mask": mask,
        "word_ids": (words * mask).astype(np.int32),
        "stem_ids": (words // 2 * mask).astype(np.int32),
        "shape_ids": (rng.integers(1, 8, (batch, length)) * mask).astype(np.int32),
    }
