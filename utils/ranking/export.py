"""Export an encoder that ranks texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from utils.ranking.word_scores import LEXICAL
from utils.training.export_folder import ModelToExport, write_export
from utils.training.signature import Signature, Tensor

PADDING = "on the right, with the tokenizer's padding id."
USAGE = """
from answer import Answerer

answerer = Answerer()
rankings = answerer(["How should I store coffee beans?"], ["Keep coffee beans in a closed jar.", "Water boils at 100 degrees."])
rankings[0][0]["text"], rankings[0][0]["score"]
vectors = answerer.embed_candidates(["Keep coffee beans in a closed jar."])
"""


def export_ranking(predictor, folder: Path) -> dict:
    """Write a predictor's encoder, or its two encoders, to a folder that needs nothing else.

    Args:
        predictor: a `RankingPredictor`.
        folder: the folder to write.

    Returns:
        what became of each format, see `write_export`.
    """
    settings = predictor.model.config["encoder"]
    sequence = ("batch", "sequence")
    signature = Signature(
        inputs={
            "token_ids": Tensor(sequence, "a text as ids of `tokenizer.json`, special tokens included"),
            "padding_mask": Tensor(sequence, "1 for a token, 0 for padding"),
        },
        outputs={"vectors": Tensor(("batch", predictor.model.candidates.size), "unit vectors of the texts", "float32")},
        max_sizes={"sequence": settings["max_length"]},
    )
    rng = np.random.default_rng(0)
    lengths = min(12, settings["max_length"] - 1), min(40, settings["max_length"])
    examples = [_example(rng, *sizes, settings["vocabulary_size"]) for sizes in zip((1, 3), lengths, strict=True)]
    models = [ModelToExport(predictor.model.candidates, signature, examples)]
    is_shared = bool(predictor.model.config["shared"])
    if not is_shared:
        models.append(ModelToExport(predictor.model.queries, signature, examples, "_queries"))
    return write_export(
        folder,
        task="ranking",
        models=models,
        settings={"query_length": predictor.query_length, "max_length": predictor.max_length, "shared": is_shared},
        files={
            "tokenizer.json": predictor.tokenizer.to_str(pretty=True),
            LEXICAL: json.dumps(predictor.lexical and predictor.lexical.as_dict(), ensure_ascii=False) + "\n",
        },
        padding=PADDING,
        usage=USAGE,
    )


def _example(rng: np.random.Generator, batch: int, length: int, vocabulary_size: int) -> dict[str, np.ndarray]:
    """Random texts with padding; the first one has none."""
    return {
        "token_ids": rng.integers(0, vocabulary_size, (batch, length)).astype(np.int32),
        "padding_mask": (np.arange(length) < length - 3 * np.arange(batch)[:, None]).astype(np.int32),
    }
