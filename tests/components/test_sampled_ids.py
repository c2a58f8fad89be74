"""Ids drawn from a distribution. Runs on every Keras backend."""

import numpy as np
from keras import ops

from components.sampled_ids import BLOCK, sampled_ids


def drawn(probabilities, draws):
    logits = np.log(np.maximum(probabilities, 1e-300)).astype("float32")[None, None]
    logits = np.broadcast_to(logits, (1, len(draws), logits.shape[-1]))
    return ops.convert_to_numpy(sampled_ids(logits, np.array([draws], "float32")))[0]


def test_ids_as_often_as_they_are_probable():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3 * BLOCK + 7) / 5)
    draws = (np.arange(50_000) + 0.5) / 50_000
    counts = np.bincount(drawn(probabilities, draws), minlength=len(probabilities))
    np.testing.assert_allclose(counts / 50_000, probabilities, atol=3 / 50_000)


def test_the_first_id_whose_running_sum_is_larger():
    probabilities = np.random.default_rng(1).dirichlet(np.ones(2 * BLOCK))
    draws = np.random.default_rng(2).random(300)
    np.testing.assert_array_equal(
        drawn(probabilities, draws), np.searchsorted(np.cumsum(probabilities), draws, "right")
    )


def test_no_id_that_is_impossible():
    probabilities = np.zeros(BLOCK + 5)
    probabilities[BLOCK + 1] = 1
    assert set(drawn(probabilities, [0.0, 0.5, np.nextafter(np.float32(1), np.float32(0))])) == {BLOCK + 1}
