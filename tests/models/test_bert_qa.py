"""BertQA: a pretrained encoder with a span head."""

import keras
import numpy as np
import pytest

from models import load_model
from models.bert_qa import BertQA
from tests.helpers.calls import outputs
from tests.helpers.learning import learn

SIZE = {
    "vocabulary_size": 37,
    "hidden_dim": 10,
    "num_layers": 2,
    "num_heads": 5,
    "intermediate_dim": 14,
    "max_length": 23,
}
BATCH, LENGTH = 3, 13


def make_model(**change):
    keras.utils.set_random_seed(5)
    model = BertQA(SIZE | change)
    model.build()
    return model


def make_batch(length=LENGTH):
    rng = np.random.default_rng(7)
    real = np.array([[length], [length - 2], [length - 5]])
    position = np.arange(length)
    return {
        "token_ids": rng.integers(1, 37, (BATCH, length)) * (position < real),
        "segment_ids": ((position > 4) & (position < real)).astype("int32"),
        "padding_mask": (position < real).astype("int32"),
    }


def logits(model, batch):
    results = outputs(model, batch)
    return np.stack([results[name] for name in ("start", "end")])


def test_padding_changes_nothing():
    model, batch = make_model(), make_batch()
    longer = {name: np.pad(values, ((0, 0), (0, 6))) for name, values in batch.items()}
    np.testing.assert_allclose(logits(model, longer)[..., :LENGTH], logits(model, batch), atol=1e-5)


@pytest.mark.parametrize("change", [{"num_segments": 0}, {"embedding_dim": 6}, {"activation": "gelu_tanh"}])
def test_a_saved_model_with_another_encoder_gives_the_same(change, tmp_path):
    model = make_model(**change)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert isinstance(loaded, BertQA) and loaded.get_config() == model.get_config()
    for length in (LENGTH, LENGTH + 6):
        np.testing.assert_array_equal(logits(loaded, make_batch(length)), logits(model, make_batch(length)))


def test_a_fixed_batch_is_learned():
    model, batch = make_model(dropout=0.0), make_batch()
    spans = {"start": np.array([5, 6, 0]), "end": np.array([7, 6, 0])}
    loss = {name: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for name in spans}
    model.compile(keras.optimizers.Adam(0.02), loss=loss)
    learn(model, batch, spans, 60)
    predictions = logits(model, batch).argmax(axis=-1)
    np.testing.assert_array_equal(predictions, [spans["start"], spans["end"]])
