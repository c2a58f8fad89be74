"""Predictions and null scores in the layouts that tools write."""

import csv
import gzip
import json

import pytest

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.squad.predictions import read_null_scores, read_predictions

ANSWERS = {"q1": "Paris", "q2": "", "7": "in 1843"}
RECORDS = [{"id": identifier, "prediction_text": text} for identifier, text in ANSWERS.items()]
LAYOUTS = {
    "object": json.dumps(ANSWERS),
    "object over several lines": json.dumps(ANSWERS, indent=2),
    "list": json.dumps(RECORDS),
    "lines": "\n".join(map(json.dumps, RECORDS)),
    "columns": json.dumps({"id": list(ANSWERS), "prediction_text": list(ANSWERS.values())}),
    "ids that are numbers": json.dumps([{**record, "id": 7} if record["id"] == "7" else record for record in RECORDS]),
    "names in capitals": json.dumps([{"ID": r["id"], "Prediction_Text": r["prediction_text"]} for r in RECORDS]),
    "more fields": json.dumps([{**record, "no_answer_probability": 0.1} for record in RECORDS]),
}


@pytest.mark.parametrize("content", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_predictions(tmp_path, content):
    path = tmp_path / "predictions"
    path.write_bytes(gzip.compress(content.encode()))
    assert read_predictions(path) == ANSWERS


def test_a_table(tmp_path):
    path = tmp_path / "predictions.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "prediction_text"), *ANSWERS.items()])
    assert read_predictions(path) == ANSWERS


def test_one_record_is_not_taken_for_two_predictions(tmp_path):
    path = tmp_path / "p.json"
    path.write_text(json.dumps(RECORDS[0]))
    assert read_predictions(path) == {"q1": "Paris"}


def test_what_is_no_text_is_left_out_and_counted(tmp_path):
    path, reading = tmp_path / "p.json", Reading(0.5)
    path.write_text(json.dumps({"a": "x", "b": 1843, "c": 0.5, "d": None, "e": ["x"], "f": "y", "g": True}))
    assert read_predictions(path, reading) == {"a": "x", "b": "1843", "c": "0.5", "f": "y"}
    assert reading.description()["p.json"] == {
        "used": 4,
        "bad": 3,
        "left_out": {"the prediction is null": 1, "the prediction is not a text": 2},
        "noticed": {"the prediction is a number: it is taken as a text": 2},
    }
    path.write_text(
        json.dumps([*RECORDS, {"id": "q1", "prediction_text": "Rome"}, {"prediction_text": "x"}, {"id": "y"}])
    )
    reading = Reading(0.5)
    assert read_predictions(path, reading) == ANSWERS
    assert reading.description()["p.json"]["left_out"] == {
        "there is an earlier prediction for it": 1,
        "it has no id": 1,
        "it has no prediction_text": 1,
    }


def test_null_scores(tmp_path):
    path = tmp_path / "n.json"
    path.write_text(json.dumps({"q1": 3, "q2": -0.5}))
    assert read_null_scores(path) == {"q1": 3, "q2": -0.5}
    path.write_text("[1, 2]")
    with pytest.raises(UserError, match="holds no JSON object; give one that maps each question id"):
        read_null_scores(path)


def test_an_id_that_stands_twice_in_an_object_is_counted(tmp_path):
    path, reading = tmp_path / "p.json", Reading(0.5)
    path.write_text('{"a": "Paris", "b": "x", "a": "Rome"}')
    assert read_predictions(path, reading) == {"a": "Paris", "b": "x"}
    assert reading.notes[0].endswith("1 of 3 records left out, there is an earlier prediction for it (question 'a')")
    path.write_text('{"a": 1, "b": 2, "a": 3}')
    reading = Reading(0.5)
    assert read_null_scores(path, reading) == {"a": 1, "b": 2}
    assert reading.notes[0].endswith("1 of 3 records left out, there is an earlier null score for it (question 'a')")
