"""What every layer in components/ keeps: configuration and file round trips, padding that changes nothing, half precision.

Runs on every Keras backend: see test_backends.py.
"""

import keras
import numpy as np
import pytest
from keras import ops

from components.context_query_attention import ContextQueryAttention
from components.convolution_block import ConvolutionBlock
from components.dropout import Dropout
from components.lexical_match_bias import LexicalMatchBias
from components.lexical_match_features import LexicalMatchFeatures
from components.lexical_match_maps import match_maps
from components.multi_head_self_attention import MultiHeadSelfAttention
from components.positional_encoding import PositionalEncoding
from components.relative_position_bias import RelativePositionBias
from components.transformer_block import TransformerBlock

BATCH, LENGTH, REAL, DIM = 2, 11, 7, 6  # tokens of the second row beyond REAL are padding

# Layer class, constructor arguments (none at its default), call arguments; the first of these is the positional one.
LAYERS = [
    (PositionalEncoding, {"max_length": 13, "learned": True}, ["inputs"]),
    (PositionalEncoding, {"max_length": 13, "learned": False}, ["inputs"]),
    (
        MultiHeadSelfAttention,
        {"num_heads": 3, "dropout": 0.2, "use_bias": False, "kernel_initializer": "he_normal"},
        ["inputs", "padding_mask", "attention_bias"],
    ),
    (
        TransformerBlock,
        {
            "num_heads": 3,
            "intermediate_dim": 5,
            "dropout": 0.2,
            "attention_dropout": 0.1,
            "norm_first": False,
            "activation": "relu",
            "norm_epsilon": 1e-5,
            "kernel_initializer": "he_normal",
        },
        ["inputs", "padding_mask", "attention_bias"],
    ),
    (TransformerBlock, {"num_heads": 2, "intermediate_dim": 5}, ["inputs", "padding_mask"]),
    (ConvolutionBlock, {"width": 3, "dropout": 0.2}, ["inputs", "padding_mask"]),
    (ContextQueryAttention, {"dropout": 0.2}, ["inputs", "segment_ids", "padding_mask"]),
    (Dropout, {"rate": 0.2, "seed": 4}, ["inputs"]),
    (LexicalMatchFeatures, {"hidden_dim": 5}, ["maps", "segment_ids"]),
    (LexicalMatchBias, {"num_heads": 3}, ["maps"]),
    (RelativePositionBias, {"num_heads": 3, "max_distance": 2}, ["inputs"]),
]
every_layer = pytest.mark.parametrize(("layer_class", "settings", "names"), LAYERS)
masked_layers = [case for case in LAYERS if "padding_mask" in case[2]]


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(31)


def arguments(names, length=LENGTH):
    """Call arguments by name; a shorter length is a prefix of a longer one."""
    rng = np.random.default_rng(5)
    segment_ids = np.tile((np.arange(LENGTH) > 3).astype("int32"), (BATCH, 1))
    word_ids = rng.integers(0, 4, (BATCH, LENGTH))
    stem_ids = np.minimum(word_ids, 2)
    every = {
        "inputs": rng.normal(size=(BATCH, LENGTH, DIM)).astype("float32")[:, :length],
        "padding_mask": (np.arange(LENGTH) < [[LENGTH], [REAL]]).astype("int32")[:, :length],
        "attention_bias": rng.normal(size=(BATCH, 1, LENGTH, LENGTH)).astype("float32")[:, :, :length, :length],
        "segment_ids": segment_ids[:, :length],
        "maps": ops.convert_to_numpy(match_maps(word_ids, stem_ids, segment_ids))[:, :, :length, :length],
    }
    return {name: every[name] for name in names}


def call(layer, given, **more):
    (first, *_), rest = given.values(), dict(list(given.items())[1:])
    return ops.convert_to_numpy(ops.cast(layer(first, **rest, **more), "float32"))


@every_layer
def test_the_config_holds_every_argument(layer_class, settings, names):
    layer = layer_class(**settings, name="some_name")
    config = layer.get_config()
    again = layer_class.from_config(config)
    assert again.get_config() == config and again.name == "some_name"
    for name, value in settings.items():
        stored = config[name]["class_name"] if isinstance(config[name], dict) else config[name]
        assert stored == ("HeNormal" if value == "he_normal" else value)


@every_layer
def test_a_saved_layer_gives_the_same_at_two_lengths(layer_class, settings, names, tmp_path):
    given = arguments(names)
    ragged = {"inputs": (None, DIM), "maps": (4, None, None), "attention_bias": (1, None, None)}
    inputs = {
        name: keras.Input(ragged.get(name, (None,)), dtype=str(value.dtype), name=name) for name, value in given.items()
    }
    layer = layer_class(**settings)
    model = keras.Model(inputs, layer(inputs[names[0]], **{name: inputs[name] for name in names[1:]}))
    model.save(tmp_path / "layer.keras")
    again = keras.saving.load_model(tmp_path / "layer.keras", safe_mode=True)
    for length in (LENGTH, REAL):
        given = arguments(names, length)
        expected = ops.convert_to_numpy(model(given))
        np.testing.assert_array_equal(ops.convert_to_numpy(again(given)), expected)
        np.testing.assert_allclose(call(layer, given), expected, atol=1e-6)
        assert not given.get("inputs", np.zeros(0)).shape or model.output_shape[-1] in (expected.shape[-1], None)


@pytest.mark.parametrize(("layer_class", "settings", "names"), masked_layers)
def test_padding_changes_no_real_output(layer_class, settings, names):
    layer = layer_class(**settings)
    given = arguments(names)
    expected = call(layer, given)
    changed = {name: value.copy() for name, value in given.items()}
    changed["inputs"][1, REAL:] = 1e3
    found = call(layer, changed)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-6)
    np.testing.assert_allclose(found[1, :REAL], expected[1, :REAL], atol=1e-6)
    shorter = call(layer, arguments(names, REAL))
    np.testing.assert_allclose(shorter[1], expected[1, :REAL], atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@every_layer
def test_half_precision_is_finite_and_near(layer_class, settings, names, policy):
    exact = layer_class(**settings)
    given = arguments(names)
    expected = call(exact, given)
    layer = layer_class(**settings, dtype=policy)
    call(layer, given)  # builds it
    layer.set_weights(exact.get_weights())
    assert all(weight.dtype == "float32" for weight in layer.weights)
    given = {k: ops.cast(v, layer.compute_dtype) if v.dtype == "float32" else v for k, v in given.items()}
    (first, *_), rest = given.values(), dict(list(given.items())[1:])
    outputs = layer(first, **rest)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    error = np.abs(ops.convert_to_numpy(ops.cast(outputs, "float32")) - expected)
    assert error.max() < 0.2 and error.mean() < 0.02
    if "padding_mask" in given:
        given["padding_mask"] = np.zeros((BATCH, LENGTH), "int32")  # no real token at all
        assert np.isfinite(call(layer, given)).all()


@pytest.mark.parametrize(("layer_class", "settings", "names"), [case for case in LAYERS if case[1].get("dropout")])
def test_dropout_acts_in_training_only(layer_class, settings, names):
    layer = layer_class(**settings)
    given = arguments(names)
    np.testing.assert_array_equal(call(layer, given, training=False), call(layer, given))
    first, second = call(layer, given, training=True), call(layer, given, training=True)
    assert np.abs(first - second).max() > 1e-3
