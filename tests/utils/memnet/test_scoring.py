"""Scoring a finished run of memnet on other facts and questions."""

import json

import numpy as np
import pytest

from tests.helpers.scored_runs import score, scored_run
from utils.common.errors import UserError
from utils.memnet.records import MemoryQuestion
from utils.memnet.scoring import subject_keys
from utils.training.training_summary import write_training_summary


@pytest.fixture
def files(tmp_path):
    """Facts about three people, templates, and questions with and without a memory."""
    rows = [("Ada Holt", "born_in", "Arnwick"), ("Bo Lind", "born_in", "Arnwick"), ("Cid Moor", "plays", "lute")]
    (tmp_path / "facts.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    (tmp_path / "templates.tsv").write_text("born_in\tWhere was {s} born?\nplays\tWhat does {s} play?\ttest\n")
    questions = [
        {"question": "Where was Ada Holt born?", "answers": ["Arnwick"]},
        {
            "question": "Where was Eve Dunn born?",
            "answers": ["Skel"],
            "memory": [["Eve Dunn", "lives_in", "Arnwick"], ["Eve Dunn", "born_in", "Skel"]],
        },
        {"question": "Qwxyz?", "answers": ["nothing"]},
    ]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    return tmp_path


def test_other_facts_are_asked_about_with_every_template(files):
    run = scored_run("memnet", files / "run")
    scored = score(run, facts=[files / "facts.tsv"], templates=[files / "templates.tsv"])
    assert set(scored.evaluations) == {"test", "test_1_distractors", "test_whole_kb"}
    metrics = scored.evaluations["test"].metrics
    assert metrics["total"] == 3 and metrics["candidate_recall"] == 1
    assert scored.notes == [
        "baseline majority value is missing: the run has not kept how often each value is an answer",
        "training did not have 1 relation of these facts: 'plays'",
    ]
    assert (
        set(scored.baselines) == {"string_match", "bm25"}
        and scored.baselines["bm25"].keys() == scored.evaluations.keys()
    )
    scored.write(files)
    predictions = json.loads((files / "predictions.json").read_text())
    right = [row["answer"] in row["correct_answers"] for row in predictions]
    assert len(right) == 3 and np.mean(right) == metrics["accuracy"]


def test_questions_of_files_are_answered_from_the_run_s_facts_and_their_own_memories(files):
    """The run's facts are that Ada Holt was born in Arnwick and Bo Lind in Skel; most training answers were Skel."""
    run = scored_run("memnet", files / "run")
    known = MemoryQuestion("1", "Where was Ada Holt born?", "Ada Holt", ("Arnwick",))
    write_training_summary(run, subject_keys([known]), answer_counts=np.array([2, 5], np.int32))
    scored = score(run, files / "questions.jsonl")
    assert scored.evaluations["test"].per_example["candidate_recall"].tolist() == [1, 1, 0]
    assert scored.baselines["majority_value"]["test"].per_example["accuracy"].tolist() == [1, 1, 0]
    assert scored.baselines["string_match"]["test"].per_example["accuracy"].tolist() == [1, 1, 0]
    assert scored.notes == [
        "1 question with an empty memory, counted as wrong ('questions.jsonl:3')",
        "the run's training or validation data has 1 of these 3 subjects: scores on them are not those of new data",
    ]
    assert scored.data["facts"] == 4 and scored.data["counts"] == {"test": 3}


def test_other_distractors_make_another_test_of_questions_without_a_memory(files):
    templates = {"facts": [files / "facts.tsv"], "templates": [files / "templates.tsv"]}
    run, scored = scored_run("memnet", files / "run"), []
    for distractors in (1, 2):
        config = json.loads((run / "config.json").read_text())
        (run / "config.json").write_text(json.dumps({**config, "distractors": distractors}))
        scored.append(score(run, **templates))
    assert scored[0].data["checksum"] == scored[1].data["checksum"]
    assert scored[0].compared_data != scored[1].compared_data


def test_what_cannot_be_scored_is_one_line(files):
    run = scored_run("memnet", files / "run")
    with pytest.raises(UserError, match="--facts needs --test-files with questions, or --templates"):
        score(run, facts=[files / "facts.tsv"])
    write_training_summary(run, np.zeros(0, np.uint64), answer_counts=np.zeros(7, np.int32))
    with pytest.raises(UserError, match=r"damaged run \(training_summary.npz is that of other facts"):
        score(run, files / "questions.jsonl")
