"""Metrics of rankings against trec_eval, against all orders of ties, and by hand."""

from itertools import pairwise, permutations

import numpy as np
import pytest
import pytrec_eval

from utils.ranking import metrics as module
from utils.ranking.metrics import (
    average_precision,
    ndcg,
    pad_arrays,
    precision,
    ranking_metrics,
    recall,
    reciprocal_rank,
)

KS = (1, 3, 5, 10)
TREC = {"map": "map", "mrr": "recip_rank"}
for depth in KS:
    TREC |= {f"ndcg@{depth}": f"ndcg_cut_{depth}", f"map@{depth}": f"map_cut_{depth}"}
    TREC |= {f"p@{depth}": f"P_{depth}", f"r@{depth}": f"recall_{depth}"}
MEASURES = {"map", "recip_rank", "P.1,3,5,10", "recall.1,3,5,10", "ndcg_cut.1,3,5,10", "map_cut.1,3,5,10"}


def trec_eval(scores, grades):
    """By this file's names, `(queries,)`; rows are ragged, grades below 0 mean not judged."""
    judged, run = {}, {}
    for query, (row, grade) in enumerate(zip(scores, grades, strict=True)):
        run[f"q{query}"] = {f"d{number}": float(score) for number, score in enumerate(row)}
        known = {f"d{number}": int(value) for number, value in enumerate(grade) if value >= 0}
        if known:
            judged[f"q{query}"] = known
    found = pytrec_eval.RelevanceEvaluator(judged, MEASURES).evaluate(run)
    return {
        name: np.array([found.get(f"q{query}", {}).get(theirs, 0.0) for query in range(len(scores))])
        for name, theirs in TREC.items()
    }


def ragged(queries, longest, ties, generator):
    """Scores without ties (ranks) or of few levels, grades 0 to 3; -1 is not judged, in some queries all are."""
    lengths = generator.integers(1, longest + 1, queries)
    scores = [generator.integers(0, 3, n) if ties else generator.permutation(n) for n in lengths]
    grades = [generator.choice([-1, 0, 0, 0, 1, 2, 3], n) for n in lengths]
    for row in grades[::7]:
        row[:] = -1
    return [row.astype("float32") for row in scores], grades


def ours(scores, grades, function=ranking_metrics, **settings):
    (scores, mask), (relevance, _) = pad_arrays(scores), pad_arrays([np.maximum(row, 0) for row in grades])
    return function(scores, relevance, mask, **settings)


def one(function, scores, relevance, *arguments, **settings):
    row = np.array([scores], dtype=float)
    return function(row, np.array([relevance], dtype=float), np.ones(row.shape, bool), *arguments, **settings)[0]


def orders(scores):
    """All orders, as positions, that fall in score."""
    for order in permutations(range(len(scores))):
        if all(scores[a] >= scores[b] for a, b in pairwise(order)):
            yield order


def plain(ranked, k, gain=lambda grade: grade):
    """Of grades in their order, with no ties: DCG share, average precision over relevant and over min(k), reciprocal rank."""
    discount = [1 / np.log2(rank + 1) for rank in range(1, len(ranked) + 1)][:k]
    best = sum(gain(g) * d for g, d in zip(sorted(ranked, reverse=True), discount, strict=False))
    share = sum(gain(g) * d for g, d in zip(ranked, discount, strict=False)) / best if best else 0
    precisions = [
        sum(g > 0 for g in ranked[:rank]) / rank for rank in range(1, k + 1) if (ranked + [0] * k)[rank - 1] > 0
    ]
    number = sum(g > 0 for g in ranked)
    first = next((1 / rank for rank, g in enumerate(ranked[:k], 1) if g > 0), 0)
    return share, sum(precisions) / max(number, 1), sum(precisions) / max(min(number, k), 1), first


@pytest.mark.parametrize("seed", range(3))
def test_without_ties_as_trec_eval(seed):
    scores, grades = ragged(200, 30, False, np.random.default_rng(seed))
    theirs, found = trec_eval(scores, grades), ours(scores, grades, ks=KS)
    for name, expected in theirs.items():
        np.testing.assert_allclose(found[name], expected, atol=1e-6, err_msg=name)
    assert not found["mrr"][::7].any()  # nothing judged


def test_exponential_gain_as_trec_eval_of_powers():
    scores, grades = ragged(100, 30, False, np.random.default_rng(3))
    powers = [np.where(row > 0, 2 ** np.maximum(row, 0) - 1, row) for row in grades]
    theirs, found = trec_eval(scores, powers), ours(scores, grades, ks=KS)
    for k in KS:
        np.testing.assert_allclose(found[f"ndcg_exp@{k}"], theirs[f"ndcg@{k}"], atol=1e-6)
    assert np.abs(found["ndcg_exp@5"] - found["ndcg@5"]).max() > 0.01


