"""evaluate.py as a user runs it, on small runs; the tests of the train scripts have its figures on trained models."""

import json

import pytest

from tests.helpers.in_process import run_in_process
from tests.helpers.scored_runs import scored_run
from tests.helpers.scripts import error_line
from tests.helpers.small_files import FORMATS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with two runs of squad, one of tracing, and files."""
    monkeypatch.chdir(tmp_path)
    scored_run("squad", tmp_path / "answers", {"null_threshold": 1e6})
    scored_run("squad", tmp_path / "nothing", {"null_threshold": -1e6})
    scored_run("tracing", tmp_path / "tracing")
    (tmp_path / "questions.json").write_text(FORMATS["squad questions"]["nested"])
    (tmp_path / "responses.csv").write_text(FORMATS["responses"]["NA"])
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    return tmp_path


def test_two_runs_are_scored_and_compared(folder, capsys):
    arguments = ("answers", "nothing", "--test-files", "questions.json", "--out", "out")
    assert run_in_process("evaluate", *arguments) == 0
    output = capsys.readouterr().out.splitlines()
    scores = {name: json.loads((folder / "out" / name / "results.json").read_text()) for name in ("answers", "nothing")}
    comparison = json.loads((folder / "out" / "comparison.json").read_text())
    f1 = {name: results["metrics"]["test"]["f1"] for name, results in scores.items()}
    assert comparison["names"] == ["answers", "nothing"]
    assert comparison["first_less_second"]["test"]["f1"]["difference"] == pytest.approx(f1["answers"] - f1["nothing"])
    assert f1["nothing"] == pytest.approx(100 / 3)  # one question has no answer
    assert output[-2].startswith("answers and nothing are ") and output[-1] == "everything is in out"
    assert (folder / "out" / "answers" / "predictions.json").exists()
    results = scores["answers"]
    assert {"schema_version", "task", "model", "seed", "seconds", "versions", "commit", "config"} <= set(results)
    assert results["headline"]["metric"] == "f1" and results["evaluated"]["reference"] == "answers"
    assert results["evaluated"]["weights"].startswith("sha256:") and "agreement" not in results["evaluated"]
    assert set(results["data"]["file_checksums"]["test_files"]) == {"questions.json"}
    assert results["intervals"]["test"]["f1"] == [None, None]  # the file has one article
    assert "word_overlap" in results["baselines"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none", "--test-files", "questions.json"), "none: no finished run there"),
        ((), "0 runs were named: give one, or two to compare"),
        (("answers", "nothing", "tracing"), "3 runs were named"),
        (("answers", "tracing"), "runs of squad and tracing; name runs of one task"),
        (("answers", "--facts", "questions.json"), "--facts: is for runs of memnet, this is one of squad"),
        (("tracing", "--compare-by", "word"), "--compare-by: is for runs of squad"),
        (("answers", "--templates", "questions.json"), "--templates goes with --facts"),
        (("answers", "--limit", "-1"), "--limit -1: must be finite and 0 or more"),
        (("answers", "--out", "full"), "full: exists already; name another --out"),
        (("answers", "--out", "full/file/new"), "full/file/new: cannot be written to (Not a directory); name another"),
        (("answers", "--out", "n" * 300), "cannot be read or written (File name too long)"),
        (("answers", "--test-files", "none.json"), "none.json: no such file"),
        (("answers", "--test-files", "empty.json"), "empty.json: no record in it can be used"),
        (("answers", "--test-files", "responses.csv"), "responses.csv: "),
        (("tracing", "--test-files", "questions.json"), "questions.json: "),
        (("answers", "--split", "validation"), "the run has no validation data of its own"),
        (("answers", "--test-file", "questions.json"), "did you mean --test-files"),
    ],
)
def test_bad_input_is_one_line(folder, capsys, arguments, words):
    assert run_in_process("evaluate", *arguments) == 2
    assert words in error_line(capsys.readouterr().err)
    assert not (folder / "runs").exists() and sorted(path.name for path in (folder / "full").iterdir()) == ["file"]


@pytest.mark.parametrize("damage", [{"seed": "many"}, {"metrics": []}, {"data": {"file_checksums": {"test_files": 3}}}])
def test_a_damaged_run_is_one_line(folder, capsys, damage):
    for name in ("config.json", "results.json"):
        path = folder / "answers" / name
        path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    assert run_in_process("evaluate", "answers", "--test-files", "questions.json") == 2
    assert "answers: damaged run (" in error_line(capsys.readouterr().err)
