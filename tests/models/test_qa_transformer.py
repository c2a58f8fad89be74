"""QATransformer, plain and with every option: shapes, allowed positions, padding, training. Runs on every backend."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from components.layer_dropout import LayerDropout
from components.losses.position_cross_entropy import PositionCrossEntropy
from models.qa_transformer import QATransformer
from tests.helpers.calls import outputs
from tests.helpers.learning import learn

VOCABULARY, LENGTH = 31, 17
SIZES = {"hidden_dim": 6, "num_layers": 2, "num_heads": 3, "intermediate_dim": 5, "max_length": 23}
PLAIN = {}
FULL = {
    "match_features": True,
    "match_bias": True,
    "relative_positions": True,
    "convolution_width": 3,
    "context_query_attention": True,
}
HASHED = {"hashed_words": 5, "layer_dropout": 0.6}
plain_and_full = pytest.mark.parametrize("options", [PLAIN, FULL], ids=["plain", "full"])
every_option = pytest.mark.parametrize("options", [PLAIN, FULL, HASHED], ids=["plain", "full", "hashed"])


def make_model(options, **settings):
    keras.utils.set_random_seed(19)
    model = QATransformer(VOCABULARY, **SIZES | options | settings)
    model.build()
    return model


def make_batch(length=LENGTH):
    """Three windows, (question, context) of (2, 11), (3, 5) and (1, 7) tokens, padded to a length."""
    rng = np.random.default_rng(23)
    names = ("token_ids", "segment_ids", "padding_mask", "word_ids", "stem_ids", "shape_ids")
    batch = {name: np.zeros((3, length), "int32") for name in names}
    for row, (question, context) in enumerate([(2, 11), (3, 5), (1, 7)]):
        end = 3 + question + context
        batch["token_ids"][row, :end] = rng.integers(1, VOCABULARY, end)
        batch["segment_ids"][row, 2 + question : end] = 1
        batch["padding_mask"][row, :end] = 1
        for part in (slice(1, 1 + question), slice(2 + question, end - 1)):
            size = part.stop - part.start
            batch["word_ids"][row, part] = rng.integers(1, 5, size)
            batch["stem_ids"][row, part] = rng.integers(1, 4, size)
            batch["shape_ids"][row, part] = rng.integers(1, 8, size)
    return batch


def logits(model, batch):
    """`(rows, length, 2)`."""
    results = outputs(model, batch)
    return np.stack([results[end] for end in ("start", "end")], axis=-1)


@every_option
def test_only_the_context_and_the_first_token_can_be_chosen(options):
    model, batch = make_model(options), make_batch()
    results = model(batch)
    assert list(results) == ["start", "end"]
    for values in results.values():
        assert values.shape == (3, LENGTH) and keras.backend.standardize_dtype(values.dtype) == "float32"
    result = logits(model, batch)
    allowed = batch["segment_ids"] == 1
    allowed[:, 0] = True
    assert (np.abs(result[allowed]) < 100).all() and (result[~allowed] < -1e8).all()


@every_option
def test_padding_changes_nothing(options):
    model = make_model(options)
    expected = logits(model, make_batch())
    np.testing.assert_allclose(logits(model, make_batch(LENGTH + 6))[:, :LENGTH], expected, atol=1e-5)
    garbage, padding = make_batch(), make_batch()["padding_mask"] == 0
    garbage["token_ids"][padding] = 29
    garbage["shape_ids"][padding] = 5
    np.testing.assert_allclose(logits(model, garbage), expected, atol=1e-5)


@every_option
def test_rows_of_a_batch_are_independent(options):
    model, batch = make_model(options), make_batch()
    rotated = {name: np.roll(values, 1, axis=0) for name, values in batch.items()}
    other = {name: np.concatenate([batch[name][:1], rotated[name][1:]]) for name in batch}
    np.testing.assert_allclose(logits(model, other)[0], logits(model, batch)[0], atol=1e-5)


@every_option
def test_the_config_holds_every_argument(options):
    config = make_model(options, name="some_name", attention_dropout=0.2, activation="gelu").get_config()
    arguments = set(inspect.signature(QATransformer.__init__).parameters) - {"self", "kwargs"}
    assert arguments <= set(config)
    expected = {"vocabulary_size": VOCABULARY, "attention_dropout": 0.2, "activation": "gelu", "name": "some_name"}
    expected |= SIZES | options
    assert {name: config[name] for name in expected} == expected
    assert QATransformer.from_config(config).get_config() == config


@plain_and_full
def test_only_the_matching_options_see_words(options):
    model, batch = make_model(options), make_batch()
    expected, words = logits(model, batch), batch["word_ids"]
    renamed = np.where(words > 0, 1000 - 7 * words, 0)  # other numbers, equal where they were equal
    np.testing.assert_allclose(logits(model, batch | {"word_ids": renamed}), expected, atol=1e-6)
    distinct = np.where(words > 0, np.arange(LENGTH) + 1, 0).astype("int32")
    difference = np.abs(logits(model, batch | {"word_ids": distinct}) - expected).max()
    if options:
        assert difference > 1e-3
    else:
        assert difference == 0
        needed = {name: batch[name] for name in ("token_ids", "segment_ids", "padding_mask")}
        np.testing.assert_array_equal(logits(model, needed), expected)


def train(options, steps, jit_compile):
    """Train on one batch and return the losses of the steps."""
    model = make_model(options, dropout=0.0, num_layers=1)
    loss = {end: PositionCrossEntropy(0.1) for end in ("start", "end")}
    model.compile(keras.optimizers.AdamW(0.02, global_clipnorm=1.0), loss=loss, jit_compile=jit_compile)
    batch, targets = make_batch(), {"start": np.array([5, 7, 0], "int32"), "end": np.array([6, 7, 0], "int32")}
    return learn(model, batch, targets, steps)


def test_a_fixed_batch_is_learned_and_xla_learns_the_same():
    compiled = train(FULL, 30, jit_compile=keras.backend.backend() != "torch")
    assert np.isfinite(compiled).all() and compiled[-1] < 0.5 * compiled[0]
    if keras.backend.backend() == "tensorflow":  # JAX always trains with XLA
        np.testing.assert_allclose(train(FULL, 2, jit_compile=False), compiled[:2], rtol=1e-4)


def test_hashed_words_are_added_to_their_tokens():
    model, batch = make_model(HASHED), make_batch()
    table, tokens = (ops.convert_to_numpy(layer.embeddings) for layer in (model.hash_embedding, model.token_embedding))
    assert table.shape == (5, SIZES["hidden_dim"])
    batch["word_ids"] *= 977  # far above the rows
    added = table[batch["word_ids"] % 5] + table[batch["stem_ids"] % 5]
    added[batch["word_ids"] == 0] = 0
    plain = make_model(PLAIN)
    weights = {weight.path.split("/", 1)[1]: weight for weight in model.weights}
    for weight in plain.weights:
        weight.assign(weights[weight.path.split("/", 1)[1]])
    places = np.arange(batch["token_ids"].size).reshape(batch["token_ids"].shape)  # a token of its own for each place
    wide = QATransformer(places.size, **SIZES)
    wide.build()
    for weight in wide.weights[1:]:
        weight.assign(weights[weight.path.split("/", 1)[1]])
    wide.token_embedding.set_weights([(tokens[batch["token_ids"]] + added).reshape(places.size, -1)])
    expected = logits(wide, batch | {"token_ids": places.astype("int32")})
    np.testing.assert_allclose(logits(model, batch), expected, atol=1e-5)
    assert np.abs(logits(plain, batch) - expected).max() > 1e-3


def test_training_skips_whole_blocks_with_their_convolutions(monkeypatch):
    model = make_model(FULL, dropout=0.0, layer_dropout=0.5, num_layers=1)
    batch = {name: np.repeat(values[:1], 60, axis=0) for name, values in make_batch().items()}
    drawn = ops.convert_to_numpy(model.encode(batch, training=True))
    cases = []
    for factor in (0, 2):  # skipped, and not skipped
        monkeypatch.setattr(
            LayerDropout,
            "call",
            lambda self, inputs, outputs, training=False, factor=factor: inputs + factor * (outputs - inputs),
        )
        cases.append(np.abs(drawn - ops.convert_to_numpy(model.encode(batch, training=True))).max(axis=(1, 2)) < 1e-5)
    is_skipped, is_not = cases
    assert (is_skipped != is_not).all() and 10 < is_skipped.sum() < 50


def test_later_blocks_are_skipped_more_often():
    model = make_model(PLAIN, num_layers=4, layer_dropout=0.2)
    np.testing.assert_allclose([layer.rate for layer in model.layer_dropouts], [0.05, 0.1, 0.15, 0.2])


def test_a_model_that_was_saved_before_these_options_existed_loads():
    config = make_model(FULL).get_config()
    old = {name: value for name, value in config.items() if name not in ("layer_dropout", "hashed_words")}
    assert QATransformer.from_config(old).get_config() == config
    assert config["layer_dropout"] == 0 and config["hashed_words"] == 0


def test_hashed_words_and_layer_dropout_learn_a_fixed_batch():
    losses = train(FULL | HASHED | {"layer_dropout": 0.1}, 40, jit_compile=keras.backend.backend() != "torch")
    assert np.isfinite(losses).all() and min(losses[-5:]) < 0.5 * losses[0]


@pytest.mark.parametrize(("num_layers", "blocks_before"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2), (7, 2)])
def test_context_query_attention_comes_after_half_of_the_blocks_and_at_most_two(num_layers, blocks_before, monkeypatch):
    model = make_model(FULL, num_layers=num_layers)
    called = []
    for layer in (*model.blocks, model.context_query):
        call = layer.call
        monkeypatch.setattr(
            layer,
            "call",
            lambda x, *args, call=call, name=layer.name, **kw: (called.append(name), call(x, *args, **kw))[1],
        )
    model(make_batch())
    assert called.index("context_query") == blocks_before and len(called) == num_layers + 1


def test_context_query_attention_behind_the_last_block_is_refused():
    with pytest.raises(ValueError, match="context_query_after 3 must be from 1 to num_layers 2"):
        make_model(FULL, num_layers=2, context_query_after=3)
    with pytest.raises(ValueError, match="context_query_after 0 must be from 1 to num_layers 2"):
        make_model(FULL, num_layers=2, context_query_after=0)


def test_a_model_saved_before_the_setting_has_the_attention_after_half_of_its_blocks():
    config = make_model(FULL, num_layers=5).get_config()
    assert QATransformer.from_config(config).config["context_query_after"] == 2
    del config["context_query_after"]
    assert QATransformer.from_config(config).config["context_query_after"] == 3
