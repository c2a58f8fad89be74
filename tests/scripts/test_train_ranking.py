"""train_ranking.py as a user runs it, on the demo world and on small files."""

import json
import shlex
import signal
import time

import numpy as np
import pytest

from tests.helpers.in_process import run_in_process
from tests.helpers.paths import FIXTURES
from tests.helpers.scripts import error_line, run, start
from utils.ranking.evaluation import EvaluationSet, evaluate_scores
from utils.ranking.features import build_features
from utils.ranking.groups import question_groups
from utils.ranking.leaderboard import read_per_question
from utils.ranking.predictor import RankingPredictor
from utils.ranking.splits import read_ranking_splits

SCRIPT = "train_ranking.py"
SMALL = ("--tracking", "off", "--no-jit-compile", "--hidden-dim", 32, "--num-layers", 1, "--output-dim", 16)
SHORT = ("--max-length", 32, "--query-length", 32)
GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon"
TOPICS = GREEK.split(" ")


def questions_file(path, count=40):
    """Each question's good answer has its two words, the other one of them."""
    rng, lines = np.random.default_rng(1), []
    for number in range(count):
        one, two, three = rng.choice(TOPICS, 3, replace=False)
        for text, grade in (
            (f"{one} and {two} go together", 3),
            (f"{one} goes with {three}", 1),
            (f"{three} alone", 0),
        ):
            lines.append(json.dumps({"query": f"{number} {one} {two}?", "candidate": text, "relevance": grade}))
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    cwd = tmp_path_factory.mktemp("ranking")
    flags = ("--epochs", 2, "--limit", 400, *SHORT, "--run-dir", "run")
    status, output, errors = run(*SMALL, *flags, cwd=cwd, script=SCRIPT)
    assert status == 0, errors
    return cwd / "run", output


def test_it_learns_more_than_chance_and_says_so(finished):
    folder, output = finished
    results = json.loads((folder / "results.json").read_text())
    test, random = results["metrics"]["test"], results["baselines"]["random"]["test"]
    assert test["ndcg@10"] > random["ndcg@10"] + 0.05 and test["mrr_all"] > 5 * random["mrr_all"]
    assert set(results["baselines"]) == {"random", "bm25", "length"}
    assert f"infonce, test, own answers: NDCG@10 {test['ndcg@10']:.4f}" in output
    low, high = results["intervals"]["test"]["ndcg@10"]
    assert low < test["ndcg@10"] < high


def test_baselines_and_verdicts_of_both_tasks_are_printed(finished):
    folder, output = finished
    results = json.loads((folder / "results.json").read_text())
    test, bm25 = results["metrics"]["test"], results["baselines"]["bm25"]["test"]
    for metric, answers in (("ndcg@10", "own"), ("ndcg@10_all", "all")):
        assert f"baseline bm25, test: NDCG@10 among {answers} answers {bm25[metric]:.4f}" in output
        (verdict,) = [line for line in output.splitlines() if line.startswith(f"NDCG@10 among {answers} answers")]
        assert f"answers {test[metric]:.4f} (" in verdict and verdict.endswith(f"not above bm25, {bm25[metric]:.4f}")
    closing = output.splitlines()[-1]
    assert closing.startswith("everything is in run; try: python predict.py run ")
    status, answer, errors = run(*shlex.split(closing.split("predict.py ")[1]), cwd=folder.parent, script="predict.py")
    assert status == 0, errors
    assert answer.count(", of question ") == 3


def test_evaluate_gives_the_figures_of_the_run(finished, tmp_path):
    folder, _ = finished
    arguments = (folder.name, "--out", tmp_path / "out")
    status, output, errors = run(*arguments, cwd=folder.parent, script="evaluate.py")
    assert status == 0, errors
    assert "all figures are those of the run's results.json, to the last digit" in output


def test_results_have_the_common_shape(finished):
    folder, _ = finished
    results = json.loads((folder / "results.json").read_text())
    assert (results["task"], results["model"], results["schema_version"]) == ("ranking", "scratch", 1)
    details = {name: value for name, value in results["details"].items() if name != "export"}
    assert details == {"loss": "infonce", "init_from": "", "shorter_vectors": {}}
    assert results["data"]["counts"]["questions"] == {"train": 400, "validation": 150, "test": 300}
    assert results["data"]["files"] == ["demo world"] and results["config"]["slots"] == 4
    assert set(results["metrics"]) == {"validation", "test"} and "ndcg@10" in results["intervals"]["validation"]


