"""train_reranker.py as a user runs it, on the demo world."""

import json
import shlex

import numpy as np
import pytest

from tests.helpers.scripts import error_line, run
from tests.helpers.small_runs import ranking_run
from tests.scripts.test_train_ranking import questions_file
from utils.ranking.splits import read_ranking_splits
from utils.reranker.predictor import RerankerPredictor

SCRIPT = "train_reranker.py"
SMALL = ("--tracking", "off", "--hidden-dim", 32, "--num-layers", 1, "--max-length", 32, "--query-length", 32)
SMALL += ("--depth", 8, "--limit", 200)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    cwd = tmp_path_factory.mktemp("reranker")
    flags = ("--epochs", 2, "--slots", 4, "--learning-rate", 0.003, "--run-dir", "run")
    status, output, errors = run(*SMALL, *flags, cwd=cwd, script=SCRIPT)
    assert status == 0, errors
    return cwd / "run", output


def test_it_is_above_its_first_stage_and_says_so(finished):
    folder, output = finished
    results = json.loads((folder / "results.json").read_text())
    assert (results["task"], results["model"], results["details"]["first_stage"]["stage"]) == (
        "reranker",
        "scratch",
        "bm25",
    )
    validation, bm25 = results["metrics"]["validation"], results["baselines"]["bm25"]["validation"]
    # The weight of BM25 is chosen there, so the search can hardly be below it.
    assert validation["ndcg@10_all"] >= bm25["ndcg@10_all"] - 0.02
    assert f"listwise_own, test, own answers: NDCG@10 {results['metrics']['test']['ndcg@10']:.4f}" in output
    assert {"run.trec", "run_all.trec", "per_question.npz", "scores_by_grade.png", "export", "first_stage.json"} <= {
        path.name for path in folder.iterdir()
    }


def test_the_predictor_gives_the_ranks_of_the_run(finished):
    folder, _ = finished
    predictor = RerankerPredictor.load(folder)
    queries = read_ranking_splits([], [], [], 0.1, 0.2, 0, 200).parts["test"]
    own_texts = [[candidate.text for candidate in query.candidates] for query in queries]
    rankings = predictor.rank([query.text for query in queries], own_texts)
    with np.load(folder / "per_question.npz") as arrays:
        values = arrays["reranker/mrr"]
    ranks = [
        next(rank for rank, entry in enumerate(ranking, 1) if query.candidates[entry["candidate"]].relevance == 3)
        for query, ranking in zip(queries, rankings, strict=True)
    ]
    np.testing.assert_allclose(1 / np.array(ranks), values)


def test_evaluate_gives_the_figures_of_the_run(finished, tmp_path):
    folder, _ = finished
    status, output, errors = run(folder.name, "--out", tmp_path / "out", cwd=folder.parent, script="evaluate.py")
    assert status == 0, errors
    assert "all figures are those of the run's results.json, to the last digit" in output


def test_it_teaches_an_encoder(finished):
    folder, _ = finished
    size = ("--hidden-dim", 32, "--num-layers", 1, "--output-dim", 16, "--no-jit-compile", "--no-export", "--epochs", 1)
    flags = (*size, "--limit", 60, "--teacher", folder, "--tracking", "off", "--run-dir", "student", "--loss")
    status, output, errors = run(*flags, "listwise", cwd=folder.parent, script="train_ranking.py")
    assert status == 0, errors
    assert "listwise, test, own answers" in output
    status, _, errors = run(*flags, "triplet", cwd=folder.parent, script="train_ranking.py")
    assert status == 2 and "--teacher: triplet has no shares as targets" in error_line(errors)


def test_its_last_line_asks_it(finished):
    folder, output = finished
    closing = output.splitlines()[-1]
    assert closing.startswith("everything is in run; try: python predict.py run ")
    status, answer, errors = run(*shlex.split(closing.split("predict.py ")[1]), cwd=folder.parent, script="predict.py")
    assert status == 0, errors
    assert answer.count(", of question ") == 3


def test_it_starts_from_a_run_that_has_not_learned_from_the_test(finished):
    folder, _ = finished
    questions_file(folder.parent / "q.jsonl")
    flags = (*SMALL, "--init-from", folder, "--epochs", 1, "--no-export", "--learning-rate", 1e-9, "--run-dir")
    status, _, errors = run(*flags, "next", "--train-files", "q.jsonl", cwd=folder.parent, script=SCRIPT)
    assert status == 0, errors
    texts = ["alpha and beta go together", "gamma alone"]
    scores = [RerankerPredictor.load(folder.parent / name).scores(["7 alpha?"], [texts])[0] for name in ("run", "next")]
    np.testing.assert_allclose(*scores, atol=1e-4)
    again = (*flags, "again", "--train-files", "q.jsonl", "--init-from", "next", "--split-seed", 1)
    status, _, errors = run(*again, cwd=folder.parent, script=SCRIPT)
    assert status == 2 and "has learned from" in error_line(errors) and "test questions" in error_line(errors)


def test_an_encoder_is_the_first_stage_and_a_baseline(tmp_path):
    questions_file(tmp_path / "q.jsonl")
    flags = (
        "--train-files",
        "q.jsonl",
        "--first-stage",
        ranking_run(),
        "--epochs",
        1,
        "--no-export",
        "--run-dir",
        "run",
    )
    status, output, errors = run(*SMALL, *flags, cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    assert "baseline first stage, test: NDCG@10 among all answers" in output


def test_a_first_stage_that_knows_the_test_questions_is_refused(tmp_path):
    questions_file(tmp_path / "q.jsonl")
    sizes = (
        "--hidden-dim",
        32,
        "--num-layers",
        1,
        "--output-dim",
        16,
        "--no-jit-compile",
        "--no-export",
        "--epochs",
        1,
    )
    data = ("--train-files", "q.jsonl", "--tracking", "off", "--split-seed")
    status, _, errors = run(*sizes, *data, 1, "--run-dir", "encoder", cwd=tmp_path, script="train_ranking.py")
    assert status == 0, errors
    status, _, errors = run(*SMALL, *data, 0, "--first-stage", "encoder", cwd=tmp_path, script=SCRIPT)
    assert status == 2 and "--first-stage encoder: has learned from" in error_line(errors)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--depth", 0), "--depth 0: must be from 1 to 100,000"),
        (("--slots", 1), "--slots 1: candidates of a question are compared with each other"),
        (("--first-stage", "runs/none"), "runs/none"),
        (("--train-files", "none.jsonl"), "none.jsonl"),
        (("--dropout", 1), "--dropout 1.0: must be at least 0 and less than 1"),
    ],
)
def test_bad_settings_are_named_in_a_line(tmp_path, flags, said):
    status, _, errors = run(*SMALL, *flags, "--run-dir", "run", cwd=tmp_path, script=SCRIPT)
    assert status == 2 and said in error_line(errors)
