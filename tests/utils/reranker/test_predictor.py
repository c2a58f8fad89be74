"""The re-ranker as it is used: from Python, in a search, over an index, and exported."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.bare_python import run_bare
from tests.helpers.small_runs import ranking_run, reranker_run, write_reranker
from utils.common.errors import UserError
from utils.ranking.data import NamedText
from utils.ranking.index import build_index
from utils.ranking.predictor import RankingPredictor
from utils.reranker.first_stage import name_from_run
from utils.reranker.predictor import FIRST_STAGE_FILE, RerankerPredictor

TEXTS = ["Mira Holt built the stone bridge.", "It is old.", "who wrote notes?", "The bridge is old."]
QUESTIONS = ["Who built it?", "old " * 40]
RANK = f"""
import json, sys
sys.path.insert(0, sys.argv[1])
from answer import Answerer
print(json.dumps(Answerer()({QUESTIONS!r}, {TEXTS!r})))
"""


@pytest.fixture(scope="module")
def predictor():
    return RerankerPredictor.load(reranker_run())


def test_texts_are_ranked_by_the_score_of_each_pair(predictor):
    rankings = predictor(QUESTIONS, TEXTS)
    for question, ranking in zip(QUESTIONS, rankings, strict=True):
        (scores,) = predictor.scores([question], [TEXTS])
        assert [entry["text"] for entry in ranking] == [TEXTS[place] for place in np.argsort(-scores)]
        assert [entry["score"] for entry in ranking] == pytest.approx(sorted(scores, reverse=True), abs=1e-5)
    own = predictor(QUESTIONS, [TEXTS[:1], TEXTS[1:]])
    assert [len(ranking) for ranking in own] == [1, 3]
    assert predictor([], TEXTS) == [] and predictor(["a"], [[]]) == [[]]
    with pytest.raises(ValueError, match="empty"):
        predictor([" "], TEXTS)


def test_a_search_reads_what_bm25_finds_and_adds_its_score(predictor):
    (results,) = predictor.search(["old bridge"], TEXTS, 2)
    retrieved = predictor.stage.searcher(TEXTS).search(["old bridge"], 2)[0]
    scores = predictor.scores(["old bridge"], [[entry["text"] for entry in retrieved]])[0]
    expected = scores + 0.5 * np.array([entry["score"] for entry in retrieved])
    assert {entry["text"] for entry in results} == {entry["text"] for entry in retrieved}
    assert [entry["score"] for entry in results] == pytest.approx(sorted(expected, reverse=True), abs=1e-5)
    more = predictor.search(["old bridge"], [*TEXTS, TEXTS[3]], 4)[0]  # more than its depth; a copy is found once
    retrieved = predictor.stage.searcher(TEXTS).search(["old bridge"], 4)[0]
    assert [entry["candidate"] for entry in more[:2]] == [entry["candidate"] for entry in results]
    assert [entry["candidate"] for entry in more[2:]] == [entry["candidate"] for entry in retrieved[2:]]
    assert sorted((entry["score"] for entry in more), reverse=True) == [entry["score"] for entry in more]


def test_an_encoder_counts_among_given_texts(tmp_path):
    predictor = RerankerPredictor.load(write_reranker(tmp_path / "run", stage=str(ranking_run()), own_weight=3.0))
    (ranking,) = predictor(["old bridge"], TEXTS)
    cosines = RankingPredictor.load(ranking_run()).rank(["old bridge"], [TEXTS])[0]
    cosine_of = {entry["candidate"]: entry["score"] for entry in cosines}
    (scores,) = predictor.scores(["old bridge"], [TEXTS])
    for entry in ranking:
        place = entry["candidate"]
        assert entry["score"] == pytest.approx(scores[place] + 3 * cosine_of[place], abs=1e-4)


def test_copies_of_a_text_are_read_once_after_either_first_stage(tmp_path):
    predictor = RerankerPredictor.load(write_reranker(tmp_path / "run", stage=str(ranking_run()), depth=3))
    copies = [TEXTS[0]] * 4 + TEXTS[1:]
    (results,) = predictor.search(["old bridge"], copies, 9)
    assert len({entry["text"] for entry in results}) == len(results) == len(TEXTS)
    (expected,) = predictor.search(["old bridge"], TEXTS, 9)
    assert [(entry["text"], entry["score"]) for entry in results] == [
        (entry["text"], pytest.approx(entry["score"], abs=1e-5)) for entry in expected
    ]


def test_a_first_stage_is_loaded_from_any_working_directory_and_moves_with_the_run(tmp_path, monkeypatch):
    shutil.copytree(ranking_run(), tmp_path / "runs" / "encoder")
    monkeypatch.chdir(tmp_path)
    name = name_from_run("runs/encoder", Path("runs/reader"))
    assert name == "../encoder" and name_from_run("bm25", Path("runs/reader")) == "bm25"
    write_reranker(tmp_path / "runs" / "reader", stage=name)
    (tmp_path / "runs").rename(tmp_path / "moved")
    monkeypatch.chdir("/")
    predictor = RerankerPredictor.load(tmp_path / "moved" / "reader")
    assert len(predictor.search(QUESTIONS[:1], TEXTS)[0]) == len(TEXTS)


def test_an_encoder_finds_texts_in_memory_and_in_an_index(tmp_path):
    predictor = RerankerPredictor.load(write_reranker(tmp_path / "run", stage=str(ranking_run())))
    (in_memory,) = predictor.search(["old bridge"], TEXTS, 2)
    encoder = RankingPredictor.load(ranking_run())
    texts = [NamedText(f"line {number}", text, str(number)) for number, text in enumerate(TEXTS)]
    build_index(encoder, texts, tmp_path / "index", dtype="float32")
    index = predictor.open_index(tmp_path / "index")
    (result,) = index.search(["old bridge"], 2)
    assert len(index) == len(TEXTS)
    assert [entry["text"] for entry in result["answers"]] == [entry["text"] for entry in in_memory]
    scores = [entry["score"] for entry in in_memory]
    assert [entry["score"] for entry in result["answers"]] == pytest.approx(scores, abs=1e-4)


def test_bm25_has_no_index_of_vectors(predictor, tmp_path):
    with pytest.raises(UserError, match="searches by BM25; name a file with texts"):
        predictor.open_index(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "first_stage.json"),
        ({"stage": "bm25", "checksum": "", "own_weight": 0, "weight": -1, "depth": 2}, "weight is -1"),
        ({"stage": "bm25", "checksum": "", "own_weight": 0, "weight": 0.0, "depth": 0}, "depth is 0"),
    ],
)
def test_a_damaged_run_is_named(tmp_path, content, said):
    run_dir = write_reranker(tmp_path / "run")
    (run_dir / FIRST_STAGE_FILE).unlink()
    if content is not None:
        (run_dir / FIRST_STAGE_FILE).write_text(json.dumps(content))
    with pytest.raises(UserError, match=said):
        RerankerPredictor.load(run_dir)


@pytest.mark.parametrize(
    ("stage", "checksum", "said"), [("runs/gone", "", "no finished run there"), (None, "0", "has other weights")]
)
def test_a_first_stage_that_is_gone_or_changed_is_named_by_the_search_alone(tmp_path, stage, checksum, said):
    run_dir = write_reranker(tmp_path / "run", stage=stage or str(ranking_run()), checksum=checksum)
    predictor = RerankerPredictor.load(run_dir)
    assert len(predictor(QUESTIONS, TEXTS)[0]) == len(TEXTS)
    with pytest.raises(UserError, match=f"the first stage of this re-ranker, .*{said}"):
        predictor.search(QUESTIONS, TEXTS)


@pytest.mark.tensorflow(reason="TensorFlow writes exports")
def test_an_export_without_the_first_stages_score_says_so(tmp_path, capsys):
    run_dir = write_reranker(tmp_path / "run", stage=str(ranking_run()), own_weight=3.0)
    RerankerPredictor.load(run_dir).export(tmp_path / "export")
    note = "the run adds 3 times those of its first stage"
    assert note in capsys.readouterr().out and note in (tmp_path / "export" / "README.md").read_text()


@pytest.mark.tensorflow(reason="TensorFlow writes exports")
def test_an_export_ranks_alike_in_a_bare_python(predictor, tmp_path):
    formats = predictor.export(tmp_path / "export")
    assert set(formats) == {"model.onnx", "saved_model"}
    assert all(values["largest_difference"] < 1e-4 for values in formats.values())
    run = run_bare("-c", RANK, tmp_path / "export", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    for ranking, expected in zip(json.loads(run.stdout), predictor(QUESTIONS, TEXTS), strict=True):
        assert [entry["text"] for entry in ranking] == [entry["text"] for entry in expected]
        assert [entry["score"] for entry in ranking] == pytest.approx([e["score"] for e in expected], abs=1e-4)
    script = tmp_path / "export" / "answer.py"
    run = run_bare(script, QUESTIONS[0], *TEXTS, "--n-best", 1, cwd=tmp_path)
    assert run.returncode == 0 and run.stdout.strip().endswith(predictor(QUESTIONS[:1], TEXTS)[0][0]["text"])
