"""Losses of rankings: each against a plain loop, no two the same, who is a negative, what padding and other scales change."""

import keras
import numpy as np
import pytest
from keras import ops

from components.losses.ranking_loss import (
    ApproxNDCG,
    InfoNCE,
    ListMLE,
    Listwise,
    MarginMSE,
    Matryoshka,
    RelevanceMSE,
    Triplet,
)

B, S, DIM, T = 5, 3, 7, 0.2
RNG = np.random.default_rng(1)
VECTORS = RNG.normal(size=(B, 1 + S, DIM))
VECTORS = (VECTORS / np.linalg.norm(VECTORS, axis=-1, keepdims=True)).astype("float32")
RELEVANCE = np.array([[0.25, 1, 0.5], [1, 0, 0], [0.75, 0.75, 0.25], [0, 0, 0], [1, 0, 0]], "float32")
THERE = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 1, 0], [1, 0, 0]], "float32")
GROUP = np.array([4, 9, 4, 7, 8], "float32")  # queries 0 and 2 ask nearly the same
OWNERS = np.tile(GROUP[:, None], (1, S))
OWNERS[1, 1], OWNERS[3, 0] = 4, 9  # mined: an answer to 0 and 2 stands with 1, and one to 1 with 3
TRUE = np.column_stack([RELEVANCE, THERE, OWNERS, GROUP])

LOSSES = {
    "info_nce": InfoNCE(T),
    "without in-batch": InfoNCE(T, in_batch=False),
    "without hard": InfoNCE(T, hard=False),
    "both": InfoNCE(T, both=True),
    "mse": RelevanceMSE(),
    "triplet": Triplet(0.3),
    "listwise": Listwise(T),
    "listwise without in-batch": Listwise(T, in_batch=False),
    "list_mle": ListMLE(T),
    "approx_ndcg": ApproxNDCG(T),
    "margin_mse": MarginMSE(),
    "matryoshka": Matryoshka(InfoNCE(T), (3, 7)),
}


def score(b, c, s):
    return float(VECTORS[b, 0] @ VECTORS[c, 1 + s])


def others(b):
    return [(c, s) for c in range(B) for s in range(S) if c != b and OWNERS[c, s] != GROUP[b] and THERE[c, s]]


def softmax_loss(right, negatives):
    return np.log(np.exp(right / T) + sum(np.exp(value / T) for value in negatives)) - right / T


def best(b):
    return int(RELEVANCE[b].argmax())


def mean(values):
    return sum(values) / len(values) if values else 0.0


def looped(name, b):
    """The loss of one query, as a loop."""
    r, own = RELEVANCE[b], [s for s in range(S) if THERE[b, s]]
    positives = [(c, s) for c, s in others(b) if s == best(c) and RELEVANCE[c, s] > 0]
    less = [score(b, b, s) for s in own if r[s] < r.max()]
    if name == "mse":
        return mean([(score(b, b, s) - r[s]) ** 2 for s in own])
    if name == "margin_mse":
        pairs = [(i, j) for i in own for j in own if r[i] > r[j]]
        return mean([(score(b, b, i) - score(b, b, j) - (r[i] - r[j])) ** 2 for i, j in pairs])
    if r.max() == 0:
        return 0.0
    right = score(b, b, best(b))
    if name == "triplet":
        return mean([max(0, 0.3 - right + wrong) for wrong in less + [score(b, c, s) for c, s in positives]])
    if name == "info_nce":
        return softmax_loss(right, less + [score(b, c, s) for c, s in others(b)])
    if name == "without in-batch":
        return softmax_loss(right, less)
    if name == "without hard":
        return softmax_loss(right, [score(b, c, s) for c, s in positives])
    if name == "both":
        queries = [score(c, b, best(b)) for c in range(B) if GROUP[c] != GROUP[b]]
        return (looped("info_nce", b) + softmax_loss(right, queries)) / 2
    if name.startswith("listwise"):
        more = [] if "without" in name else [score(b, c, s) for c, s in others(b)]
        total = sum(np.exp(value / T) for value in more + [score(b, b, s) for s in own])
        return -sum(r[s] / r.sum() * (score(b, b, s) / T - np.log(total)) for s in own)
    if name == "list_mle":
        loss = 0
        for i in own:
            if r[i] > 0:
                loss += np.log(sum(np.exp(score(b, b, j) / T) for j in own if r[j] <= r[i])) - score(b, b, i) / T
        return loss
    if name == "approx_ndcg":
        everyone, gained = [(b, s) for s in own] + others(b), 0
        for i in own:
            above = [score(b, c, s) - score(b, b, i) for c, s in everyone if (c, s) != (b, i)]
            gained += r[i] / np.log2(2 + sum(1 / (1 + np.exp(-value / T)) for value in above))
        return 1 - gained / sum(value / np.log2(2 + place) for place, value in enumerate(sorted(r, reverse=True)))
    raise AssertionError(name)