def test_the_predictor_gives_the_scores_of_the_run(finished):
    folder, _ = finished
    predictor = RankingPredictor.load(folder)
    splits = read_ranking_splits([], [], [], 0.1, 0.2, 0, 400)
    queries = splits.parts["test"]
    ranked = predictor.rank(
        [query.text for query in queries], [[c.text for c in query.candidates] for query in queries]
    )
    ranks = [next(n for n, r in enumerate(results, 1) if query.candidates[r["candidate"]].relevance == 3)
             for query, results in zip(queries, ranked, strict=True)]  # fmt: skip
    values = read_per_question(folder / "per_question.npz")["encoder"]["mrr"]
    np.testing.assert_allclose(1 / np.array(ranks), values)


def test_the_run_directory_is_complete(finished):
    folder, _ = finished
    made = {path.name for path in folder.iterdir()}
    assert {
        "best.keras",
        "checkpoint.npz",
        "tokenizer.json",
        "history.png",
        "scores_by_grade.png",
        "bm25_differences.png",
        "per_question.npz",
        "export",
    } <= made
    assert {"run.trec", "run_all.trec", "qrels.trec"} <= made
    with np.load(folder / "per_question.npz") as arrays:
        assert len(arrays["question_ids"]) == len(arrays["encoder/mrr"]) == 300


