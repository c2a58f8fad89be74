"""Metrics of predicted vectors against loops."""

import numpy as np
import pytest

from utils.common.evaluation import Evaluation
from utils.vectors import metrics
from utils.vectors.baselines import global_mean
from utils.vectors.data import VectorDocuments
from utils.vectors.metrics import EXCLUSION, gain_over_best, nearness, retrieval, skill, variance_ratio
from utils.vectors.splits import target_rows

RNG = np.random.default_rng(1)
LENGTHS = (12, 9, 15, 20)
DIM = 6


def documents(vectors=None):
    document = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    vectors = RNG.normal(size=(len(document), DIM)) if vectors is None else vectors
    return VectorDocuments(vectors.astype("float32"), document, None, list("abcd"), "v.npz")


def unit(x):
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype("float32")


def rank(similarities, target):
    return 1 + sum(s > target for s in similarities) + (sum(s == target for s in similarities) - 1) / 2


def test_retrieval_equals_a_loop():
    data, chosen = documents(), np.array([0, 2, 3])
    rows, vectors = target_rows(data, chosen, 3), data.take(np.arange(sum(LENGTHS)))
    query = unit(RNG.normal(size=(len(rows), DIM)))
    values = retrieval(data, rows, query, chosen)
    for number, row in enumerate(rows):
        candidates = [
            other
            for other in range(sum(LENGTHS))
            if data.document[other] in chosen
            and not (data.document[other] == data.document[row] and 0 < row - other <= EXCLUSION)
        ]
        for name, searched in (
            ("", [c for c in candidates if data.document[c] == data.document[row]]),
            ("_all", candidates),
        ):
            target_rank = rank([query[number] @ vectors[c] for c in searched], query[number] @ vectors[row])
            assert values[f"mrr{name}"][number] == pytest.approx(1 / target_rank)
            assert values[f"hit@5{name}"][number] == (target_rank <= 5)


def test_equal_candidates_count_as_the_middle_one():
    data = documents(np.ones((sum(LENGTHS), DIM)))
    values = retrieval(data, np.array([11]), unit(np.ones((1, DIM))), np.array([0]))
    assert values["mrr"][0] == pytest.approx(1 / (1 + (12 - EXCLUSION - 1) / 2))


def test_the_target_itself_is_found_first_and_the_one_before_it_is_not_nearer():
    data = documents()
    rows = target_rows(data, np.arange(4), 3)
    values = nearness(data, rows, data.take(rows), np.zeros(DIM)) | retrieval(data, rows, data.take(rows), np.arange(4))
    for name in ("cosine", "centred_cosine", "hit@1", "hit@1_all", "mrr", "hit_previous"):
        np.testing.assert_allclose(values[name], 1, rtol=1e-5)
    before = nearness(data, rows, data.take(rows - 1), np.zeros(DIM))
    assert before["direction_margin"].max() < 0 and not before["hit_previous"].any()


def test_the_centred_cosine_removes_what_all_have_in_common():
    shared = RNG.normal(size=(sum(LENGTHS), DIM)) + 9
    data = documents(shared)
    rows = target_rows(data, np.arange(4), 3)
    mean = global_mean(data, np.arange(4))
    values = nearness(data, rows, np.tile(unit(mean), (len(rows), 1)), mean)
    assert values["cosine"].mean() > 0.95 and abs(values["centred_cosine"].mean()) < 0.5
    assert variance_ratio(data, rows, np.tile(mean, (len(rows), 1))) == pytest.approx(0, abs=1e-9)
    assert variance_ratio(data, rows, data.take(rows)) == pytest.approx(1)


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


def test_the_gain_over_the_best_baseline_by_hand():
    documents = np.array([0, 0, 1, 1])
    model = Evaluation.from_examples({"cosine": np.array([0.5, 0.7, 0.9, 0.9])}, documents)
    baselines = {
        "a": Evaluation.from_examples({"cosine": np.array([0.4, 0.6, 0.7, 0.7]), "mrr": np.zeros(4)}, documents),
        "b": Evaluation.from_examples({"cosine": np.zeros(4), "mrr": np.ones(4)}, documents),
    }
    gain = gain_over_best(model, baselines, ("cosine",))["cosine"]
    assert gain["best"] == "a" and gain["difference"] == pytest.approx(0.15)
    assert gain["interval"] == pytest.approx([0.1, 0.2])  # two documents: one drawn twice, or both


def test_skill_is_a_fraction_of_the_way_to_one():
    model, mean = Evaluation({"cosine": 0.7}), Evaluation({"cosine": 0.4})
    assert skill(model, mean, ("cosine",)) == {"cosine": pytest.approx(0.5)}


def whole_and_in_blocks(monkeypatch, size, function):
    whole = function()
    with monkeypatch.context() as patch:
        for name in ("QUERIES_AT_ONCE", "CANDIDATES_AT_ONCE", "ROWS_AT_ONCE"):
            patch.setattr(metrics, name, size)
        return whole, function()


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("size", [1, 4, 7, 13])
def test_blocks_change_nothing(monkeypatch, size, ahead):
    """Vectors of powers of two: products are exact whatever their order. Some vectors repeat, so that ranks are shared."""
    data, chosen = documents(RNG.choice([-1.0, 1.0], (sum(LENGTHS), 4))), np.array([0, 2, 3])
    rows = target_rows(data, chosen, 3 + ahead)
    queries = unit(RNG.choice([-1.0, 1.0], (len(rows), 4)))
    whole, blocks = whole_and_in_blocks(monkeypatch, size, lambda: retrieval(data, rows, queries, chosen, ahead))
    assert whole.keys() == blocks.keys() and len(set(whole["mrr_all"])) > 5
    for name, values in whole.items():
        np.testing.assert_array_equal(blocks[name], values, name)
    whole, blocks = whole_and_in_blocks(
        monkeypatch, size, lambda: nearness(data, rows, queries, global_mean(data, chosen))
    )
    for name, values in whole.items():
        np.testing.assert_array_equal(blocks[name], values, name)
    whole, blocks = whole_and_in_blocks(monkeypatch, size, lambda: variance_ratio(data, rows, queries))
    assert blocks == pytest.approx(whole, rel=1e-6)
