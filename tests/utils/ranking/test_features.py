"""Batches of questions and answers: slots, padding, order; negatives that are mined; scores of the two tasks."""

import itertools

import numpy as np
import pytest

from utils.ranking.baselines import BM25, baseline_scores, mined_negatives
from utils.ranking.evaluation import both, means, rerank, retrieve, text_numbers
from utils.ranking.features import RankingFeatures, padded_ids, training_batches
from utils.ranking.records import Candidate, Query

GRADES = [[4, 1, 0], [0, 0], [2, 4], [4]]
STARTS = np.array([0, 3, 5, 7, 8])


def data():
    relevance = np.concatenate(GRADES) / 4
    candidates = [[100 + number] * (1 + number) for number in range(8)]
    return RankingFeatures([[n + 1] * (n + 2) for n in range(4)], candidates, relevance, STARTS, np.array([7, 8, 7, 9]))


def questions():
    return [
        Query(f"q{n}", f"text {n}", tuple(Candidate(f"a{n}{m}", "x", grade) for m, grade in enumerate(grades)), "file")
        for n, grades in enumerate(GRADES)
    ]


def test_slots_hold_the_best_then_others_then_mined_ones():
    mined = [np.array([7]), np.array([], int), np.array([7, 3]), np.array([0, 1, 2, 3])]
    inputs, true = next(training_batches(data(), mined, slots=3, batch_size=3, seed=1, first_step=0, padding=5))
    assert inputs["query_ids"].shape == (3, 32) and inputs["candidate_ids"].shape == (3, 3, 32)
    seen = set()
    for row in range(3):
        number = inputs["query_ids"][row, 0] - 1
        seen.add(number)
        held = [
            ids[mask > 0] for ids, mask in zip(inputs["candidate_ids"][row], inputs["candidate_mask"][row], strict=True)
        ]
        slots = [ids[0] - 100 for ids in held]
        assert all(len(ids) == 1 + slot for ids, slot in zip(held, slots, strict=True))
        own = range(STARTS[number], STARTS[number + 1])
        expected = [data().relevance[slot] if slot in own else 0 for slot in slots]
        assert true[row, :3].tolist() == expected and true[row, 0] == 1
        assert true[row, 3:6].tolist() == [1, 1, 1] and true[row, 6] == data().groups[number]
        assert set(slots) - set(own) <= set(mined[number].tolist())
        assert (inputs["query_ids"][row][inputs["query_mask"][row] == 0] == 5).all()
    assert seen == {0, 2, 3}  # question 1 has no relevant answer


def test_an_empty_slot_is_padding():
    inputs, true = next(training_batches(data(), [np.array([], int)] * 4, 4, 3, 1, 0))
    row = int(np.flatnonzero(inputs["query_ids"][:, 0] == 4)[0])
    assert (
        true[row].tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 9] and inputs["candidate_mask"][row, 1:].sum() == 0
    )


def test_the_same_step_is_the_same_batch_and_an_epoch_has_every_question():
    given = data(), [np.array([7])] * 4, 2, 2, 3
    whole = list(itertools.islice(training_batches(*given, 0), 6))
    again = list(itertools.islice(training_batches(*given, 3), 3))
    for (inputs, true), (other, wanted) in zip(whole[3:], again, strict=True):
        np.testing.assert_array_equal(true, wanted)
        for name, array in inputs.items():
            np.testing.assert_array_equal(array, other[name])
    for epoch in range(3):
        numbers = [n for inputs, _ in whole[2 * epoch : 2 * epoch + 2] for n in inputs["query_ids"][:, 0] - 1]
        assert set(numbers) == {0, 2, 3} and len(numbers) == 4


def test_slots_are_drawn_anew_each_epoch():
    many = RankingFeatures([[1]], [[number] for number in range(20)], np.full(20, 1.0), np.array([0, 20]), np.zeros(1))
    seen = [
        tuple(true_ids(inputs))
        for inputs, _ in itertools.islice(training_batches(many, [np.array([], int)], 3, 1, 5, 0), 6)
    ]
    assert (
        len({of[0] for of in seen}) > 2 and len({of[1:] for of in seen}) > 2
    )  # any of equals is the best; others follow
    few = RankingFeatures(
        [[1], [2]],
        [[number] for number in range(20)],
        np.eye(20)[0] + np.eye(20)[1],
        np.array([0, 1, 20]),
        np.arange(2),
    )
    mined = [np.arange(2, 20), np.array([], int)]
    seen = {tuple(true_ids(inputs)[:3]) for inputs, _ in itertools.islice(training_batches(few, mined, 3, 2, 5, 0), 6)}
    assert len(seen) > 2


