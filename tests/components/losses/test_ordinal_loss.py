"""OrdinalLoss against loops, with padding, its reductions, and its gradients at extremes."""

import keras
import numpy as np
import pytest
from keras import ops

from components.losses.ordinal_loss import OrdinalLoss
from tests.helpers.learning import learn

PARTS = tuple(OrdinalLoss.PARTS)

BATCH, STEPS, CATEGORIES = 3, 7, 5
RNG = np.random.default_rng(9)
LOGITS = RNG.normal(size=(BATCH, STEPS, CATEGORIES)).astype("float32") * 2
RESPONSES = RNG.integers(0, CATEGORIES, (BATCH, STEPS)).astype("int32")
WEIGHTS = (RNG.random((BATCH, STEPS)) < 0.6).astype("float32")


def loss(part, logits=LOGITS, responses=RESPONSES, weights=WEIGHTS, **settings):
    return float(OrdinalLoss({part: 1.0}, **settings)(responses, logits, weights))


def rows():
    """Probabilities and response of every step that counts."""
    probabilities = np.exp(LOGITS.astype("float64"))
    probabilities /= probabilities.sum(-1, keepdims=True)
    return [(probabilities[at], int(RESPONSES[at])) for at in zip(*np.nonzero(WEIGHTS), strict=True)]


def soft_kappa(examples):
    cost = lambda i, j: (i - j) ** 2  # noqa: E731
    observed = np.mean([sum(cost(k, r) * p[k] for k in range(CATEGORIES)) for p, r in examples])
    by_chance = np.mean([sum(cost(k, r) * p[k] for k in range(CATEGORIES)) for p, _ in examples for _, r in examples])
    return observed / by_chance


def binary(p, r):
    above = [p[k + 1 :].sum() for k in range(CATEGORIES - 1)]
    return -sum(np.log(probability if r > k else 1 - probability) for k, probability in enumerate(above))


BY_HAND = {
    "cross_entropy": lambda examples: np.mean([-np.log(p[r]) for p, r in examples]),
    "focal": lambda examples: np.mean([-((1 - p[r]) ** 2) * np.log(p[r]) for p, r in examples]),
    "soft_qwk": soft_kappa,
    "earth_mover": lambda examples: np.mean(
        [sum((p[: k + 1].sum() - (r <= k)) ** 2 for k in range(CATEGORIES)) for p, r in examples]
    ),
    "cumulative": lambda examples: np.mean([binary(p, r) for p, r in examples]),
}


@pytest.mark.parametrize("part", PARTS)
def test_each_part_equals_a_loop_over_the_responses_that_count(part):
    assert loss(part) == pytest.approx(BY_HAND[part](rows()), rel=1e-5)


