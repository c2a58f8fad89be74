"""Scoring a finished run of squad on files."""

import json

import pytest

from tests.helpers.scored_runs import score, scored_run
from tests.helpers.small_files import FORMATS
from utils.common.errors import UserError
from utils.squad.data import read_squad
from utils.squad.evaluation import evaluate
from utils.squad.unseen import paragraph_keys
from utils.training.training_summary import write_training_summary


@pytest.fixture
def questions(tmp_path):
    """A file of two questions with answers and one without."""
    path = tmp_path / "questions.json"
    path.write_text(FORMATS["squad questions"]["nested"])
    return path


@pytest.mark.parametrize("threshold", [-1e6, 1e6])
def test_the_threshold_is_the_run_s_and_the_scores_are_those_of_the_predictions(tmp_path, questions, threshold):
    """One threshold takes every question for unanswerable, the other none, whatever would score best on the file."""
    scored = score(scored_run("squad", tmp_path / "run", {"null_threshold": threshold}), questions)
    scored.write(tmp_path)
    predictions = json.loads((tmp_path / "predictions.json").read_text())
    assert set(predictions.values()) == {""} if threshold < 0 else "" not in predictions.values()
    assert (
        scored.evaluations["test"].metrics
        == evaluate(read_squad(questions, require_offsets=False), predictions).metrics
    )
    assert scored.evaluations["test"].metrics["no_ans_exact_match"] == (100 if threshold < 0 else 0)
    assert set(scored.baselines) == {"word_overlap"} and scored.details == {"null_threshold": threshold}
    assert {"question_word.png", "nbest_predictions.json", "null_scores.json"} <= {f.name for f in tmp_path.iterdir()}


def test_paragraphs_that_the_run_was_trained_on_are_counted_and_answers_compared_as_asked(tmp_path, questions):
    run = scored_run("squad", tmp_path / "run", {"null_threshold": None})
    write_training_summary(run, paragraph_keys(read_squad(questions, require_offsets=False)))
    scored = score(run, questions, options={"by_character": True})
    assert scored.notes == [
        "the run's training or validation data has 1 of these 1 paragraphs: scores on them are not those of new data",
        "the run has no threshold for unanswerable questions, as its validation data had none: it answers all",
    ]
    assert scored.evaluations["test"].metrics["by_character"] == 3


def test_a_file_without_labels_is_one_line(tmp_path, questions):
    document = json.loads(questions.read_text())
    for question in document["data"][0]["paragraphs"][0]["qas"]:
        question.pop("answers")
        question.pop("is_impossible", None)
    questions.write_text(json.dumps(document))
    with pytest.raises(UserError, match="no question has a reference answer"):
        score(scored_run("squad", tmp_path / "run"), questions)


def test_a_part_of_built_in_questions_is_drawn(tmp_path):
    scored = score(scored_run("squad", tmp_path / "run"), is_own=True, options={"limit": 5})
    assert scored.data["counts"] == {"test": 5} and scored.data["contents"]["test"]["questions"] == 800
    assert scored.evaluations["test"].metrics["total"] == 5 and scored.notes == []
