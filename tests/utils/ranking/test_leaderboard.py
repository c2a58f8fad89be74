"""The leaderboard of a suite: means over seeds, paired tests, what is tracked, and a damaged run."""

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest

from utils.common.errors import UserError
from utils.common.evaluation import Evaluation
from utils.common.statistics import paired_randomisation
from utils.ranking import suite
from utils.ranking.leaderboard import KEPT_PER_QUESTION, make_leaderboard, read_per_question, write_per_question
from utils.ranking.records import Candidate, Query
from utils.training import tracked_results, tracking

QUESTIONS = [
    Query("q1", "t", (Candidate("a", "x", 1.0), Candidate("b", "y")), "here"),
    Query("q 2", "t", (Candidate("c", "z", 1.0),), "here"),
    Query("q3", "t", (Candidate("d", "w"),), "here"),
]
SEEDS = (0, 1)
LEVELS = {"triplet": 0.4, "infonce": 0.6, "mse": 0.2}


def make_values(level, seed):
    """Values of 30 test questions around a level; the two tasks have different numbers of questions."""
    rng = np.random.default_rng(int(100 * level) + seed)
    sizes = {name: 20 if name.endswith("_all") else 30 for name in KEPT_PER_QUESTION}
    return {name: np.clip(rng.normal(level, 0.1, size), 0, 1) for name, size in sizes.items()}


@pytest.fixture
def runs(tmp_path):
    baselines = {"bm25": make_values(0.4, 7), "votes oracle": make_values(0.9, 8), "random": make_values(0.05, 9)}
    folders = {loss: [tmp_path / f"{loss}-{seed}" for seed in SEEDS] for loss in LEVELS}
    for loss, level in LEVELS.items():
        for seed, folder in zip(SEEDS, folders[loss], strict=True):
            folder.mkdir()
            values = {"encoder": make_values(level, seed), **baselines}
            evaluations = {name: Evaluation.from_examples(arrays) for name, arrays in values.items()}
            write_per_question(folder / "per_question.npz", QUESTIONS, evaluations)
            metrics = {"test": evaluations["encoder"].metrics, "validation": evaluations["encoder"].metrics}
            results = {"metrics": metrics, "seconds": 10.0 + seed, "data": {"checksum": "sha256:1"}}
            (folder / "results.json").write_text(json.dumps(results))
    return folders


def test_values_of_questions_come_back(tmp_path, runs):
    values = read_per_question(runs["mse"][1] / "per_question.npz")
    assert set(values) == {"encoder", "bm25", "votes oracle", "random"}
    for name, array in make_values(0.2, 1).items():
        np.testing.assert_array_equal(values["encoder"][name], array)


def test_question_ids_stand_beside_the_values(runs):
    with np.load(runs["mse"][1] / "per_question.npz", allow_pickle=False) as arrays:
        assert arrays["question_ids"].tolist() == ["q1"] and arrays["question_ids_all"].tolist() == ["q1", "q 2"]


def test_right_answers_alone_are_compared_among_all_answers(tmp_path, capsys):
    folders = {}
    for loss, level in (("triplet", 0.4), ("mse", 0.2)):
        values = {name: array for name, array in make_values(level, 0).items() if name.endswith("_all")}
        evaluation = Evaluation.from_examples(values)
        folders[loss] = [tmp_path / loss]
        folders[loss][0].mkdir()
        write_per_question(tmp_path / loss / "per_question.npz", QUESTIONS, {"encoder": evaluation, "bm25": evaluation})
        metrics = {"test": evaluation.metrics, "validation": evaluation.metrics}
        results = {"metrics": metrics, "seconds": 1.0, "data": {"checksum": "sha256:1"}}
        (tmp_path / loss / "results.json").write_text(json.dumps(results))
    columns, rows = make_leaderboard(tmp_path, folders, "a.jsonl")
    assert columns == ["name", "ndcg@10_all", "mrr_all", "p@1_all", "p, ndcg@10_all", "seconds"] and len(rows) == 3
    board = json.loads((tmp_path / "leaderboard.json").read_text())
    assert set(board["best"]) == {"ndcg@10_all", "mrr_all"} and (tmp_path / "leaderboard.png").exists()