def true_ids(inputs):
    """The first piece of what stands in each slot."""
    return inputs["candidate_ids"][..., 0].ravel().tolist()


def test_texts_of_like_length_go_together():
    lengths = np.random.default_rng(2).permutation(np.repeat([20, 60, 120], 16))
    rows = [[1] * length for length in lengths]
    data = RankingFeatures(rows, rows, np.ones(48), np.arange(49), np.arange(48))
    batches = itertools.islice(training_batches(data, [np.array([], int)] * 48, 1, 16, 0, 0), 3)
    assert sorted(inputs["candidate_ids"].shape[2] for inputs, _ in batches) == [32, 64, 128]


def test_lengths_are_multiples():
    ids, mask = padded_ids([[1] * 33, [2]], padding=9)
    assert ids.shape == (2, 64) and mask.sum(axis=1).tolist() == [33, 1] and ids[1, 1] == 9


def test_mined_negatives_are_near_but_not_of_the_group_nor_likely_answers():
    scores = np.tile(np.array([0.9, 0.1, 0.2, 0.5, 0.96, 0.8, 0.3, 0.7]), (4, 1))
    found = mined_negatives(scores, data(), 0.05, 2)
    assert found[0].tolist() == [7, 3]  # 4 scores above 95 % of its best; 5 and 6 are of its group
    assert found[3].tolist() == [3, 6]
    found = mined_negatives(
        scores - 1, data(), 0.05, 8
    )  # the best of question 0 has -0.1: below -0.105 are 5 and the others
    assert found[0].tolist() == [7, 3] and found[3].tolist() == [3, 6, 2, 1]
    found = mined_negatives(
        np.zeros((4, 8)), data(), 0.0, 2
    )  # nothing scores: any of the others, not always the first ones
    assert len({tuple(of) for of in found}) > 1


def test_rerank_and_retrieve_by_hand():
    scores = np.tile(np.array([0.1, 0.9, 0.5, 0.3, 0.2, 0.8, 0.7, 0.6]), (4, 1))
    own = rerank(questions(), scores, STARTS)
    # Questions 0 and 2 have several answers and a relevant one; relevant is at least half of the best grade.
    assert own["mrr"] == pytest.approx([1 / 3, 1])
    dcg = 1 / np.log2(2) + 4 / np.log2(4)
    assert own["ndcg@10"][0] == pytest.approx(dcg / (4 / np.log2(2) + 1 / np.log2(3)))
    everyone = retrieve(questions(), scores, STARTS, np.arange(8))
    assert everyone["mrr"] == pytest.approx([1, 1 / 2, 1 / 4])  # questions 0, 2 and 3
    few = retrieve(questions(), scores, STARTS, np.arange(8), np.array([True, True, False, True]))
    assert few["mrr"] == pytest.approx([1, 1 / 4])
    # The text that stands before the answer of question 0 is the same: it is left out.
    copies = retrieve(questions(), scores, STARTS, np.array([0, 1, 2, 3, 4, 5, 6, 2]))
    assert copies["mrr"] == pytest.approx([1, 1 / 2, 1 / 4])
    copies = retrieve(questions(), scores, STARTS, np.array([0, 1, 2, 3, 4, 5, 7, 7]))
    assert copies["mrr"] == pytest.approx([1, 1 / 2, 1 / 3])
    one = [Query("q", "text", (Candidate("a", "x", 1.0),), "here")]
    alone = both(one, np.array([[0.1, 0.9]]), np.array([0, 1]), np.arange(2))
    assert not len(alone["mrr"]) and alone["mrr_all"] == pytest.approx([0.5]) and means(alone)["mrr"] == 0
    assert text_numbers(questions()).tolist() == [0] * 8
    assert set(both(questions(), scores, STARTS, np.arange(8))) == set(own) | {f"{name}_all" for name in everyone}


def test_bm25_finds_stems_and_knows_no_unknown_word():
    index = BM25(["storing coffee beans", "a train to the coast", ""])
    assert index.scores("how do I store a bean").argmax() == 0
    assert not index.scores("xyzzy").any()


def test_baselines():
    corpus = [Candidate("a", "long answer here", 1, 3, "2016"), Candidate("b", "short", 0, 5, "2014")]
    queries = [Query("q", "an answer", tuple(corpus), "file")]
    found = baseline_scores(queries, corpus)
    assert {name: int(of[0].argmax()) for name, of in found.items() if name != "random"} == {
        "bm25": 0,
        "length": 0,
        "age": 1,
        "votes oracle": 1,
    }
    assert not found["random"].any()
    assert "age" not in baseline_scores(queries, [Candidate("a", "x", 1, 3)])
