"""What ReplacedTokenPretrainer promises: labels of what was drawn, and no word of the text that tells them."""

import numpy as np
import pytest
from keras import ops

from models import replaced_token_pretrainer as module
from models.replaced_token_pretrainer import ReplacedTokenPretrainer
from tests.helpers.calls import outputs
from tests.helpers.model_cases import CASES

CASE = next(case for case in CASES if case.model_class is ReplacedTokenPretrainer)


def test_tokens_are_replaced_at_masked_places_alone():
    model, inputs = CASE.make(), CASE.inputs(3, 13)
    replaced = outputs(model, inputs)["replaced"][..., 1]
    assert set(np.unique(replaced)) == {0.0, 1.0}
    assert (replaced <= inputs["masking"]).all()


def test_a_draw_of_the_text_s_own_token_is_not_replaced():
    model, inputs = CASE.make(), CASE.inputs(3, 13)
    words = outputs(model, inputs)["words"]
    probabilities = np.exp(words - words.max(-1, keepdims=True))
    probabilities /= probabilities.sum(-1, keepdims=True)
    for row in range(3):
        for number in range(int(inputs["masking"][row].sum())):
            token = inputs["token_ids"][row, inputs["masked_places"][row, number]]
            before, own = probabilities[row, number, :token].sum(), probabilities[row, number, token]
            inputs["draws"][row, number] = before + own / 2  # the middle of the token's own part
    assert outputs(model, inputs)["replaced"][..., 1].sum() == 0


def test_the_words_of_the_text_change_nothing():
    """The encoder sees of a token what follows from its id alone, so word ids cannot tell what was replaced."""
    model, inputs = CASE.make(), CASE.inputs(3, 13)
    expected = outputs(model, inputs)["replaced"]
    noise = np.random.default_rng(0).integers(1, 8, inputs["token_ids"].shape).astype("int32")
    changed = outputs(model, inputs | {"word_ids": noise, "stem_ids": noise, "shape_ids": noise})["replaced"]
    np.testing.assert_array_equal(changed, expected)


def test_shapes_are_those_of_the_tokens_that_are_seen():
    model, inputs = CASE.make(), CASE.inputs(3, 13)
    expected = outputs(model, inputs)["replaced"]
    model.token_shapes.assign(np.arange(23) % 8)
    changed = outputs(model, inputs)["replaced"]
    np.testing.assert_array_equal(changed[..., 1], expected[..., 1])
    assert (changed[..., 0] != expected[..., 0]).any()


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_what_is_drawn_does_not_depend_on_the_precision(precision, monkeypatch):
    model, inputs, drawn_with = CASE.make(dtype=precision), CASE.inputs(3, 13), []
    sampled_ids = module.sampled_ids
    monkeypatch.setattr(
        module, "sampled_ids", lambda logits, draws: drawn_with.append(draws) or sampled_ids(logits, draws)
    )
    model(inputs)
    np.testing.assert_array_equal(ops.convert_to_numpy(drawn_with[0]), inputs["draws"])


def test_hashed_words_are_refused():
    with pytest.raises(ValueError, match="hashed_words"):
        ReplacedTokenPretrainer({"vocabulary_size": 5, "hashed_words": 7}, mask_id=4)
