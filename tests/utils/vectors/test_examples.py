"""The table of example rows: what follows, and what the model expects."""

from types import SimpleNamespace

import numpy as np
import pytest

from utils.common.evaluation import Evaluation
from utils.vectors.answering import VectorsAnswerer
from utils.vectors.data import VectorDocuments
from utils.vectors.examples import example_table
from utils.vectors.splits import VectorSplit


class LastVector(SimpleNamespace):
    """A model whose prediction is the last vector of the context."""

    def predict_on_batch(self, inputs):
        return {"predicted": inputs["vectors"][:, -1]}


@pytest.mark.parametrize("has_texts", [True, False])
def test_each_row_has_the_next_text_and_the_expected_one(has_texts):
    vectors = np.eye(7, dtype=np.float32)[[0, 1, 2, 3, 4, 5, 2]]
    vectors[6, 6] = 0.1  # the last row is nearly row 2
    texts = [f"text {number}" for number in range(7)] if has_texts else None
    data = VectorDocuments(vectors, np.zeros(7, int), texts, ["a"], "v.npz")
    split = VectorSplit(data, np.array([0]), np.array([3]))
    evaluation = Evaluation.from_examples({"mrr": np.array([0.25])})
    columns, rows = example_table(VectorsAnswerer(LastVector(), 3, 7), split, evaluation)
    word = "text" if has_texts else "row"
    similarity = rows[0].pop(4)
    assert similarity == pytest.approx(1 / np.sqrt(1.01), rel=1e-5)
    assert rows == [["a", f"{word} 2", f"{word} 3", f"{word} 6", 4]]
    assert columns[4] == "cosine with query" and len(columns) == 6