def test_ties_as_the_mean_of_trec_eval_over_their_orders():
    scores, grades = ragged(40, 6, True, np.random.default_rng(4))
    found = ours(scores, grades, ks=KS)
    assert sum(len(np.unique(row)) < len(row) for row in scores) > 20
    for query, (row, grade) in enumerate(zip(scores, grades, strict=True)):
        broken = [-np.argsort(order) for order in orders(row)]  # minus the rank: no ties
        theirs = trec_eval(broken, [grade] * len(broken))
        for name, values in theirs.items():
            assert found[name][query] == pytest.approx(values.mean(), abs=1e-6), name


def test_ties_as_the_mean_of_a_loop_over_their_orders():
    scores, grades = ragged(40, 6, True, np.random.default_rng(5))
    found = ours(scores, grades, ks=(2, 4))
    for query, (row, grade) in enumerate(zip(scores, grades, strict=True)):
        grade = np.maximum(grade, 0).tolist()
        ranked = [[grade[place] for place in order] for order in orders(row)]
        for k in (2, 4):
            share, average, average_min, first = np.mean([plain(grades, k) for grades in ranked], axis=0)
            exponential = np.mean([plain(grades, k, lambda g: 2**g - 1)[0] for grades in ranked])
            assert found[f"ndcg@{k}"][query] == pytest.approx(share)
            assert found[f"ndcg_exp@{k}"][query] == pytest.approx(exponential)
            assert found[f"map@{k}"][query] == pytest.approx(average)
            assert found[f"map_min@{k}"][query] == pytest.approx(average_min)
            assert found[f"mrr@{k}"][query] == pytest.approx(first)


def test_by_hand():
    scores, relevance = [6, 5, 4, 3, 2, 1], [0, 2, 0, 1, 1, 1]
    assert one(reciprocal_rank, scores, relevance) == 1 / 2
    assert one(reciprocal_rank, scores, relevance, k=1) == 0
    assert one(precision, scores, relevance, 5) == pytest.approx(3 / 5)
    assert one(precision, scores, relevance, 10) == pytest.approx(4 / 10)
    assert one(recall, scores, relevance, 5) == pytest.approx(3 / 4)
    assert one(average_precision, scores, relevance) == pytest.approx((1 / 2 + 2 / 4 + 3 / 5 + 4 / 6) / 4)
    # Half the divisor, twice the value: four are relevant, two places are asked for.
    assert one(average_precision, scores, relevance, 2) == pytest.approx(1 / 2 / 4)
    assert one(average_precision, scores, relevance, 2, divisor="min_k") == pytest.approx(1 / 2 / 2)
    # The best has the grades 2, 1, though only a 2 is among the first two.
    assert one(ndcg, scores, relevance, 2) == pytest.approx(2 / np.log2(3) / (2 + 1 / np.log2(3)))
    assert one(ndcg, scores, relevance, 2, gain="exponential") == pytest.approx(3 / np.log2(3) / (3 + 1 / np.log2(3)))


def test_a_tie_by_hand():
    """Two of three equal ones are relevant: the first of them has rank 1 twice in three times, else rank 2."""
    assert one(reciprocal_rank, [0, 0, 0], [1, 0, 1]) == pytest.approx(2 / 3 + 1 / 3 / 2)
    assert one(precision, [0, 0, 0], [1, 0, 1], 1) == pytest.approx(2 / 3)
    assert one(average_precision, [0, 0, 0], [1, 0, 1]) == pytest.approx(
        (1 + (1 + 2 / 3) / 2 + (1 / 2 + 2 / 3) / 2) / 3
    )


def test_a_constant_score_gets_what_chance_gets():
    generator = np.random.default_rng(6)
    relevance = np.zeros((1, 100))
    relevance[0, :2] = (1, 3)
    mask, random = np.ones((20000, 100), bool), generator.random((20000, 100))
    found = ranking_metrics(np.zeros((1, 100)), relevance, mask[:1])
    drawn = ranking_metrics(random, np.broadcast_to(relevance, mask.shape), mask)
    for name, value in found.items():
        assert value[0] == pytest.approx(drawn[name].mean(), abs=5 * drawn[name].std() / np.sqrt(20000)), name
    assert found["mrr"][0] < 0.1


