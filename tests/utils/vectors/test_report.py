"""Lines and tables of a finished run."""

from pathlib import Path

import numpy as np

from utils.common.evaluation import Evaluation
from utils.vectors.data import VectorDocuments
from utils.vectors.report import TABLE_METRICS, example_question, format_gain, format_scores, scores_table
from utils.vectors.splits import VectorSplit


def test_scores_and_gains_are_one_line_each():
    metrics = {"cosine": 0.5, "hit@1": 0.25, "hit@5": 0.75, "mrr": 0.3, "mrr_all": 0.125, "hit@10": 1.0}
    line = "test: cosine 0.5000, hit@1 0.2500, hit@5 0.7500, MRR 0.3000, MRR among all documents 0.1250"
    assert format_scores("test", metrics) == line
    gain = {"best": "ridge", "difference": -0.02, "interval": [-0.03, 0.01]}
    assert format_gain("mrr", gain) == "mrr, over ridge: -0.0200 (95 % interval over documents -0.0300 to +0.0100)"
    one_document = gain | {"interval": [float("nan")] * 2}
    assert format_gain("mrr", one_document) == "mrr, over ridge: -0.0200"


def test_the_table_has_a_row_for_baselines_and_splits():
    evaluations = {
        name: Evaluation(dict.fromkeys(TABLE_METRICS, value)) for name, value in (("mean", 0.1), ("test", 0.2))
    }
    columns, rows = scores_table(evaluations)
    assert columns == ["predictions", *TABLE_METRICS] and [row[:2] for row in rows] == [["mean", 0.1], ["test", 0.2]]
    assert all(len(row) == len(columns) for row in rows)


def test_the_example_names_a_row_of_one_file():
    data = VectorDocuments(np.ones((30, 3)), np.repeat([0, 1], 10), None, ["a", "b"], "a.npz", np.arange(4, 24))
    test = VectorSplit(data, np.array([1]), np.array([17, 18]))
    assert example_question([], test) == ["21"]
    assert example_question([Path("a.npz")], test) == ["21", "--file", "a.npz"]
    # The rows of several files are numbered through; row 21 may not be one of the first file.
    assert example_question([Path("a.npz"), Path("b.npz")], test) == ["4", "--file", "a.npz"]
