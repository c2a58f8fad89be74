"""Scoring a finished run of ranking on other questions."""

import json

import numpy as np
import pytest

from tests.helpers.scored_runs import score, scored_run
from tests.helpers.small_files import FORMATS
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.ranking.data import read_rankings
from utils.ranking.scoring import question_keys
from utils.training.training_summary import write_training_summary


@pytest.fixture
def questions(tmp_path):
    """A file of two questions with two answers each."""
    path = tmp_path / "questions.tsv"
    path.write_text(FORMATS["rankings"]["TSV"])
    return path


def test_own_answers_and_all_answers_are_scored_beside_baselines(tmp_path, questions):
    run = scored_run("ranking", tmp_path / "run")
    queries = read_rankings(questions, Reading()).queries
    write_training_summary(run, question_keys(queries[:1]))
    scored = score(run, questions)
    assert set(scored.baselines) == {"random", "bm25", "length"} and scored.data["searched"] == 4
    assert [headline.metric for headline in scored.headlines] == ["ndcg@10", "ndcg@10_all"]
    assert len(scored.evaluations["test"].per_example["mrr_all"]) == 2
    assert scored.notes == [
        "the run's training or validation data has 1 of these 2 questions: scores on them are not those of new data"
    ]
    scored.write(tmp_path)
    run_lines = (tmp_path / "run_all.trec").read_text().splitlines()
    assert len(run_lines) == 8 and {line.split()[0] for line in run_lines} == {"q1", "q2"}


def test_more_texts_are_searched_and_answers_of_questions_that_are_not_drawn_too(tmp_path, questions):
    texts = tmp_path / "texts.jsonl"
    texts.write_text(
        "".join(json.dumps({"_id": f"d{n}", "text": f"Another text, number {n}."}) + "\n" for n in range(9))
    )
    options = {"limit": 1, "search_files": (texts,)}
    scored = score(scored_run("ranking", tmp_path / "run"), questions, options=options)
    assert scored.data["searched"] == 4 + 9 and len(scored.evaluations["test"].per_example["mrr_all"]) == 1
    random = scored.baselines["random"]["test"].metrics
    assert random["p@1_all"] == pytest.approx(1 / 13) and random["p@1"] == pytest.approx(1 / 2)


def test_a_baseline_whose_weights_are_gone_is_named(tmp_path, questions):
    run = scored_run("ranking", tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "init_from": str(tmp_path / "gone" / "folder")}))
    scored = score(run, questions)
    assert "untrained" not in scored.baselines
    assert scored.notes[0].startswith("baseline untrained is missing: ") and "no such folder" in scored.notes[0]


def test_what_cannot_be_scored_is_one_line(tmp_path, questions):
    run = scored_run("ranking", tmp_path / "run")
    questions.write_text("query\tcandidate\trelevance\nwhat?\tthis\t0\nwho?\tthat\t0\n")
    with pytest.raises(UserError, match="neither this nor another test question has a relevant answer"):
        score(run, questions)
    assert np.array_equal(question_keys([]), np.zeros(0, np.uint64))