@pytest.mark.parametrize("ties", [False, True])
def test_padding_order_and_blocks_change_nothing(ties, monkeypatch):
    generator = np.random.default_rng(7)
    scores, grades = ragged(60, 12, ties, generator)
    grades = [np.maximum(row, 0).astype(float) for row in grades]
    (given, mask), (relevance, _) = pad_arrays(scores, fill=np.nan), pad_arrays(grades, fill=np.nan)
    found = ranking_metrics(given, relevance, mask)
    wide = [np.pad(part, ((0, 0), (0, 9)), constant_values=fill) for part, fill in ((given, 99), (relevance, 5))]
    wider = [*wide, np.pad(mask, ((0, 0), (0, 9)))]
    shuffled = generator.permutation(wider[0].shape[1])
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", 50)
    other = ranking_metrics(*(part[:, shuffled] for part in wider))
    alone = [one(average_precision, row, grade) for row, grade in zip(scores, grades, strict=True)]
    for name, values in found.items():
        np.testing.assert_allclose(other[name], values, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(found["map"], alone, atol=1e-12)


def test_single_functions_equal_all_at_once():
    scores, grades = ragged(60, 12, True, np.random.default_rng(8))
    found = ours(scores, grades)
    for name, function, settings in (
        ("ndcg@5", ndcg, {"k": 5}),
        ("ndcg_exp@5", ndcg, {"k": 5, "gain": "exponential"}),
        ("map", average_precision, {}),
        ("map@5", average_precision, {"k": 5}),
        ("map_min@5", average_precision, {"k": 5, "divisor": "min_k"}),
        ("mrr", reciprocal_rank, {}),
        ("mrr@5", reciprocal_rank, {"k": 5}),
        ("p@5", precision, {"k": 5}),
        ("r@5", recall, {"k": 5}),
    ):
        np.testing.assert_array_equal(ours(scores, grades, function, **settings), found[name])


def test_perfect_none_and_extreme():
    assert one(ndcg, [3, 2, 1], [2, 1, 0], 10) == pytest.approx(1)
    assert one(ndcg, [3, 2, 1], [2000, 1999, 0], 2, gain="exponential") == pytest.approx(1)  # 2^2000 is no float
    for values in ranking_metrics(np.zeros((2, 3)), np.zeros((2, 3)), np.array([[True] * 3, [False] * 3])).values():
        np.testing.assert_array_equal(values, 0)
    assert ranking_metrics(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3), bool))["mrr"].shape == (0,)
    assert ranking_metrics(np.zeros((2, 0)), np.zeros((2, 0)), np.zeros((2, 0), bool))["map"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("which", "value", "message"),
    [
        (0, np.nan, "Row 41 has a score that is not finite"),
        (0, -np.inf, "Row 41 has a score that is not finite"),
        (1, np.inf, "Row 41 has a relevance that is not finite"),
        (1, np.nan, "Row 41 has a relevance that is not finite"),
        (1, -1.0, "Row 41 has a negative relevance"),
    ],
)
def test_wrong_values_name_their_row(which, value, message, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", 50)
    data = [np.zeros((60, 4)), np.ones((60, 4)), np.ones((60, 4), bool)]
    data[which][41, 2] = value
    with pytest.raises(ValueError, match=message):
        ranking_metrics(*data)
    data[2][41, 2] = False
    ranking_metrics(*data)


def test_wrong_arguments():
    data = np.zeros((2, 3)), np.ones((2, 3)), np.ones((2, 3), bool)
    with pytest.raises(ValueError, match="one shape"):
        reciprocal_rank(data[0], data[1][:, :2], data[2])
    with pytest.raises(ValueError, match="at least 1"):
        precision(*data, 0)
    with pytest.raises(ValueError, match="linear or exponential"):
        ndcg(*data, 5, gain="squared")
    with pytest.raises(ValueError, match="relevant or min_k"):
        average_precision(*data, 5, divisor="k")


@pytest.mark.parametrize("kind", ["float32", "float16", "int64", "uint8", "bool"])
def test_types_change_nothing(kind):
    generator = np.random.default_rng(11)
    (scores, relevance), mask = generator.integers(0, 2, (2, 30, 9)), np.ones((30, 9), bool)
    found = ranking_metrics(scores.astype(kind), relevance.astype(kind), mask)
    expected = ranking_metrics(scores.astype("float64"), relevance.astype("float64"), mask)
    for name, values in found.items():
        assert values.dtype == np.float64
        np.testing.assert_allclose(values, expected[name], rtol=1e-12)


def test_pad_arrays():
    array, mask = pad_arrays([np.array([1.0, 2.0]), np.array([]), np.array([3.0])], fill=-1)
    assert array.tolist() == [[1, 2], [-1, -1], [3, -1]]
    assert mask.tolist() == [[True, True], [False, False], [True, False]]
    assert pad_arrays([])[0].shape == (0, 0)
