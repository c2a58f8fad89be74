"""The scores of one model in two precisions and with shorter windows."""

import json

import pytest

from benchmarks.squad_precision import as_markdown, in_precision, measure
from utils.common.errors import UserError
from utils.squad.predictor import SquadPredictor

TEXT = "The report was written by Ada Lovelace in 1843. " + "Nobody read it for a long time. " * 12


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """A file with two questions about one text."""
    by_question = {"Who wrote the report?": "Ada Lovelace", "When was the report written?": "1843"}
    rows = [
        {"context": TEXT, "question": question, "answers": [{"text": text, "answer_start": TEXT.index(text)}]}
        for question, text in by_question.items()
    ]
    path = tmp_path_factory.mktemp("questions") / "questions.json"
    path.write_text(json.dumps(rows))
    return path


@pytest.mark.tensorflow(reason="it compares precisions, and one backend shows how")
def test_each_setting_has_a_row(questions):
    rows = measure("squad-matching", [questions], [64])
    assert [(row["precision"], row["max_length"]) for row in rows] == [
        ("float32", 384),
        ("bfloat16", 384),
        ("float32", 64),
    ]
    assert rows[0]["f1"] == 100 and rows[1]["f1"] == pytest.approx(100 + rows[1]["gain"])
    assert rows[2]["windows"] > rows[1]["windows"] == 2
    table = as_markdown({"rows": rows, "hardware": "two cores", "commit": "abc"})
    assert "| bfloat16 | 384 | 2 |" in table and "| float32 | 384 | 2 | 100.00 | 100.00 |  |" in table


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_model_computes_in_the_precision_that_is_named(precision):
    stored = SquadPredictor.load("squad-matching")
    predictor = in_precision(stored, precision)
    assert (predictor.model.compute_dtype, predictor.length_penalty) == (precision, stored.length_penalty)
    for weight, own in zip(stored.model.get_weights(), predictor.model.get_weights(), strict=True):
        assert (weight == own).all()


def test_windows_longer_than_those_of_the_training_are_refused(questions):
    with pytest.raises(UserError, match="trained with windows of 384 tokens"):
        measure("squad-matching", [questions], [512])
