"""Some rows with what follows them and what a model expects, as a table for the tracker."""

from __future__ import annotations

import numpy as np

from utils.common.evaluation import Evaluation
from utils.vectors.predictor import VectorsPredictor
from utils.vectors.splits import VectorSplit

NUM_ROWS = 40


def example_table(
    predictor: VectorsPredictor, split: VectorSplit, evaluation: Evaluation
) -> tuple[list[str], list[list]]:
    """Evenly spaced targets of a split.

    Args:
        predictor: the trained model.
        split: the targets.
        evaluation: of the predictions for them.

    Returns:
        the columns and a row for each target: its document, the text before it, its own text, the text in its document that the
        model expects, the cosine of that text with the model's query, and the target's rank in its document. Where texts are not
        known, rows are named.
    """
    data = split.data
    chosen = np.arange(0, len(split.rows), max(1, len(split.rows) // NUM_ROWS))[:NUM_ROWS]
    targets = split.rows[chosen]
    answers = predictor.nearest(data, data.file_rows(targets - 1).tolist(), n_best=1)
    rows = []
    for number, target, answer in zip(chosen, targets, answers, strict=True):
        (nearest,) = answer["nearest_in_document"][:1] or [{"row": None, "text": "", "similarity": None}]
        text = data.texts[target] if data.texts else f"row {data.file_rows(target):,}"
        expected = nearest["text"] if nearest["text"] is not None else f"row {nearest['row']:,}"
        before = answer["text"] if answer["text"] is not None else f"row {answer['row']:,}"
        rank = round(1 / float(evaluation.per_example["mrr"][number]))
        rows.append([answer["document"], before, text, expected, nearest["similarity"], rank])
    return ["document", "text before", "next text", "expected text", "cosine with query", "rank of next text"], rows
