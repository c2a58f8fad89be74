"""What SpanPretrainer promises: spans in the text alone, and every weight but the span head is trained."""

import keras
import numpy as np

from models.span_pretrainer import SpanPretrainer
from tests.helpers.calls import outputs
from tests.helpers.learning import learn
from tests.helpers.model_cases import CASES

CASE = next(case for case in CASES if case.model_class is SpanPretrainer)


def test_spans_start_and_end_in_the_text():
    model, inputs = CASE.make(), CASE.inputs(3, 13)
    result = outputs(model, inputs)
    is_text = (inputs["segment_ids"] * inputs["padding_mask"]).astype(bool)
    for end in ("start", "end"):
        assert ((result[end] > -1e8) == is_text[:, None, :]).all()


def test_the_span_head_is_not_trained():
    model = CASE.make()
    not_trained = {weight.path.split("/", 1)[-1] for weight in model.weights} - {
        weight.path.split("/", 1)[-1] for weight in model.trainable_weights
    }
    assert {path for path in not_trained if "seed" not in path} == {
        "encoder/span_head/kernel",
        "encoder/span_head/bias",
    }


def test_it_learns_the_spans_and_words_of_a_batch():
    model, inputs, targets = CASE.make(), CASE.inputs(3, 13), CASE.targets(3, 13)
    is_jax = keras.backend.backend() == "jax"  # without it JAX compiles each operation by itself
    model.compile(keras.optimizers.Adam(0.01), loss=CASE.losses(), jit_compile=is_jax)
    losses = learn(model, inputs, targets, 60)
    assert np.isfinite(losses).all() and losses[-1] < 0.3 * losses[0]
