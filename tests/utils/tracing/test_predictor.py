"""The predictor: pieces put back in order, students one by one and together."""

import json
import shutil

import keras
import numpy as np
import pytest

from models.dkt import DKT
from models.integrated_gpcm import IntegratedAttentionGPCM
from tests.helpers.small_runs import tracing_run
from tests.helpers.tracing_sequences import SEQUENCES
from utils.common.errors import UserError
from utils.tracing import answering as module
from utils.tracing.data import ResponseFormat
from utils.tracing.features import Piece, cut
from utils.tracing.predictor import TracingPredictor
from utils.tracing.sequences import NEW_STUDENT, ResponseSequence

NUMBERS = {str(number): number for number in range(1, 6)}


@pytest.fixture(scope="module")
def predictor():
    keras.utils.set_random_seed(1)
    model = IntegratedAttentionGPCM(6, 4, num_slots=3, key_dim=5, value_dim=7, summary_dim=4, confident=0.9)
    model.build()
    return TracingPredictor(model, NUMBERS, ability_deviation=1.0)


def test_pieces_of_all_lengths_come_back_in_order(predictor, monkeypatch):
    monkeypatch.setattr(module, "BATCH_SIZE", 3)
    rng = np.random.default_rng(2)
    pieces = [
        Piece(rng.integers(1, 6, n).astype("int32"), rng.integers(0, 4, n).astype("int32"), first, student)
        for student, (n, first) in enumerate(((40, 0), (3, 1), (17, 5), (33, 0)))
    ]
    outputs = predictor.outputs(pieces)
    predictions = predictor.predictions(pieces, outputs)
    scored = [(piece.responses[piece.first_scored :], piece.items[piece.first_scored :]) for piece in pieces]
    assert predictions.responses.tolist() == np.concatenate([responses for responses, _ in scored]).tolist()
    assert predictions.items.tolist() == np.concatenate([items for _, items in scored]).tolist()
    assert np.bincount(predictions.students).tolist() == [40, 2, 12, 33]
    singles = [predictor.predictions([piece]).probabilities for piece in pieces]
    np.testing.assert_allclose(predictions.probabilities, np.concatenate(singles), rtol=1e-4, atol=1e-5)
    single_outputs = [predictor.outputs([piece])[0] for piece in pieces]
    for name in ("ability", "skipped"):
        for output, single in zip(outputs, single_outputs, strict=True):
            np.testing.assert_allclose(output[name], single[name], rtol=1e-4, atol=1e-5)
    assert predictor.skipped_cycles(pieces, outputs) == pytest.approx(
        np.mean([output["skipped"][piece.first_scored :].mean() for piece, output in zip(pieces, outputs, strict=True)])
    )


def test_errors_of_abilities_shrink_with_each_response(predictor):
    pieces = cut(SEQUENCES[2:4], NUMBERS, 50)
    outputs = predictor.outputs(pieces)
    errors = [predictor.ability_errors(output, range(len(output["ability"]))) for output in outputs]
    assert [len(part) for part in errors] == [13, 18]
    assert (np.diff(errors[0])[1:] < 0.2).all() and errors[0][0] == pytest.approx(1)
    known = [Piece(piece.items.clip(1), piece.responses) for piece in pieces]
    outputs = predictor.outputs(known)
    last = [predictor.ability_errors(output, [len(output["ability"]) - 1])[0] for output in outputs]
    items = predictor.item_parameters()
    by_items = [
        predictor.errors_by_items(piece, output, items)[-1] for piece, output in zip(known, outputs, strict=True)
    ]
    np.testing.assert_allclose(last, by_items, rtol=1e-4)


def test_two_students_together_are_answered_like_each_alone(predictor):
    histories, items = [*SEQUENCES[3:5], NEW_STUDENT], ["4", "99"]
    together = predictor.predict(histories, items)
    assert [student["num_responses"] for student in together] == [18, 23, 0]
    assert together[0]["unknown_items"] == sorted({"0", "6", "7", "8"} & set(SEQUENCES[3].items))
    for student, history in zip(together, histories, strict=True):
        (single,) = predictor.predict([history], items)
        for prediction, expected in zip(student["predictions"], single["predictions"], strict=True):
            assert prediction["item"] == expected["item"] and prediction["is_known"] == (prediction["item"] == "4")
            assert sum(prediction["probabilities"]) == pytest.approx(1)
            for name in ("probabilities", "ability", "ability_error"):
                assert prediction[name] == pytest.approx(expected[name], rel=1e-4, abs=1e-5)
    assert together[2]["predictions"][0]["ability_error"] == pytest.approx(1)


