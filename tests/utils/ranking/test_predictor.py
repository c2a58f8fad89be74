"""The predictor: ranks and searches texts, and what a wrong or damaged run directory says."""

import json

import keras
import numpy as np
import pytest

from models.bi_encoder import BiEncoder
from utils.common.errors import UserError
from utils.ranking.data import named_answers
from utils.ranking.demo import demo_rankings
from utils.ranking.encoder import new_start
from utils.ranking.predictor import RankingPredictor

TEXTS = ["the red fox runs", "a blue bird sings", "green fish swim fast", "the old owl"]
LENGTHS = {"query_length": 7, "max_length": 11}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """What train_ranking.py leaves behind, as far as the predictor reads it."""
    folder = tmp_path_factory.mktemp("ranking") / "run"
    folder.mkdir()
    start = new_start(TEXTS * 2, 100, hidden_dim=6, num_layers=1, num_heads=2, dropout=0.0, **LENGTHS)
    keras.utils.set_random_seed(3)
    model = BiEncoder(start.arguments, output_dim=5, shared=False)
    model.build()
    model.save(folder / "best.keras")
    (folder / "tokenizer.json").write_text(start.tokenizer.to_str())
    (folder / "config.json").write_text(json.dumps({**LENGTHS, "train_files": ["own.jsonl"], "split_seed": 4}))
    (folder / "results.json").write_text(json.dumps({"task": "ranking"}))
    return folder


@pytest.fixture(scope="module")
def predictor(run_dir):
    return RankingPredictor.load(run_dir)


def test_own_candidates_are_ranked_by_their_cosine(predictor):
    questions, candidates = ["red fox", "owl"], [TEXTS[:3], [TEXTS[3]]]
    first, second = predictor.rank(questions, candidates)
    cosines = predictor.embed_candidates(TEXTS[:3]) @ predictor.embed_questions(["red fox"])[0]
    assert [result["candidate"] for result in first] == np.argsort(-cosines).tolist()
    assert [result["score"] for result in first] == pytest.approx(sorted(cosines, reverse=True), abs=1e-6)
    assert all(result["text"] == TEXTS[result["candidate"]] for result in first) and len(second) == 1
    assert predictor.rank(["a", "b"], [[], []]) == [[], []]


def test_only_a_run_of_the_demo_has_questions_without_a_file(predictor):
    with pytest.raises(UserError, match="name it with --file"):
        predictor.read_texts()
    demo = RankingPredictor(predictor.model, predictor.tokenizer, **LENGTHS, demo_seed=4)
    assert demo.read_texts() == (named_answers(demo_rankings(4)), [])


def test_lines_of_a_text_file_are_searched(predictor, tmp_path):
    (tmp_path / "notes.txt").write_text("\n".join(["", *TEXTS, TEXTS[0]]))
    texts, notes = predictor.read_texts(tmp_path / "notes.txt")
    assert [(text.name, text.text) for text in texts] == [(f"line {n}", text) for n, text in enumerate(TEXTS, start=2)]
    assert notes == []
    (results,) = predictor.search([TEXTS[1]], [text.text for text in texts], n_best=2)
    assert len(results) == 2


def test_a_batch_equals_single_calls(predictor):
    questions, candidates = ["red fox", "an owl"], [TEXTS[:3], TEXTS]
    batch = predictor.rank(questions, candidates)
    for question, texts, together in zip(questions, candidates, batch, strict=True):
        (alone,) = predictor.rank([question], [texts])
        assert [result["candidate"] for result in alone] == [result["candidate"] for result in together]
        assert [result["score"] for result in alone] == pytest.approx([r["score"] for r in together], abs=1e-6)
    both = predictor.search(questions, TEXTS, n_best=2)
    assert both == [results[:2] for results in predictor.search(questions, TEXTS)] and len(both[0]) == 2
    assert [r["candidate"] for r in both[1]] == [r["candidate"] for r in batch[1][:2]]


def test_texts_are_cut_to_the_lengths_of_the_run(predictor):
    long = "red fox " * 20
    np.testing.assert_allclose(predictor.embed_questions([long]), predictor.embed_questions([long[:40]]), atol=1e-6)
    np.testing.assert_allclose(predictor.embed_candidates([long]), predictor.embed_candidates([long * 2]), atol=1e-6)
    assert np.linalg.norm(predictor.embed_candidates(TEXTS), axis=1) == pytest.approx(1, abs=1e-6)
    assert not np.allclose(predictor.embed_questions(TEXTS), predictor.embed_candidates(TEXTS))  # two encoders


def test_scores_of_token_ids_are_those_of_the_texts(predictor):
    encodings = [encoding.ids for encoding in predictor.tokenizer.encode_batch(TEXTS)]
    scores = predictor.scores(encodings[:2], encodings)
    scores = scores.block(np.arange(2), slice(0, len(TEXTS)))
    for row, results in zip(scores, predictor.search(TEXTS[:2], TEXTS), strict=True):
        assert [row[result["candidate"]] for result in results] == pytest.approx(sorted(row, reverse=True), abs=1e-6)
        assert [result["score"] for result in results] == pytest.approx(sorted(row, reverse=True), abs=1e-6)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "results.json").unlink(), "no finished run there"),
        (lambda folder: (folder / "results.json").write_text('{"task": "squad"}'), "is a run of the task 'squad'"),
        (lambda folder: (folder / "config.json").write_text("{}"), r"damaged run \('query_length'\)"),
        (lambda folder: (folder / "best.keras").write_bytes(b"PK"), "damaged run"),
        (lambda folder: (folder / "best.keras").unlink(), "damaged run"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "not a tokenizer file"),
    ],
)
def test_a_run_that_cannot_be_loaded_is_one_line(run_dir, tmp_path, damage, words):
    folder = tmp_path / "run"
    folder.mkdir()
    for file in run_dir.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    damage(folder)
    with pytest.raises(UserError, match=words) as error:
        RankingPredictor.load(folder)
    assert "\n" not in str(error.value) and str(folder) in str(error.value)


def test_a_call_ranks_texts_of_all_questions_or_of_each(predictor):
    questions = ["red fox", "owl"]
    assert predictor(questions, [TEXTS[:3], [TEXTS[3]]]) == predictor.rank(questions, [TEXTS[:3], [TEXTS[3]]])
    assert predictor(questions, TEXTS) == predictor.search(questions, TEXTS, len(TEXTS))
    assert predictor([], []) == []
    with pytest.raises(TypeError, match="candidates is a text"):
        predictor(questions, "the red fox runs")
    with pytest.raises(ValueError, match="2 questions and 1 lists of candidates"):
        predictor(questions, [TEXTS])
