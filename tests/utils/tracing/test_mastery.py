import csv
import json
from collections import Counter

import numpy as np
import pytest

from tests.helpers.small_runs import ability_run, tracing_run
from utils.common import figures, fonts
from utils.common.asking import OrderedReport, Request
from utils.tracing.asking import ask, ask_file, load
from utils.tracing.mastery import MAX_DRAWN, plot_mastery, skill_mastery, write_folder
from utils.tracing.sequences import ResponseSequence

HISTORIES = "student,item,response\nann,q1,1\nann,q2,0\nbob,q2,1\n"
SKILLS = {"q1": "addition", "q2": "products", "q3": "addition", "q4": "addition"}


def prediction(item, *probabilities, **values):
    return {"item": item, "probabilities": list(probabilities), **values}


def test_mastery_is_the_mean_expected_credit_of_a_skills_items():
    predictions = [prediction("q1", 0.2, 0.3, 0.5), prediction("q3", 1.0, 0.0, 0.0), prediction("q2", 0.0, 1.0, 0.0)]
    history = ResponseSequence("ann", ("q1", "q1", "new"), np.array([0, 1, 2]))
    rows = skill_mastery(predictions, history, SKILLS)
    assert [row["skill"] for row in rows] == ["addition", "products"]
    assert [row["mastery"] for row in rows] == pytest.approx([(0.65 + 0.0) / 2, 0.5])
    assert [row["num_items"] for row in rows] == [2, 1]
    assert [row["num_responses"] for row in rows] == [2, 0]


def test_items_without_a_skill_are_skills_of_their_own_and_abilities_are_means():
    values = [{"ability": 1.0, "ability_error": 0.2}, {"ability": 2.0, "ability_error": 0.4}]
    predictions = [prediction(item, 0.5, 0.5, **value) for item, value in zip(("q1", "q3"), values, strict=True)]
    history = ResponseSequence("ann", (), np.array([], int))
    (row,) = skill_mastery(predictions, history, SKILLS)
    assert (row["ability"], row["ability_error"]) == pytest.approx((1.5, 0.3))
    assert [row["skill"] for row in skill_mastery(predictions, history, {})] == ["item q1", "item q3"]


def test_skills_are_in_the_order_of_their_numbers():
    predictions = [prediction(f"q{n}", 0.5, 0.5) for n in (10, 2, 1)]
    history = ResponseSequence("ann", (), np.array([], int))
    skills = {f"q{n}": f"unit {n}" for n in (1, 2, 10)}
    assert [row["skill"] for row in skill_mastery(predictions, history, skills)] == ["unit 1", "unit 2", "unit 10"]


@pytest.mark.parametrize(("run", "skills"), [(tracing_run, None), (ability_run, SKILLS)])
def test_a_folder_has_each_students_predictions_and_mastery(tmp_path, run, skills):
    path, folder = tmp_path / "histories.csv", tmp_path / "out"
    path.write_text(HISTORIES)
    folder.mkdir()
    request = Request(str(run()), input=path, output=folder)
    predictor, report = load(request), OrderedReport(path)
    predictor.skill_of_item = skills or {}
    write_folder(folder, ask_file(predictor, request, report), predictor, report)
    answers = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    rows = list(csv.DictReader((folder / "mastery.csv").open()))
    assert [answer["student"] for answer in answers] == ["ann", "bob"]
    assert [(row["student"], row["skill"]) for row in rows] == [
        (answer["student"], row["skill"]) for answer in answers for row in answer["mastery"]
    ]
    assert float(rows[0]["mastery"]) == answers[0]["mastery"][0]["mastery"]
    assert ("ability" in rows[0]) == (run is ability_run)
    assert (folder / "mastery.png").stat().st_size > 1000


def test_a_folder_without_a_usable_student_has_no_old_picture(tmp_path):
    (tmp_path / "mastery.png").write_bytes(b"of another file")
    write_folder(tmp_path, [{"id": "ann", "error": "a response is 7"}], None, OrderedReport("histories.csv"))
    assert (tmp_path / "mastery.csv").read_text() == "student,skill,num_items,num_responses,mastery\n"
    assert not (tmp_path / "mastery.png").exists()


def test_mastery_is_of_all_items_where_a_few_are_listed(tmp_path):
    path = tmp_path / "histories.csv"
    path.write_text(HISTORIES)
    for request in (
        Request(str(ability_run()), input=path, n_best=1),
        Request(str(ability_run()), file=path, n_best=1),
    ):
        predictor = load(request)
        predictor.skill_of_item = SKILLS
        students = list(ask_file(predictor, request, OrderedReport(path)) if request.input else ask(predictor, request))
        for student in students:
            assert len(student["predictions"]) == 1 and sum(row["num_items"] for row in student["mastery"]) == 4


def test_runs_keep_the_names_of_skills_and_older_ones_their_numbers(tmp_path):
    from models.dkt import DKT
    from utils.tracing.predictor import _skill_names

    model = DKT(4, 2, hidden_dim=4, item_skills=[0, 1, 2, 1])
    numbers = {"q1": 1, "q2": 2, "q3": 3}
    assert _skill_names(tmp_path, model, numbers) == {"q1": "skill 1", "q2": "skill 2", "q3": "skill 1"}
    (tmp_path / "skills.json").write_text(json.dumps({"q1": "sums", "q2": "products", "q3": "sums"}))
    assert _skill_names(tmp_path, model, numbers)["q3"] == "sums"
    assert _skill_names(tmp_path / "other", DKT(4, 2, hidden_dim=4), numbers) == {}


def test_the_picture_of_many_students_and_skills_says_what_it_leaves_out(tmp_path, monkeypatch):
    titles, draw = [], figures.figure_and_axes

    def figure_and_axes(*args, title="", **settings):
        titles.append(title)
        return draw(*args, title=title, **settings)

    monkeypatch.setattr(figures, "figure_and_axes", figure_and_axes)
    count = MAX_DRAWN + 5
    rows = [{"student": f"s{n}", "skill": f"k{k}", "mastery": 0.5} for n in range(3) for k in range(count)]
    plot_mastery(rows, tmp_path / "mastery.png", 1234, Counter({f"k{k}": k for k in range(count)}))
    assert f"the first 3 of 1,234 students\nthe {MAX_DRAWN} of {count} skills" in titles[0]


def test_names_in_letters_without_a_font_are_no_empty_boxes(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(fonts, "has_font", str.isascii)
    monkeypatch.setattr(figures, "save_figure", lambda figure, path: drawn.append(figure))
    rows = [{"student": "王明", "skill": "分数 0", "mastery": 0.5}]
    plot_mastery(rows, tmp_path / "mastery.png", 1, Counter({"分数 0": 1}))
    axes = drawn[0].axes[0]
    labels = [[label.get_text() for label in part] for part in (axes.get_xticklabels(), axes.get_yticklabels())]
    assert labels == [["(3 characters in CJK letters, no font)"], ["(2 characters in CJK letters, no font)"]]