def test_no_two_parts_are_the_same():
    values = [loss(part) for part in PARTS]
    assert len({round(value, 4) for value in values}) == len(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_padding_changes_nothing(part):
    longer = [np.concatenate([array, array[:, :2] * 0 + 3], axis=1) for array in (LOGITS, RESPONSES)]
    weights = np.pad(WEIGHTS, ((0, 0), (0, 2)))
    assert loss(part, *longer, weights) == pytest.approx(loss(part), rel=1e-6)


@pytest.mark.parametrize("part", PARTS)
def test_certain_and_right_is_the_least_and_certain_and_wrong_stays_finite(part):
    correct = (np.eye(CATEGORIES)[RESPONSES] * 200 - 100).astype("float32")
    assert loss(part, correct) == pytest.approx(0, abs=1e-5) and np.isfinite(loss(part, -correct))


@pytest.mark.parametrize("part", PARTS)
def test_training_lowers_it_from_a_bad_start(part):
    """Gradients are finite and of use, even where a wrong category is all but certain."""
    model = keras.Sequential([keras.Input((STEPS,)), keras.layers.Dense(STEPS * CATEGORIES, use_bias=False)])
    model.add(keras.layers.Reshape((STEPS, CATEGORIES)))
    start = (np.roll(np.eye(CATEGORIES), 1, axis=0)[RESPONSES[0]] * 5).reshape(1, -1).astype("float32")
    model.layers[0].set_weights([np.repeat(start, STEPS, axis=0) / STEPS])
    model.compile(keras.optimizers.Adam(0.5), OrdinalLoss({part: 1.0}))
    inputs, responses = np.ones((1, STEPS), "float32"), RESPONSES[:1]
    losses = learn(model, inputs, responses, 60)
    assert np.isfinite(losses).all() and losses[-1] < 0.5 * losses[0]


def test_weights_sum_the_parts_and_only_category_distance_matters_to_the_ordinal_ones():
    both = OrdinalLoss({"cross_entropy": 0.5, "earth_mover": 2.0})(RESPONSES, LOGITS, WEIGHTS)
    assert float(both) == pytest.approx(0.5 * loss("cross_entropy") + 2 * loss("earth_mover"), rel=1e-6)
    near, far = np.zeros((1, 1, CATEGORIES), "float32"), np.zeros((1, 1, CATEGORIES), "float32")
    near[..., 1], far[..., 4] = 9, 9
    for part in ("earth_mover", "cumulative"):
        assert loss(part, near, np.zeros((1, 1)), None) < loss(part, far, np.zeros((1, 1)), None)
    near_ce, far_ce = (loss("cross_entropy", logits, np.zeros((1, 1)), None) for logits in (near, far))
    assert near_ce == pytest.approx(far_ce)


def test_it_refuses_nonsense():
    for weights in ({"kappa": 1.0}, {"focal": 0.0}, {"focal": -1.0, "earth_mover": 2.0}):
        with pytest.raises(ValueError, match="must be of"):
            OrdinalLoss(weights)


def test_it_respects_the_reduction():
    def reduced(reduction):
        loss = OrdinalLoss({"cross_entropy": 0.5, "earth_mover": 2.0}, reduction=reduction)
        return ops.convert_to_numpy(loss(RESPONSES, LOGITS, WEIGHTS))

    values = reduced("none")
    assert values.shape == RESPONSES.shape and (values[WEIGHTS == 0] == 0).all() and (values[WEIGHTS == 1] > 0).all()
    np.testing.assert_array_equal(reduced(None), values)
    expected = [0.5 * BY_HAND["cross_entropy"]([row]) + 2 * BY_HAND["earth_mover"]([row]) for row in rows()]
    np.testing.assert_allclose(values[WEIGHTS == 1], expected, rtol=1e-5)
    assert float(reduced("sum")) == pytest.approx(values.sum(), rel=1e-5)
    assert float(reduced("sum_over_batch_size")) == pytest.approx(values.mean(), rel=1e-5)
    assert float(reduced("mean_with_sample_weight")) == pytest.approx(values.sum() / WEIGHTS.sum(), rel=1e-5)
    assert OrdinalLoss().reduction == "mean_with_sample_weight"


def test_a_loss_of_whole_batches_has_no_value_for_each_response():
    with pytest.raises(ValueError, match="soft_qwk is defined for a whole batch"):
        OrdinalLoss({"soft_qwk": 1.0}, reduction="none")
    scale = float(OrdinalLoss({"soft_qwk": 1.0}, reduction="sum")(RESPONSES, LOGITS, WEIGHTS)) / loss("soft_qwk")
    assert scale == pytest.approx(WEIGHTS.sum(), rel=1e-5)


def test_keras_reduces_cross_entropy_the_same():
    for reduction in ("none", "sum", "sum_over_batch_size", "mean_with_sample_weight"):
        expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
        actual = OrdinalLoss(reduction=reduction)(RESPONSES, LOGITS, WEIGHTS)
        expected = expected(RESPONSES, LOGITS, WEIGHTS)
        np.testing.assert_allclose(ops.convert_to_numpy(actual), ops.convert_to_numpy(expected), rtol=1e-5)
