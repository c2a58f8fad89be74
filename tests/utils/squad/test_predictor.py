"""SquadPredictor: a saved model answers batches of raw texts; the settings it was trained with are its own."""

import json

import numpy as np
import pytest

from tests.helpers.paths import FIXTURES
from utils.common.errors import UserError
from utils.squad.data import Answer, Question
from utils.squad.decoding import Answers
from utils.squad.metrics import normalize_answer
from utils.squad.predictor import SquadPredictor

TOWNS = "Skelmoford lies by the sea. It was founded in 1907 by a baker. " * 9  # more than one window
RECORDS = [
    {"question": "When was Skelmoford founded?", "context": TOWNS},
    {"question": "Where does it lie?", "context": "Skelmoford lies by the sea.", "id": "ignored"},
]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """What a finished run of a tiny model with random weights leaves behind."""
    import keras

    from models.qa_transformer import QATransformer
    from utils.text.tokenization import load_tokenizer

    folder = tmp_path_factory.mktemp("run")
    keras.utils.set_random_seed(3)
    tokenizer = load_tokenizer(FIXTURES / "pretrained" / "bert")
    model = QATransformer(
        tokenizer.get_vocab_size(), hidden_dim=10, num_layers=1, num_heads=2, intermediate_dim=7, max_length=64,
        match_features=True,
    )  # fmt: skip
    model.build()
    model.span_head.set_weights(
        [weight * 30 for weight in model.span_head.get_weights()]
    )  # opinions, not a coin's toss
    model.save(folder / "best.keras")
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"max_length": 61, "doc_stride": 11, "length_penalty": 0.4}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "results.json").write_text(json.dumps({"task": "squad", "details": {"null_threshold": None}}))
    return folder


@pytest.fixture(scope="module")
def predictor(run_dir):
    return SquadPredictor.load(run_dir)


def test_an_answer_stands_in_its_context(predictor):
    for record, result in zip(RECORDS, predictor.answer(RECORDS), strict=True):
        assert result["answer"] and record["context"].startswith(result["answer"], result["start"])
        assert result["answer"] == result["n_best"][0]["text"]
        assert result["probability"] == result["n_best"][0]["probability"]
        assert sum(entry["probability"] for entry in result["n_best"]) == pytest.approx(1)
        assert np.isfinite(result["null_score"])


def test_a_batch_gives_the_answers_of_single_calls(predictor):
    batch = predictor.answer(RECORDS)
    for together, record in zip(batch, RECORDS, strict=True):
        (alone,) = predictor.answer([record])
        assert [entry["text"] for entry in alone["n_best"]][:5] == [entry["text"] for entry in together["n_best"]][:5]
        assert alone["probability"] == pytest.approx(together["probability"], rel=1e-4)
        assert alone["null_score"] == pytest.approx(together["null_score"], abs=1e-4)
    assert predictor.answer([]) == []


def test_fewer_answers_can_be_listed(predictor):
    full, short = predictor.answer(RECORDS[:1])[0], predictor.answer(RECORDS[:1], n_best=2)[0]
    assert len(full["n_best"]) == 20 and short["n_best"] == full["n_best"][:2]


def test_a_question_above_the_threshold_has_no_answer(run_dir):
    predictor = SquadPredictor.load(run_dir)
    null_score = predictor.answer(RECORDS[1:])[0]["null_score"]
    predictor.null_threshold = null_score - 1
    result = predictor.answer(RECORDS[1:])[0]
    assert (result["answer"], result["probability"], result["start"]) == ("", None, None) and result["n_best"]
    predictor.null_threshold = null_score + 1
    assert predictor.answer(RECORDS[1:])[0]["answer"]


def test_a_context_without_tokens_has_no_answer(predictor):
    result = predictor.answer([{"question": "Where?", "context": "\u200b\u0301"}])[0]
    assert result["answer"] == "" and result["n_best"] == [] and result["start"] is None


