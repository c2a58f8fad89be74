"""Metrics of predicted vectors against loops, and their baselines."""

import numpy as np
import pytest

from utils.vectors.baselines import baselines, exponential, global_mean
from utils.vectors.data import VectorDocuments, targets, windows
from utils.vectors.metrics import EXCLUSION, intervals, nearness, over_best, retrieval, variance_ratio
from utils.vectors.splits import VectorSplit

RNG = np.random.default_rng(1)
LENGTHS = (12, 9, 15, 20)
DIM = 6


def documents(vectors=None):
    document = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    vectors = RNG.normal(size=(len(document), DIM)) if vectors is None else vectors
    return VectorDocuments(vectors.astype("float32"), document, None, list("abcd"), "v.npz")


def unit(x):
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype("float32")


def rank(similar, mine):
    return 1 + sum(s > mine for s in similar) + (sum(s == mine for s in similar) - 1) / 2


def test_retrieval_equals_a_loop():
    data, chosen = documents(), np.array([0, 2, 3])
    rows, vectors = targets(data, chosen, 3), data.take(np.arange(sum(LENGTHS)))
    query = unit(RNG.normal(size=(len(rows), DIM)))
    found = retrieval(data, rows, query, chosen)
    for number, row in enumerate(rows):
        candidates = [
            other
            for other in range(sum(LENGTHS))
            if data.document[other] in chosen
            and not (data.document[other] == data.document[row] and 0 < row - other <= EXCLUSION)
        ]
        for name, among in (
            ("", [c for c in candidates if data.document[c] == data.document[row]]),
            ("_all", candidates),
        ):
            right = rank([query[number] @ vectors[c] for c in among], query[number] @ vectors[row])
            assert found[f"mrr{name}"][number] == pytest.approx(1 / right)
            assert found[f"hit@5{name}"][number] == (right <= 5)


def test_equal_candidates_count_as_the_middle_one():
    data = documents(np.ones((sum(LENGTHS), DIM)))
    found = retrieval(data, np.array([11]), unit(np.ones((1, DIM))), np.array([0]))
    assert found["mrr"][0] == pytest.approx(1 / (1 + (12 - EXCLUSION - 1) / 2))


def test_the_right_vector_is_found_first_and_the_one_before_it_is_not_nearer():
    data = documents()
    rows = targets(data, np.arange(4), 3)
    found = nearness(data, rows, data.take(rows), np.zeros(DIM)) | retrieval(data, rows, data.take(rows), np.arange(4))
    for name in ("cosine", "centred_cosine", "hit@1", "hit@1_all", "mrr", "hit_previous"):
        np.testing.assert_allclose(found[name], 1, rtol=1e-5)
    before = nearness(data, rows, data.take(rows - 1), np.zeros(DIM))
    assert before["direction_margin"].max() < 0 and not before["hit_previous"].any()


def test_the_centred_cosine_takes_off_what_all_have_in_common():
    shared = RNG.normal(size=(sum(LENGTHS), DIM)) + 9
    data = documents(shared)
    rows = targets(data, np.arange(4), 3)
    centre = global_mean(data, np.arange(4))
    found = nearness(data, rows, np.tile(unit(centre), (len(rows), 1)), centre)
    assert found["cosine"].mean() > 0.95 and abs(found["centred_cosine"].mean()) < 0.5
    assert variance_ratio(data, rows, np.tile(centre, (len(rows), 1))) == pytest.approx(0, abs=1e-9)
    assert variance_ratio(data, rows, data.take(rows)) == pytest.approx(1)


def test_intervals_draw_whole_documents():
    document = np.repeat(np.arange(30), 50)
    of_documents = np.repeat(RNG.normal(size=30), 50)
    wide = intervals({"x": of_documents}, document)["x"]
    narrow = intervals({"x": of_documents}, np.arange(1500))["x"]
    assert wide[1] - wide[0] > 4 * (narrow[1] - narrow[0]) and wide[0] < of_documents.mean() < wide[1]


def test_weights_of_baselines():
    vectors, there = RNG.normal(size=(2, 3, DIM)), np.array([[1, 1, 1], [0, 1, 1]])
    vectors[1, 0] = 0
    expected = (0.25 * vectors[0, 0] + 0.5 * vectors[0, 1] + vectors[0, 2]) / 1.75 - 0.3 * vectors[0].mean(axis=0)
    np.testing.assert_allclose(exponential(0.5, 0.3)(vectors, there)[0], expected)
    np.testing.assert_allclose(exponential(1.0)(vectors, there)[1], vectors[1, 1:].mean(axis=0))


def test_baselines_find_a_rule_that_holds():
    """The next vector is a fixed rotation of the last: ridge finds it, no mean does."""
    turn, vectors = np.linalg.qr(RNG.normal(size=(DIM, DIM)))[0], []
    for length in LENGTHS:
        x = RNG.normal(size=DIM)
        vectors += [x := x @ turn for _ in range(length)]
    data = documents(np.array(vectors))
    parts = {}
    for name, chosen in (("train", [2, 3]), ("validation", [1]), ("test", [0])):
        parts[name] = VectorSplit(data, np.array(chosen), targets(data, np.array(chosen), 5))
    found, arrays = baselines(parts, 7)
    assert set(found) == {"global_mean", "mean", "mean_5", "last", "exponential", "last_less_mean", "ridge"}
    assert found["ridge"]["cosine"] > 0.9 > max(found[name]["cosine"] for name in ("mean", "last", "exponential"))
    assert arrays["ridge/cosine"].mean() == pytest.approx(found["ridge"]["cosine"]) and len(arrays["mean/mrr"]) == 7
    assert windows(data, parts["test"].rows, 7)["vectors"].shape == (7, 7, DIM)


def test_the_difference_from_the_best_of_others_by_hand():
    scores = {"cosine": np.array([0.5, 0.7, 0.9, 0.9])}
    others = {"a/cosine": np.array([0.4, 0.6, 0.7, 0.7]), "b/cosine": np.zeros(4), "b/mrr": np.ones(4)}
    found = over_best(scores, others, np.array([0, 0, 1, 1]), ("cosine",))["cosine"]
    assert found["best"] == "a" and found["difference"] == pytest.approx(0.15)
    assert found["interval"] == pytest.approx([0.1, 0.2])  # two documents: both drawn twice, or one of each


def test_steps_ahead_leave_out_what_was_known_and_nothing_else():
    """A query equal to the vector right before the target: known at the first step, a rival at the second."""
    data = documents(RNG.normal(size=(sum(LENGTHS), DIM)))
    rows = np.array([8])
    query = data.take(rows - 1)
    similar = data.take(np.arange(LENGTHS[0])) @ query[0]
    for ahead in (0, 1):
        known = np.isin(np.arange(LENGTHS[0]), np.arange(8 - ahead - EXCLUSION, 8 - ahead))
        rank = 1 + (similar[~known] > similar[8]).sum()
        assert retrieval(data, rows, query, np.array([0]), ahead)["mrr"] == pytest.approx(1 / rank)
