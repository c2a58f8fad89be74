"""benchmarks/squad_errors.py: groups of questions, classes of wrong answers, the best of several, and the table for a reader."""

import csv
import json

import numpy as np
import pytest

from benchmarks import squad_errors
from benchmarks.squad_error_classes import CLASSES, answer_kind, difficulty, error_class, sentence_of, sentence_places
from benchmarks.squad_errors import analyse, as_markdown, draw_wrong, main, read_answers, write_table
from utils.common.errors import UserError
from utils.squad.decoding import Answers
from utils.squad.question import Answer, Question

TEXT = (
    "Ada Byron moved to Rome in May 1905. There she met the painter Bo Lind, who sold two old bridges. "
    "In 1910 the council of Paris bought them for the city."
)


def question(text, *references, identifier="1", context=TEXT):
    places = tuple(Answer(reference, context.index(reference)) for reference in references)
    return Question(identifier, "Bridges", context, text, places)


@pytest.mark.parametrize(
    ("references", "prediction", "expected"),
    [
        (["two old bridges"], "", "no answer"),
        (["two old bridges"], "the", "no answer"),
        (["two old bridges"], "sold two old bridges", "too long"),
        (["two old bridges"], "bridges", "too short"),
        (["two old bridges", "bridges"], "old bridges", "too long"),  # it holds the second reference
        (["moved to Rome"], "Rome in May", "shifted"),
        (["old bridges"], "painter", "same sentence, same kind"),
        (["Bo Lind"], "sold", "same sentence, other kind"),
        (["Bo Lind"], "Paris", "other sentence, same kind"),
        (["May 1905"], "1910", "other sentence, same kind"),
        (["May 1905"], "Paris", "other sentence, other kind"),
    ],
)
def test_what_is_wrong_with_an_answer(references, prediction, expected):
    start = TEXT.index(prediction) if prediction else 0
    assert error_class(question("Who?", *references), prediction, start) == expected
    assert expected in CLASSES


def test_an_answer_whose_place_is_not_known_is_looked_for():
    assert error_class(question("Who?", "Bo Lind"), "Paris", -1) == "other sentence, same kind"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Thursday", "date"),
        ("1990s", "date"),
        ("12", "number"),
        ("1,905 metres", "number"),
        ("Twenty sheep", "number"),
        ("University of Rome", "name"),
        ("the council", "phrase"),
        ("may be sold", "phrase"),
        ("", "phrase"),
    ],
)
def test_the_kind_of_an_answer(text, kind):
    assert answer_kind(text) == kind


def test_sentences_make_up_the_text_and_are_found_by_a_character():
    sentences = sentence_places(TEXT)
    assert "".join(TEXT[slice(*place)] for place in sentences) == TEXT
    assert [sentence_of(TEXT.index(word), sentences) for word in ("Ada", "Lind", "Paris")] == [0, 1, 2]


def test_overlap_and_distance_are_those_of_stems_outside_the_answer():
    easy = difficulty(question("Which painter sold a bridge?", "Bo Lind"))  # painter, sold, bridge(s)
    assert (easy.overlap, easy.distance, easy.is_best_sentence) == (1.0, 1, True)
    other = difficulty(question("Which city did Ada move to when the painter sold bridges?", "Rome"))
    assert other.overlap == pytest.approx(2 / 6)  # ada, move of: city, ada, move, painter, sold, bridg
    assert (other.distance, other.is_best_sentence) == (2, False)
    nothing = difficulty(question("Why?", "two old bridges"))
    assert (nothing.overlap, nothing.distance) == (0.0, np.inf)
    within = difficulty(question("bridges?", "two old bridges"))
    assert within.distance == np.inf and within.overlap == 1.0


QUESTIONS = [
    question("Who sold two bridges?", "Bo Lind", identifier="right"),
    question("When did Ada move to Rome?", "May 1905", identifier="second"),
    question("How many bridges were sold?", "two", "two old bridges", identifier="never"),
]
ANSWERS = Answers(
    {"right": "Bo Lind", "second": "1910", "never": "Paris"},
    {
        "right": [{"text": "Bo Lind", "probability": 0.9, "start": TEXT.index("Bo Lind")}],
        "second": [
            {"text": "1910", "probability": 0.6, "start": TEXT.index("1910")},
            {"text": "May 1905", "probability": 0.3, "start": TEXT.index("May")},
        ],
        "never": [{"text": "Paris", "probability": 0.4, "start": TEXT.index("Paris")}],
    },
    {},
)


