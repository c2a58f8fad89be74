"""The lengths that batches of windows are padded to."""

from itertools import islice

import numpy as np
import pytest

import utils.squad.batch_lengths
from tests.helpers.squad_questions import invented_questions
from utils.squad.batch_lengths import lengths_of_batches
from utils.squad.batches import training_batches
from utils.squad.features import build_features
from utils.squad.windows import coarse_length, coarse_lengths, padded_length


@pytest.fixture
def each_shape_is_compiled(monkeypatch):
    monkeypatch.setattr(utils.squad.batch_lengths, "compiles_each_shape", lambda: True)


@pytest.mark.parametrize("max_length", [384, 61, 200])
def test_coarse_lengths_are_few_and_add_little(max_length):
    allowed = coarse_lengths(max_length)
    lengths = [coarse_length(length, allowed) for length in range(1, max_length + 1)]
    assert lengths == sorted(lengths) and max(lengths) == padded_length(max_length)
    assert all(coarse >= length for length, coarse in enumerate(lengths, start=1))
    assert all(coarse - length < max(16, length / 6) for length, coarse in enumerate(lengths, start=1))
    fine = {padded_length(length) for length in range(1, max_length + 1)}
    assert len(set(lengths)) <= 18 and set(lengths) <= fine


def test_training_batches_of_few_lengths_hold_the_same(monkeypatch, each_shape_is_compiled):
    features = build_features(*invented_questions(), max_length=200, doc_stride=13, max_question_length=11)
    coarse = list(islice(training_batches(features, 7, seed=3), 40))
    monkeypatch.setattr(utils.squad.batch_lengths, "compiles_each_shape", lambda: False)
    fine = list(islice(training_batches(features, 7, seed=3), 40))
    assert any(len(inputs["token_ids"][0]) > 192 for inputs, _ in fine)
    for (inputs, targets), (fine_inputs, fine_targets) in zip(coarse, fine, strict=True):
        length = len(fine_inputs["token_ids"][0])
        assert len(inputs["token_ids"][0]) == coarse_length(length, coarse_lengths(int(features.lengths.max())))
        for name, array in inputs.items():
            np.testing.assert_array_equal(array[:, :length], fine_inputs[name])
        assert not inputs["padding_mask"][:, length:].any()
        for name, array in targets.items():
            np.testing.assert_array_equal(array, fine_targets[name])


def test_lengths_on_an_accelerator_are_multiples_of_128(monkeypatch):
    monkeypatch.setattr(utils.squad.batch_lengths, "compiles_each_shape", lambda: True)
    monkeypatch.setattr(utils.squad.batch_lengths, "is_on_accelerator", lambda: True)
    assert lengths_of_batches(384) == (128, 256, 384)
    assert lengths_of_batches(200) == (128, 208)  # no longer than the longest window, padded


def test_answers_are_the_same_at_coarse_lengths(monkeypatch):
    import keras

    from models.qa_transformer import QATransformer
    from utils.squad.predictor import SquadPredictor

    questions, tokenizer = invented_questions()
    keras.utils.set_random_seed(3)
    model = QATransformer(
        tokenizer.get_vocab_size(), hidden_dim=10, num_layers=1, num_heads=2, intermediate_dim=7, max_length=208,
        convolution_width=3, relative_positions=True, context_query_attention=True,
    )  # fmt: skip
    model.build()
    predictor = SquadPredictor(model, tokenizer, max_length=200, doc_stride=13, length_penalty=0.4)
    records = [{"question": question.question, "context": question.context} for question in questions[:5]]
    records += [{"question": "Who?", "context": " ".join(question.context for question in questions[:20])}]
    lengths, answers = {}, {}
    predict = model.predict_on_batch
    for is_coarse in (False, True):
        monkeypatch.setattr(utils.squad.batch_lengths, "compiles_each_shape", lambda is_coarse=is_coarse: is_coarse)
        lengths[is_coarse] = set()

        def predict_and_note(inputs, seen=lengths[is_coarse]):
            seen.add(inputs["token_ids"].shape[1])
            return predict(inputs)

        model.predict_on_batch = predict_and_note
        answers[is_coarse] = [predictor.answer([record])[0] for record in records]
    assert lengths[True] <= set(coarse_lengths(200))
    for fine, coarse in zip(answers[False], answers[True], strict=True):
        assert coarse["answer"] == fine["answer"]
        assert coarse["null_score"] == pytest.approx(fine["null_score"], abs=1e-4)