def test_a_prediction_is_that_of_the_same_step_in_a_sequence(predictor):
    sequence = SEQUENCES[4]
    scored = predictor.predictions(cut([sequence], NUMBERS, 50))
    history = ResponseSequence("a", sequence.items[:-1], sequence.responses[:-1])
    (student,) = predictor.predict([history], [sequence.items[-1]])
    np.testing.assert_allclose(
        student["predictions"][0]["probabilities"], scored.probabilities[-1], rtol=1e-4, atol=1e-5
    )


def test_histories_of_similar_lengths_have_batches_of_one_shape(predictor, monkeypatch):
    """JAX compiles the model for each shape."""
    shapes, run = set(), predictor.run

    def run_and_note_shape(inputs):
        shapes.add(inputs["item_ids"].shape)
        return run(inputs)

    monkeypatch.setattr(predictor, "run", run_and_note_shape)
    for length in (0, 3, 18, 31):
        predictor.predict([ResponseSequence("a", ("1",) * length, np.ones(length, int))], ["2", "4"])
    assert shapes == {(2, 32)}


def test_batches_of_long_histories_are_small(predictor, monkeypatch):
    """Memory for attention grows with the square of the steps."""
    history = ResponseSequence("a", ("1", "3") * 50, np.arange(100) % 4)
    shapes, run = [], predictor.run
    expected = predictor.predict([history, NEW_STUDENT], ["2", "4", "5"])

    def run_and_note_shape(inputs):
        shapes.append(inputs["item_ids"].shape)
        return run(inputs)

    monkeypatch.setattr(predictor, "run", run_and_note_shape)
    monkeypatch.setattr(module, "MAX_SQUARED_STEPS", 2 * 128**2)
    answers = predictor.predict([history, NEW_STUDENT], ["2", "4", "5"])
    assert shapes == [(2, 128), (2, 128), (6, 32)]
    for student, other in zip(answers, expected, strict=True):
        for prediction, before in zip(student["predictions"], other["predictions"], strict=True):
            assert prediction["probabilities"] == pytest.approx(before["probabilities"], abs=1e-5)


def test_a_model_without_ability_predicts_probabilities_alone():
    model = DKT(6, 3, hidden_dim=5)
    model.build()
    (student,) = TracingPredictor(model, NUMBERS).predict([NEW_STUDENT], ["2"])
    (prediction,) = student["predictions"]
    assert prediction.keys() == {"item", "is_known", "probabilities"} and len(prediction["probabilities"]) == 3


def test_a_response_that_the_model_does_not_have_is_refused(predictor):
    history = ResponseSequence("ann", ("1", "2"), np.array([3, 4]), None, "history.csv", (2, 3))
    with pytest.raises(UserError, match=r"history\.csv, line 3: a response is 4, but the model knows 0 to 3"):
        predictor.predict([history], ["1"])


def test_histories_are_read_as_the_training_files_were(predictor, tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("pupil;question_id;score\nann;a;0,5\nann;b;1\n")
    trained = TracingPredictor(
        predictor.model, NUMBERS, response_format=ResponseFormat({"student": "pupil"}, credit_levels=3)
    )
    (ann,), notes = trained.read_histories(path)
    assert ann.items == ("a", "b") and ann.responses.tolist() == [1, 2] and "3 levels" in notes[-1]
    with pytest.raises(UserError, match="has fractions of credit, but the run was trained on categories"):
        TracingPredictor(predictor.model, NUMBERS, response_format=ResponseFormat({"student": "pupil"})).read_histories(
            path
        )
    path.write_text("student,item,response\nann,a,1\n")
    assert trained.read_histories(path)[0][0].responses.tolist() == [2]


def test_items_that_an_older_run_wrote_as_fractions_are_known(tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(tracing_run(), run_dir)
    numbers = json.loads((run_dir / "items.json").read_text())
    (run_dir / "items.json").write_text(json.dumps({f"{number}.0": number for number in numbers.values()}))
    (run_dir / "skills.json").write_text(json.dumps({f"{number}.0": "a" for number in numbers.values()}))
    loaded = TracingPredictor.load(run_dir)
    assert list(loaded.item_numbers) == [str(number) for number in numbers.values()] == list(loaded.skill_of_item)


def test_a_call_takes_pairs_of_item_and_response(predictor):
    histories = [[("1", 3), ("4", np.int64(0))], []]
    sequences = [ResponseSequence("0", ("1", "4"), np.array([3, 0])), ResponseSequence("1", (), np.zeros(0, int))]
    assert predictor(histories, ["2", "77"]) == predictor.predict(sequences, ["2", "77"])
    for history in ([(1, 3)], [("1", "3")], [("1", -1)], [("1", 0.5)], [("1", True)]):
        with pytest.raises(ValueError, match=r"student 0, response 1: .* is not \(item, category from 0\)"):
            predictor([history], ["2"])
    with pytest.raises(TypeError, match="items is a text"):
        predictor(histories, "2")
