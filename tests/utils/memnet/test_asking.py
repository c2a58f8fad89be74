"""Files of questions that are asked: which facts answer each."""

import json

from tests.helpers.small_runs import memnet_run
from utils.common.asking import OrderedReport, Request
from utils.memnet.asking import ask_file
from utils.memnet.predictor import MemnetPredictor


def answers_of(path, text, run_dir):
    """The answers to a file's questions, and the notes on it."""
    path.write_text(text)
    report = OrderedReport(path)
    request = Request(str(run_dir), input=path)
    return list(ask_file(MemnetPredictor.load(run_dir), request, report)), report.notes


def test_a_question_is_answered_from_its_memory_alone(tmp_path):
    question = {"question": "Where was Ada Holt born?"}
    memories = [[["Ada Holt", "born_in", "Brom"]], [], [["Ada Holt", "born_in"]]]
    rows = [question, question | {"memory": None}, *(question | {"memory": memory} for memory in memories)]
    answers, notes = answers_of(tmp_path / "q.jsonl", "\n".join(map(json.dumps, rows)), memnet_run())
    assert [answer["id"] for answer in answers] == [1, 2, 3, 4, 5]
    assert [answer["answers"][0]["answer"] for answer in answers[:3]] == ["Arnwick", "Arnwick", "Brom"]
    problem = "its memory has no fact that can be used; give some, or leave the memory out"
    assert [answer.get("error") for answer in answers[3:]] == [f"line {number}: {problem}" for number in (4, 5)]
    assert f"2 of 5 records not answered: {problem} (line 4, line 5)" in notes[0]


def test_an_empty_cell_of_a_table_is_no_memory(tmp_path):
    table = "question\tmemory\nWhere was Ada Holt born?\t\nWhere was Ada Holt born?\t[]\n"
    answers, _ = answers_of(tmp_path / "q.tsv", table, memnet_run())
    assert answers[0]["answers"][0]["answer"] == "Arnwick" and "its memory has no fact" in answers[1]["error"]