def test_every_division_counts_each_question_once_and_loses_what_f1_lacks():
    report = analyse(QUESTIONS, ANSWERS)
    assert report["scores"] == {"exact_match": 33.33, "f1": 33.33, "questions": 3}
    assert len(report["groups"]) == 5
    for rows in report["groups"].values():
        assert sum(row["questions"] for row in rows) == 3
        assert sum(row["lost"] for row in rows) == pytest.approx(66.67, abs=0.02)
    assert {row["class"]: row["questions"] for row in report["classes"]} == {
        "other sentence, same kind": 1,
        "other sentence, other kind": 1,
    }
    assert [row["f1"] for row in report["oracle"]] == [33.33, 66.67, 66.67, 66.67, 66.67, 66.67]
    markdown = as_markdown(report | {"notes": {"odd": 2}, "commit": "abc"})
    assert "| who | 1 | 100.00 | 100.00 | 0.00 |" in markdown
    assert "| 2 | 66.67 | 66.67 |" in markdown and "| odd | 2 |" in markdown


def test_wrong_answers_are_drawn_with_the_seed_and_say_where_a_right_one_stands():
    rows = draw_wrong(QUESTIONS, ANSWERS, count=5, seed=0)
    assert [(row["id"], row["rank of a right answer"]) for row in rows] == [("second", 2), ("never", "none")]
    assert rows[0]["sentence of the answer"] == "Ada Byron moved to Rome in May 1905."
    assert rows[0]["sentence of the prediction"].startswith("In 1910")
    drawn = [draw_wrong(QUESTIONS, ANSWERS, count=1, seed=seed)[0]["id"] for seed in range(20)]
    assert set(drawn) == {"second", "never"}
    assert drawn == [draw_wrong(QUESTIONS, ANSWERS, count=1, seed=seed)[0]["id"] for seed in range(20)]


def test_notes_of_a_reader_are_kept_and_counted(tmp_path):
    path = tmp_path / "wrong_answers.tsv"
    rows = draw_wrong(QUESTIONS, ANSWERS, count=2, seed=0)
    assert write_table(rows, path) == {}
    text = path.read_text()
    lines = text.splitlines()
    path.write_text("\n".join([lines[0], lines[1] + "needs arithmetic", *lines[2:]]) + "\n")
    assert write_table(rows, path) == {"needs arithmetic": 1}
    with path.open(newline="") as file:
        assert [row["note"] for row in csv.DictReader(file, delimiter="\t")] == ["needs arithmetic", ""]
    with pytest.raises(UserError, match="has notes on other answers"):
        write_table(rows[1:], path)


def test_predictions_of_others_have_no_places_and_no_oracle(tmp_path, monkeypatch, capsys):
    records = [
        {"id": q.id, "context": TEXT, "question": q.question}
        | {"answers": [{"text": answer.text, "answer_start": answer.start} for answer in q.answers]}
        for q in QUESTIONS
    ]
    data, predictions = tmp_path / "data.json", tmp_path / "predictions.json"
    data.write_text(json.dumps(records))
    predictions.write_text(json.dumps(ANSWERS.answers))
    arguments = ["squad_errors", "--predictions", predictions, "--test-files", data, "--out", tmp_path / "out"]
    monkeypatch.setattr(squad_errors.sys, "argv", list(map(str, arguments)))
    assert main() == 0
    output = capsys.readouterr().out
    assert "F1 33.33" in output and "best of the first" not in output
    assert json.loads((tmp_path / "out" / "report.json").read_text())["oracle"] == []
    predictions.write_text(json.dumps({"another": "text"}))
    assert main() == 2
    assert "none of its questions is in --test-files" in capsys.readouterr().err


def test_a_damaged_list_of_answers_is_named(tmp_path):
    (tmp_path / "predictions.json").write_text(json.dumps(ANSWERS.answers))
    (tmp_path / "nbest_predictions.json").write_text(json.dumps({"right": "Bo Lind"}))
    with pytest.raises(UserError, match=r"nbest_predictions\.json: does not map"):
        read_answers(tmp_path)
