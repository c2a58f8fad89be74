"""Export a re-ranker."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.training.export_folder import ModelToExport, write_export
from utils.training.signature import Signature, Tensor

PADDING = "on the right, with the tokenizer's padding id."
USAGE = """
from answer import Answerer

answerer = Answerer()
rankings = answerer(["How should I store coffee beans?"], ["Keep coffee beans in a closed jar.", "Water boils at 100 degrees."])
rankings[0][0]["text"], rankings[0][0]["score"]
"""


def export_reranker(predictor, folder: Path) -> dict:
    """Write a re-ranker's model to a folder that needs nothing else.

    The first stage is not a part of it. Where the run adds the first stage's score to the model's, the export ranks otherwise than
    the run; a line and the README say so.

    Args:
        predictor: a `RerankerPredictor`.
        folder: the folder to write.

    Returns:
        what became of each format, see `write_export`.
    """
    settings, usage = predictor.model.encoder.config, USAGE
    if predictor.weights.own:
        note = (
            f"scores are the model's alone; the run adds {predictor.weights.own:g} times those of its first stage, which is not a "
            "part of the export, so its scores and order differ"
        )
        print(f"export: {note}")
        usage += f"\n# {note}\n"
    pairs = ("batch", "sequence")
    signature = Signature(
        inputs={
            "token_ids": Tensor(pairs, "question and text as ids of `tokenizer.json`, special tokens included"),
            "segment_ids": Tensor(pairs, "0 for the question and the special tokens around it, 1 for the text"),
            "padding_mask": Tensor(pairs, "1 for a token, 0 for padding"),
        },
        outputs={"scores": Tensor(("batch",), "how well the text answers; a higher score is better", "float32")},
        max_sizes={"sequence": settings["max_length"]},
    )
    rng = np.random.default_rng(0)
    lengths = min(12, settings["max_length"] - 1), min(40, settings["max_length"])
    examples = [_example(rng, *sizes, settings["vocabulary_size"]) for sizes in zip((1, 3), lengths, strict=True)]
    return write_export(
        folder,
        task="reranker",
        models=[ModelToExport(predictor.model, signature, examples)],
        settings={"query_length": predictor.query_length, "max_length": predictor.max_length},
        files={"tokenizer.json": predictor.tokenizer.to_str(pretty=True)},
        padding=PADDING,
        usage=usage,
    )


def _example(rng: np.random.Generator, batch: int, length: int, vocabulary_size: int) -> dict[str, np.ndarray]:
    """Random pairs with padding; the first one has none."""
    places = np.arange(length)[None]
    return {
        "token_ids": rng.integers(0, vocabulary_size, (batch, length)).astype(np.int32),
        "segment_ids": np.repeat((places >= length // 3).astype(np.int32), batch, axis=0),
        "padding_mask": (places < length - 3 * np.arange(batch)[:, None]).astype(np.int32),
    }