def call(loss, true=TRUE, vectors=VECTORS):
    return ops.convert_to_numpy(loss.call(ops.convert_to_tensor(true), ops.convert_to_tensor(vectors)))


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "matryoshka"])
def test_it_equals_a_loop(name):
    np.testing.assert_allclose(call(LOSSES[name]), [looped(name, b) for b in range(B)], rtol=1e-4, atol=1e-5)
    assert float(LOSSES[name](TRUE, VECTORS)) == pytest.approx(np.mean([looped(name, b) for b in range(B)]), rel=1e-4)


def test_matryoshka_is_the_mean_over_shorter_vectors():
    short = VECTORS[..., :3] / np.linalg.norm(VECTORS[..., :3], axis=-1, keepdims=True)
    expected = (call(InfoNCE(T)) + call(InfoNCE(T), vectors=short)) / 2
    np.testing.assert_allclose(call(LOSSES["matryoshka"]), expected, rtol=1e-4)


def test_no_two_are_the_same():
    found = {name: call(loss) for name, loss in LOSSES.items()}
    for name, one in found.items():
        for other, two in found.items():
            assert name == other or np.abs(one - two).max() > 1e-3, (name, other)


def test_without_ties_list_mle_is_keras_rs():
    import keras_rs

    scores, relevance = RNG.normal(size=(2, 4)).astype("float32"), np.array([[3, 0, 1, 2], [0, 1, 3, 2]], "float32")
    found = ListMLE(0.5).of(None, ops.convert_to_tensor(scores), relevance / 3, np.ones((2, 4), bool), None)
    theirs = keras_rs.losses.ListMLELoss(temperature=0.5, reduction=None)(relevance, scores)
    np.testing.assert_allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(theirs), rtol=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_what_stands_in_empty_slots_and_in_the_same_group_changes_nothing(name):
    loss, changed = LOSSES[name], VECTORS.copy()
    changed[:, 1:][THERE == 0] = VECTORS[0, 0]
    np.testing.assert_allclose(call(loss, vectors=changed), call(loss), rtol=1e-4, atol=1e-6)
    changed = VECTORS.copy()
    changed[2, 1:] = VECTORS[0, 0]  # a near duplicate's answers are no negatives of query 0
    changed[1, 2] = VECTORS[0, 0]  # nor is an answer of its own that was mined for another
    np.testing.assert_allclose(call(loss, vectors=changed)[0], call(loss)[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_its_settings_come_back(name):
    loss = LOSSES[name]
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    np.testing.assert_allclose(call(again), call(loss), rtol=1e-6)


def test_a_learned_temperature_is_the_norm_of_the_query():
    scaled = VECTORS.copy()
    scaled[:, 0] /= T
    for one, two in ((InfoNCE(1.0), InfoNCE(T)), (Matryoshka(InfoNCE(1.0), (3, 7)), Matryoshka(InfoNCE(T), (3, 7)))):
        np.testing.assert_allclose(call(one, vectors=scaled), call(two), rtol=1e-4)


@pytest.mark.parametrize("settings", [{"in_batch": False, "hard": False}, {"in_batch": False, "both": True}])
def test_a_loss_without_negatives_is_told(settings):
    with pytest.raises(ValueError, match="there are no negatives"):
        InfoNCE(**settings)