def test_a_pretrained_encoder_in_bfloat16_is_scored_in_float32(tmp_path):
    """Two encoders, whose vectors can be cut; the untrained encoder is a baseline."""
    questions_file(tmp_path / "q.jsonl")
    folder = FIXTURES / "pretrained" / "bert"
    flags = (
        "--train-files",
        "q.jsonl",
        "--init-from",
        folder,
        "--loss",
        "matryoshka",
        "--no-shared",
        "--output-dim",
        8,
    )
    flags = (*flags, "--precision", "bfloat16", "--no-jit-compile", "--tracking", "off", "--epochs", 1, *SHORT)
    status, output, errors = run(*flags, "--run-dir", "run", cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["details"]["init_from"] == str(folder) and set(results["details"]["shorter_vectors"]) == {"2", "4"}
    assert "matryoshka, test, first 2 numbers of the vectors, own answers" in output
    assert set(results["baselines"]) == {"random", "bm25", "length", "untrained", "bm25 + untrained"}
    exports = results["details"]["export"]
    assert set(exports) == {"model.onnx", "model_queries.onnx", "saved_model", "saved_model_queries"}
    assert all(export["largest_difference"] < 1e-5 for export in exports.values())

    predictor = RankingPredictor.load(tmp_path / "run")
    assert predictor.model.dtype_policy.name == "float32"
    splits = read_ranking_splits([tmp_path / "q.jsonl"], [], [], 0.1, 0.2, 0)
    features = {
        name: build_features(part, question_groups(part), predictor.tokenizer, 32, 32)
        for name, part in splits.parts.items()
    }
    for name, searched in (("validation", ["validation"]), ("test", ["test", "validation", "train"])):
        questions = EvaluationSet.from_splits(splits.parts, features, name, searched)
        scores = predictor.scores(questions.query_ids, questions.candidate_ids)
        assert results["metrics"][name] == pytest.approx(evaluate_scores(questions, scores).metrics, abs=1e-6)


def test_predict_ranks_the_answers_of_a_file(finished, tmp_path):
    folder, _ = finished
    questions_file(tmp_path / "q.jsonl")
    status, output, errors = run(folder, "alpha beta?", "--file", "q.jsonl", cwd=tmp_path, script="predict.py")
    assert status == 0, errors
    texts = {json.loads(line)["candidate"] for line in (tmp_path / "q.jsonl").read_text().splitlines()}
    assert output.count(", of question ") == 3 and f"({len(texts)} texts searched)" in output
    status, output, errors = run(folder, "alpha beta?", cwd=tmp_path, script="predict.py")  # the demo's own answers
    assert status == 0 and output.endswith("(10,500 texts searched)\n"), errors
    (tmp_path / "notes.txt").write_text("alpha and beta go together\n\ngamma alone\n")
    status, output, errors = run(folder, "alpha beta?", "--file", "notes.txt", cwd=tmp_path, script="predict.py")
    assert status == 0 and "line 1: alpha and beta" in output and "(2 texts searched)" in output, errors


def test_the_suite_compares_losses_and_keeps_what_is_finished(tmp_path):
    questions_file(tmp_path / "q.jsonl")
    flags = (*SMALL, "--train-files", "q.jsonl", "--suite", "--losses", "infonce", "mse", "--seeds", 0, 1)
    flags = (*flags, "--epochs", 1, "--batch-size", 8, *SHORT, "--no-export", "--run-dir", "run")
    status, output, errors = run(*flags, cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    board = json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert {"infonce", "mse", "bm25", "random", "length"} == set(board["test"])
    for metric, values in board["seeds"]["mse"].items():
        assert board["test"]["mse"][metric] == pytest.approx(np.mean(values))
    assert len(list((tmp_path / ".cache").glob("ranking-baselines-*.npz"))) == 2  # one per split, for the four runs
    assert "| infonce |" in output and (tmp_path / "run" / "leaderboard.png").stat().st_size > 5_000
    (tmp_path / "run" / "mse-1" / "results.json").unlink()
    status, output, errors = run(*flags, "--resume", "--losses", "infonce", cwd=tmp_path, script=SCRIPT)
    assert status == 0 and output.count("steps per epoch") == 0, errors
    status, output, errors = run(*flags, "--resume", cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    again = json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert again["test"] == board["test"] and output.count("steps per epoch") == 1


def test_killed_and_resumed_it_has_the_same_negatives_and_scores(tmp_path):
    questions_file(tmp_path / "q.jsonl")
    flags = (*SMALL, "--train-files", "q.jsonl", "--mine", "encoder", "--slots", 4, "--batch-size", 4, "--chunks", 2)
    flags = (*flags, *SHORT, "--no-export", "--epochs", 3)
    status, _, errors = run(*flags, "--run-dir", "whole", cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    killed = start(*flags, "--run-dir", "cut", cwd=tmp_path, script=SCRIPT, QKV_ZOO_SAVE_EVERY_SECONDS="0")
    deadline = time.monotonic() + 200
    while not (tmp_path / "cut" / "metrics.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (tmp_path / "cut" / "results.json").exists()
    status, output, errors = run(*flags, "--run-dir", "cut", "--resume", cwd=tmp_path, script=SCRIPT)
    assert status == 0 and "resumed after epoch" in output, errors
    mined = [np.load(tmp_path / name / "mined.npz") for name in ("cut", "whole")]
    assert mined[0]["epoch"] == 2 and len(mined[0]["candidates"]) > 100
    for name in mined[0].files:
        np.testing.assert_array_equal(mined[0][name], mined[1][name])
    scores = [json.loads((tmp_path / name / "results.json").read_text())["metrics"] for name in ("cut", "whole")]
    assert scores[0] == scores[1]


def test_words_beside_vectors_are_trained_scored_again_and_asked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    questions_file(tmp_path / "q.jsonl")
    flags = ("--train-files", "q.jsonl", "--lexical", "--epochs", 2, "--no-export", "--batch-size", 8, *SHORT)
    assert run_in_process("train_ranking", *SMALL, *flags, "--run-dir", "run") == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    predictor = RankingPredictor.load(tmp_path / "run")
    assert predictor.lexical.parameters.idf_power != 1 and predictor.statistics.counts["alpha"] > 3
    assert results["metrics"]["test"]["ndcg@10"] > results["baselines"]["random"]["test"]["ndcg@10"]
    capsys.readouterr()
    assert run_in_process("evaluate", "run", "--out", "out") == 0
    again = json.loads((tmp_path / "out" / "results.json").read_text())["metrics"]["test"]
    assert again == pytest.approx(results["metrics"]["test"], abs=1e-6)
    (ranking,) = predictor(["7 alpha beta?"], ["gamma alone", "alpha and beta go together", "alpha goes with gamma"])
    assert ranking[0]["text"] == "alpha and beta go together"
    status = run_in_process("predict", "run", "7 alpha beta?", "--file", "q.jsonl", "--json")
    texts, _ = predictor.read_texts(tmp_path / "q.jsonl")
    expected = predictor.search(["7 alpha beta?"], [named.text for named in texts], 3)[0]
    answers = json.loads(capsys.readouterr().out.splitlines()[-1])["answers"]
    assert status == 0 and [answer["score"] for answer in answers] == [entry["score"] for entry in expected]


def test_pairs_have_nothing_to_rank_within_a_question_but_are_searched(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(3)
    pairs = [f"{' '.join(rng.choice(TOPICS, 3, replace=False))}?,about {number},1" for number in range(40)]
    (tmp_path / "pairs.csv").write_text("\n".join(["query,candidate,relevance", *pairs]))
    monkeypatch.chdir(tmp_path)
    flags = ("--train-files", "pairs.csv", "--epochs", 1, "--no-export", "--loss", "infonce_batch", "--slots", 1)
    flags = (*flags, *SHORT, "--run-dir", "run")
    assert run_in_process("train_ranking", *SMALL, *flags) == 0
    output = capsys.readouterr().out
    assert "so there is nothing to rank within a question" in output
    assert "among all answers" in output and "among own answers" not in output
    test = json.loads((tmp_path / "run" / "results.json").read_text())["metrics"]["test"]
    assert test["mrr_all"] > 0 and "mrr" not in test
    with np.load(tmp_path / "run" / "per_question.npz") as arrays:
        assert len(arrays["question_ids"]) == 0 and len(arrays["question_ids_all"]) == 8
    assert (tmp_path / "run" / "run_all.trec").exists() and not (tmp_path / "run" / "run.trec").exists()
    header = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0]
    assert "val_ndcg@10_all" in header and "val_ndcg@10," not in header


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--chunks", "5"), "--batch-size 32: must be a multiple of --chunks 5"),
        (("--train-files", "none.jsonl"), "none.jsonl: "),
        (("--test-files", "q.jsonl"), "--test-files goes with --train-files"),
        (("--loss", "infonce_own", "--slots", "1"), "--slots 1: infonce_own compares"),
        (("--losses", "hinge"), "--losses hinge: no such loss; choose from approx_ndcg, infonce, "),
        (("--init-from", FIXTURES / "pretrained" / "bert", "--max-length", "97"), "--max-length 97: "),
        (("--loss", "hinge"), "--loss hinge: no such loss; choose from approx_ndcg, infonce, "),
        (("--hidden-dim", "30"), "must be a multiple of --num-heads 4"),
        (("--temperature", "0"), "--temperature 0"),
        (("--loss", "mse", "--learned-temperature"), "--learned-temperature: mse has no temperature"),
        (("--suite", "--losses", "list_mle", "--slots", "1"), "--slots 1: list_mle compares"),
        (("--learned-temperature", "--temperature", "0.005"), "a learned temperature must be at least 0.01"),
        (("--lexical", "--chunks", "2"), "--lexical: learns the scale of its scores, and takes whole batches"),
        (("--lexical", "--learned-temperature"), "--lexical: learns the scale of its scores"),
        (("--lexical", "--loss", "matryoshka"), "--lexical: matryoshka cuts vectors"),
        (("--suite", "--loss", "triplet"), "--loss triplet: a suite has several; give --losses and --seeds"),
        (("--suite", "--seed", "5"), "--seed 5: a suite has several"),
        (("--suite", "--seeds", "0", "0"), "--seeds 0 0: give each value once"),
        (("--max-length", "2"), "--max-length 2: must be at least 3"),
        (("--test-fraction", "0"), "leaves no test questions"),
    ],
)
def test_bad_settings_and_files_are_one_line(tmp_path, monkeypatch, capsys, flags, words):
    questions_file(tmp_path / "q.jsonl")
    monkeypatch.chdir(tmp_path)
    assert run_in_process("train_ranking", "--run-dir", "run", "--tracking", "off", *flags) == 2
    assert words in error_line(capsys.readouterr().err)
    assert not (tmp_path / "run").exists()