def test_losses_and_baselines_are_compared(tmp_path, runs, capsys):
    columns, rows = make_leaderboard(tmp_path, runs, "a.jsonl")
    board = json.loads((tmp_path / "leaderboard.json").read_text())
    means = {
        loss: np.mean([make_values(level, seed)["mrr"] for seed in SEEDS], axis=0) for loss, level in LEVELS.items()
    }
    assert board["test"]["triplet"]["mrr"] == pytest.approx(means["triplet"].mean())
    assert board["seeds"]["triplet"]["mrr"] == pytest.approx([make_values(0.4, seed)["mrr"].mean() for seed in SEEDS])
    assert board["best"] == dict.fromkeys(["ndcg@10", "mrr", "ndcg@10_all", "mrr_all"], "infonce")
    assert board["seconds"]["mse"] == 10.5
    # The ceiling is no rival; Holm's correction is over the three losses.
    assert {name.split(" against ")[1] for name in board["p"]} == {"infonce", "bm25", "random"}
    p = paired_randomisation(means["triplet"], make_values(0.4, 7)["mrr"])
    assert p <= board["p"]["mrr against bm25"]["triplet"] <= 3 * p
    assert rows[0][0] == "votes oracle" and {row[0] for row in rows} == set(board["test"])
    by_name = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
    deviation = np.std(board["seeds"]["infonce"]["mrr"], ddof=1)
    assert by_name["infonce"]["mrr"] == f"{board['test']['infonce']['mrr']:.4f} ± {deviation:.4f}"
    assert by_name["infonce"]["p, ndcg@10"] == "best" and by_name["bm25"]["seconds"] == ""
    output = capsys.readouterr().out
    assert "| infonce |" in output and "mrr: infonce is best in validation; p against bm25 0.000" in output
    assert (tmp_path / "leaderboard.png").stat().st_size > 5_000


@pytest.mark.parametrize("name", ["per_question.npz", "results.json"])
def test_a_damaged_run_is_one_line(tmp_path, runs, name):
    file = runs["infonce"][1] / name
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(UserError, match="infonce-1: damaged run"):
        make_leaderboard(tmp_path, runs, "a.jsonl")


def test_runs_on_different_data_are_not_compared(tmp_path, runs):
    file = runs["mse"][0] / "results.json"
    file.write_text(file.read_text().replace("sha256:1", "sha256:2"))
    with pytest.raises(UserError, match=r"mse-0: was trained on other data than .*triplet-0"):
        make_leaderboard(tmp_path, runs, "a.jsonl")
    file = runs["mse"][0] / "per_question.npz"  # two seeds whose tests differ in size
    with np.load(file) as arrays:
        np.savez(file, **{name: array[:-1] for name, array in arrays.items()})
    with pytest.raises(UserError, match=r"mse-0: was trained on other data than .*triplet-0"):
        make_leaderboard(tmp_path, runs, "a.jsonl")


def test_runs_are_a_group_and_their_scores_are_tracked_as_numbers(tmp_path, runs, monkeypatch):
    logged, trainings = [], []

    class Run:
        """A tracked run that remembers what it is given."""

        def __getattr__(self, name):
            return lambda *values: logged.append((name, *values))

    def train_or_read(script, folder, flags):
        trainings.append((script, folder.name, flags))

    monkeypatch.setattr(suite, "train_or_read", train_or_read)
    monkeypatch.setattr(suite, "set_up_run", lambda *_: None)
    monkeypatch.setattr(tracked_results, "start_tracking", lambda *_: tracking.Tracker(Run))
    monkeypatch.setenv("WANDB_RUN_GROUP", "")
    monkeypatch.delenv("WANDB_RUN_GROUP")
    flags = [
        "--suite",
        "--losses",
        "infonce",
        "mse",
        "--seeds",
        "0",
        "1",
        "--run-dir",
        "x",
        "--epochs",
        "3",
        "--resume",
    ]
    monkeypatch.setattr(suite.sys, "argv", ["train_ranking.py", *flags])
    config = SimpleNamespace(
        run_dir=tmp_path, seeds=[0, 1], tracking="offline", test_files=[], train_files=[], data="demo"
    )
    suite.train_suite(config, ["infonce", "mse"])
    table, images, summary, end = logged
    assert table[:2] == ("log_table", "tables/comparison") and end == ("finish", 0)
    by_name = {row[0]: dict(zip(table[2], row, strict=True)) for row in table[3]}
    board = json.loads((tmp_path / "leaderboard.json").read_text())
    assert len(by_name) == 5 and by_name["mse"]["mrr"] == board["test"]["mse"]["mrr"] == summary[1]["test/mse/mrr"]
    assert by_name["mse"]["mrr_deviation"] == pytest.approx(np.std(board["seeds"]["mse"]["mrr"], ddof=1))
    assert by_name["mse"]["seconds"] == 10.5 and by_name["bm25"]["seconds"] is None
    assert images[1] == {"images/leaderboard": tmp_path / "leaderboard.png"}
    expected = ("train_ranking.py", "infonce-0", ["--epochs", "3", "--loss", "infonce", "--seed", 0, "--no-export"])
    assert trainings[0] == expected and [name for _, name, _ in trainings] == [
        "infonce-0",
        "infonce-1",
        "mse-0",
        "mse-1",
    ]
    assert os.environ["WANDB_RUN_GROUP"] == tmp_path.name