def test_the_length_penalty_of_the_run_is_used(run_dir, tmp_path):
    weights = []
    for penalty in (0.0, 2.0):
        for name in ("best.keras", "tokenizer.json", "results.json"):
            (tmp_path / name).write_bytes((run_dir / name).read_bytes())
        (tmp_path / "config.json").write_text(
            json.dumps({"max_length": 61, "doc_stride": 11, "length_penalty": penalty})
        )
        n_best = SquadPredictor.load(tmp_path).answer(RECORDS[1:], n_best=99)[0]["n_best"]
        by_text = {normalize_answer(entry["text"]): entry["probability"] for entry in n_best}
        weights.append(by_text["skelmoford lies by sea"] / by_text["skelmoford"])
    assert weights[0] / weights[1] == pytest.approx(4.0**2, rel=1e-4)  # four words once normalised


@pytest.mark.parametrize(
    "record",
    [{}, {"question": " ", "context": "x"}, {"question": "x", "context": ""}, {"question": "x", "context": 3}],
)
def test_an_empty_record_is_named(predictor, record):
    with pytest.raises(UserError, match=r"^record 2: its (question|context) is empty; give"):
        predictor.answer([RECORDS[0], record])


def test_a_question_that_would_be_cut_is_named(predictor, monkeypatch):
    monkeypatch.setattr(predictor, "max_length", 200)  # room for 64 tokens of a question
    long = {**RECORDS[1], "question": "Please tell me " * 30 + "who wrote it?"}
    with pytest.raises(
        UserError, match=r"^record 2: its question has \d+ tokens, more than the \d+ that the model reads"
    ):
        predictor.answer([RECORDS[0], long])


def test_half_a_character_is_named(predictor):
    with pytest.raises(UserError, match=r"^record 1: its context holds half a character"):
        predictor.answer([{"question": "Who?", "context": "Ada \ud83d."}])


def test_the_threshold_is_fitted_where_questions_have_no_answer(predictor):
    answerable = Question("a", "", "Ada.", "Who?", (Answer("Ada", 0),))
    impossible = Question("b", "", "Ada.", "Why?", (), is_impossible=True)
    answers = Answers({"a": "Ada", "b": "Ada"}, {}, {"a": -1.0, "b": 2.0})
    predictor.fit_null_threshold([answerable, impossible], answers)
    assert predictor.null_threshold == -1.0
    predictor.fit_null_threshold([answerable], answers)
    assert predictor.null_threshold is None


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("best.keras", b"no model", "damaged run"),
        ("best.keras", None, "damaged run"),
        ("config.json", b"{", "damaged run"),
        ("config.json", b"{}", "damaged run"),
        ("tokenizer.json", b"{", "not a tokenizer file"),
        ("results.json", b"[]", "damaged run"),
        ("results.json", None, "no finished run there"),
        ("results.json", b'{"task": "squad", "details": {}}', "damaged run"),
        ("results.json", b'{"task": "memnet"}', "is a run of the task 'memnet'"),
    ],
)
def test_a_damaged_or_wrong_run_is_one_line(run_dir, tmp_path, name, content, problem):
    for file in run_dir.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=problem) as caught:
        SquadPredictor.load(tmp_path)
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_call_answers_questions_from_their_own_text_or_from_one_text(predictor):
    questions, contexts = zip(*((record["question"], record["context"]) for record in RECORDS), strict=True)
    assert predictor(questions, contexts, n_best=3) == predictor.answer(RECORDS, n_best=3)
    first, second = predictor(list(questions), TOWNS)
    assert first["answer"] == predictor.answer(RECORDS)[0]["answer"] and second["answer"] in TOWNS
    assert predictor([], []) == []


@pytest.mark.parametrize(
    ("questions", "contexts", "message"),
    [
        ("Who?", ["Ada."], "questions is a text: give a list"),
        (["Who?"], [7], r"contexts\[0\] is int"),
        (["Who?", " "], "Ada.", r"questions\[1\] is empty"),
        (["Who?"], ["Ada.", "Ben."], "1 questions and 2 contexts"),
        (["Wh\ud800o?"], "Ada.", "half a character"),
    ],
)
def test_a_call_with_other_values_says_what_is_wrong(predictor, questions, contexts, message):
    with pytest.raises((TypeError, ValueError), match=message):
        predictor(questions, contexts)
