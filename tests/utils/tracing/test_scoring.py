"""Scoring a finished run of tracing on other students."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.scored_runs import score, scored_run
from utils.common.errors import UserError
from utils.tracing.baselines import FittedBaselines
from utils.tracing.metrics import DecisionRule
from utils.tracing.scoring import student_keys
from utils.tracing.sequences import ResponseSequence
from utils.training.training_summary import write_training_summary

ROWS = [("ann", "q1", 1), ("ann", "q2", 0), ("ann", "q9", 1), ("bob", "q2", 1), ("bob", "q1", 1), ("bob", "q1", 0)]


def responses(path: Path, rows=ROWS) -> Path:
    path.write_text("student,item,response\n" + "".join(f"{s},{item},{mark}\n" for s, item, mark in rows))
    return path


def test_students_are_scored_beside_what_training_learned_of_items(tmp_path):
    """`majority` and `item_majority` by hand: item q1 was answered right by 9 of 10, q2 by 1 of 10."""
    run = scored_run("tracing", tmp_path / "run", {"decision_rule": {"slope": 1.0, "shift": 0.0, "mean": -5.0}})
    counts = np.array([[0, 0], [1, 9], [9, 1]])
    rule = DecisionRule(1.0, 0.0, 0.0)
    fitted = FittedBaselines(counts, np.ones(3), np.zeros((3, 1)), {"majority": rule})
    known = ResponseSequence("bob", ("q1",), np.array([1]), file="train.csv")
    write_training_summary(run, student_keys([known]), **fitted.arrays())
    scored = score(run, responses(tmp_path / "new.csv"))
    probability = np.array([0.5, (1 + 1) / 12, (9 + 1) / 12])[[0, 2, 1]]  # of right, for items 0, 1 and 2
    items, marks = np.array([1, 2, 0, 2, 1, 1]), np.array([1, 0, 1, 1, 1, 0])
    expected = -np.log(np.where(marks == 1, probability[items], 1 - probability[items]))
    np.testing.assert_allclose(scored.baselines["item_majority"]["test"].per_example["nll"], expected)
    assert scored.baselines["majority"]["test"].metrics["nll"] == pytest.approx(np.log(2))
    assert "qwk_best_rule" in scored.baselines["majority"]["test"].metrics
    assert "qwk_best_rule" not in scored.baselines["item_majority"]["test"].metrics  # no rule of it is known
    assert scored.evaluations["test"].metrics["qwk_best_rule"] == 0  # the run's rule takes every response for right
    assert scored.notes[0] == "1 of 6 responses are to items that training does not have"
    assert scored.notes[-1].startswith("1 of 2 students have the name of a student of the run's training")
    assert scored.headlines[0].metric == "auc" and scored.data["counts"] == {"test": 6}
    scored.write(tmp_path)
    with open(tmp_path / "test_predictions.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["student"] for row in rows] == [row[0] for row in ROWS] and (tmp_path / "confusion.png").exists()


def test_without_what_training_learned_the_model_alone_is_scored(tmp_path):
    scored = score(scored_run("tracing", tmp_path / "run"), responses(tmp_path / "new.csv"), options={"limit": 1})
    assert scored.baselines == {} and "qwk_best_rule" not in scored.evaluations["test"].metrics
    assert scored.notes[-1] == "baselines missing (majority, item_majority, fitted_items): the run has not kept them"
    assert scored.data["students"] == {"test": 1}


def test_what_cannot_be_scored_is_one_line(tmp_path):
    run = scored_run("tracing", tmp_path / "run")
    with pytest.raises(UserError, match=r"bad.csv, line 2: a response is 2, but the model knows 0 to 1; correct it"):
        score(run, responses(tmp_path / "bad.csv", [("ann", "q1", 2)]))
    with pytest.raises(UserError, match="student 'ann' is in"):
        score(run, responses(tmp_path / "a.csv"), responses(tmp_path / "b.csv"))
    write_training_summary(
        run,
        np.zeros(0, np.uint64),
        response_counts=np.zeros((7, 2)),
        discrimination=np.ones(7),
        thresholds=np.zeros((7, 1)),
    )
    with pytest.raises(UserError, match=r"damaged run \(training_summary.npz is that of another run"):
        score(run, responses(tmp_path / "new.csv"))
