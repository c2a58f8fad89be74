"""Export a model that predicts next vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.training.export_folder import ModelToExport, write_export
from utils.training.signature import Signature, Tensor

PADDING = (
    "on the left, with zeros: the last place of a context holds its last vector. Each context has at least one vector."
)
USAGE = """
import numpy as np
from answer import Answerer

answerer = Answerer()
article = np.load("article.npy")                      # vectors (rows, dim), of any norm
answerer([article], rows=[7])[0]["nearest"]           # the rows that are most likely to follow row 7
answerer.predict_next([article], rows=[7])["query"]   # the vector that they are near to
"""


def export_vectors(predictor, folder: Path) -> dict:
    """Write a predictor's model to a folder that needs nothing else.

    Args:
        predictor: a `VectorsPredictor`.
        folder: the folder to write.

    Returns:
        what became of each format, see `write_export`.
    """
    length, dim = predictor.context_length, predictor.dim
    examples = [_example(batch, length, dim) for batch in (1, 3)]
    meanings = {
        "predicted": "the unit vector nearest to what may follow",
        "query": "the unit vector that finds what follows",
        "attention": "weights of the context's vectors",
    }
    outputs = {
        name: Tensor(("batch", int(values.shape[-1])), meanings[name], "float32")
        for name, values in predictor.model(examples[0]).items()
    }
    encoder = predictor.encoder.rstrip("/").rpartition("/")[2]
    context = f"vectors of the context{f', from the encoder {encoder}' if encoder else ''}, of unit norm; 0 is padding"
    inputs = {
        "vectors": Tensor(("batch", length, dim), context, "float32"),
        "padding_mask": Tensor(("batch", length), "1 for a vector, 0 for padding"),
    }
    return write_export(
        folder,
        task="vectors",
        models=[ModelToExport(predictor.model, Signature(inputs, outputs), examples)],
        settings={"context_length": length, "dim": dim},
        files={},
        padding=PADDING,
        usage=USAGE,
    )


def _example(batch: int, length: int, dim: int) -> dict[str, np.ndarray]:
    """Random contexts of different lengths; the first one is full."""
    rng = np.random.default_rng(batch)
    mask = np.arange(length) >= (3 * np.arange(batch)[:, None]) % length
    vectors = rng.normal(size=(batch, length, dim))
    vectors *= mask[..., None] / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return {"vectors": vectors.astype(np.float32), "padding_mask": mask.astype(np.int32)}
