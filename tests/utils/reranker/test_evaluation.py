"""What a re-ranker makes of a first stage's ranking, beside scores of all pairs."""

import numpy as np
import pytest

from tests.helpers.ranking_questions import make_queries
from utils.ranking.evaluation import EvaluationSet, evaluate_scores
from utils.ranking.records import Candidate
from utils.ranking.scores import ArrayScores
from utils.reranker.evaluation import WEIGHTS, PairsToRead, RerankedScores, Weights
from utils.reranker.pairs import PairFormat

NUM_OTHERS = 6
FORMAT = PairFormat(padding_id=0)


class TableModel:
    """The score of a pair stands in a table; a question's and a text's only real tokens are their numbers."""

    def __init__(self, table):
        self.table = table

    def predict_on_batch(self, inputs):
        last = inputs["padding_mask"].sum(axis=1) - 1
        return self.table[inputs["token_ids"][:, 1], inputs["token_ids"][np.arange(len(last)), last - 1]]


def make_set(texts=None):
    queries = make_queries()
    own = [candidate for query in queries for candidate in query.candidates]
    candidates = [*own, *(Candidate(f"o{number}", "x") for number in range(NUM_OTHERS))]
    texts = texts or [f"text {number}" for number in range(len(candidates))]
    candidates = [Candidate(c.id, text, c.relevance) for c, text in zip(candidates, texts, strict=True)]
    ids = [[1, number, 2] for number in range(len(candidates))]
    return EvaluationSet(queries, candidates, [[1, number, 2] for number in range(len(queries))], ids)


@pytest.fixture
def tables():
    rng = np.random.default_rng(3)
    shape = 4, 8 + NUM_OTHERS
    return rng.normal(size=shape).astype(np.float32), rng.normal(size=shape).astype(np.float32)


def test_with_all_texts_read_the_scores_are_those_of_all_pairs(tables):
    first, table = tables
    evaluation_set = make_set()
    pairs = PairsToRead(evaluation_set, ArrayScores(first), depth=len(table[0]))
    scores = pairs.score(TableModel(table), FORMAT)
    expected = evaluate_scores(evaluation_set, table)
    assert pairs.evaluate(scores).metrics == pytest.approx(expected.metrics)
    mixed = evaluate_scores(evaluation_set, table + 2.0 * first).metrics
    both = pairs.evaluate(scores, Weights(0.0, 2.0)).metrics
    assert both["mrr_all"] == pytest.approx(mixed["mrr_all"]) and both["mrr"] == pytest.approx(expected.metrics["mrr"])
    assert pairs.evaluate(scores, Weights(2.0, 2.0)).metrics == pytest.approx(mixed)


def test_what_is_not_read_stays_below_in_the_order_of_the_first_stage(tables):
    first, table = tables
    places = [np.argsort(-row)[:3] for row in first]
    rows = [table[number][places[number]] for number in range(4)]
    block = RerankedScores(ArrayScores(first), places, rows).block(np.arange(4), slice(0, first.shape[1]))
    for number in range(4):
        order = np.argsort(-block[number])
        assert order[:3].tolist() == places[number][np.argsort(-rows[number])].tolist()
        assert order[3:].tolist() == np.argsort(-first[number])[3:].tolist()


def test_own_answers_are_read_wherever_the_first_stage_puts_them(tables):
    first, table = tables
    evaluation_set = make_set()
    pairs = PairsToRead(evaluation_set, ArrayScores(first), depth=1)
    scores = pairs.score(TableModel(table), FORMAT)
    assert pairs.evaluate(scores).metrics["mrr"] == pytest.approx(evaluate_scores(evaluation_set, table).metrics["mrr"])
    own, everything = pairs.search(scores)
    assert own.results[0].own_scores.tolist() == table[0, :3].tolist()
    assert [ranking.best[0] for ranking in everything.results] == first.argmax(axis=1).tolist()


def test_copies_of_a_text_are_read_together():
    texts = [f"text {number}" for number in range(8 + NUM_OTHERS)]
    texts[9] = texts[0]  # also an own answer of question 0
    first = np.zeros((4, 8 + NUM_OTHERS), np.float32)
    first[:, 0] = first[:, 9] = 1
    pairs = PairsToRead(make_set(texts), ArrayScores(first), depth=1)
    assert [places.tolist() for places in pairs.best] == [[0, 9]] * 4


def test_of_texts_that_tie_at_the_depth_none_is_preferred():
    first = np.zeros((4, 8 + NUM_OTHERS), np.float32)
    chosen = np.concatenate([PairsToRead(make_set(), ArrayScores(first), depth=7).best for _ in range(1)]).ravel()
    assert len(chosen) == 28 and np.isin(np.arange(8, 14), chosen).sum() >= 4  # not the own answers, which stand first


def test_copies_take_no_place_of_other_texts():
    texts = [f"text {number}" for number in range(8 + NUM_OTHERS)]
    texts[9] = texts[10] = texts[8]
    first = np.zeros((4, 8 + NUM_OTHERS), np.float32)
    first[:, 8:11], first[:, 0] = 2, 1
    pairs = PairsToRead(make_set(texts), ArrayScores(first), depth=2)
    assert [places.tolist() for places in pairs.best] == [[0, 8, 9, 10]] * 4


@pytest.mark.parametrize("depth", [3, 10, 14])
def test_the_weight_has_the_best_ndcg_among_all(tables, depth):
    first, table = tables
    texts = [f"text {number}" for number in range(8 + NUM_OTHERS)]
    texts[9], texts[11] = texts[0], texts[10]
    pairs = PairsToRead(make_set(texts), ArrayScores(first), depth)
    scores = pairs.score(TableModel(table), FORMAT)
    weights = np.array(WEIGHTS) / np.std(np.concatenate(pairs.first_scores))
    all_scores = [pairs.evaluate(scores, Weights(0.0, value)).metrics["ndcg@10_all"] for value in weights]
    if depth >= 10:
        assert [pairs._ndcg(scores, value) for value in weights] == pytest.approx(all_scores)
        assert pairs.best_weights(scores).search == pytest.approx(weights[int(np.argmax(all_scores))])
    assert pairs.best_weights(scores).search in weights.tolist()
    assert pairs.best_weights(scores).own == 0
    pairs.weighs_own = True
    own_scores = [pairs.evaluate(scores, Weights(value, 0.0)).metrics["ndcg@10"] for value in weights]
    assert pairs.best_weights(scores).own == pytest.approx(weights[int(np.argmax(own_scores))])
    useless = pairs.score(TableModel(np.zeros_like(table)), FORMAT)
    assert pairs.evaluate(useless, Weights(0.0, 1.0)).metrics["mrr_all"] == pytest.approx(
        evaluate_scores(pairs.evaluation_set, first).metrics["mrr_all"]
    )
