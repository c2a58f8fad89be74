"""Words beside vectors: a training batch, the index and a ranking of few texts have the same scores."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from components.lexical_weights import RATE
from models.bi_encoder import BiEncoder
from utils.ranking.bm25 import BM25
from utils.ranking.encoder import new_start
from utils.ranking.features import build_features, text_inputs
from utils.ranking.lexical import WordAndVectorScores, scorer_of, scores_of_all
from utils.ranking.predictor import RankingPredictor
from utils.ranking.records import Candidate, Query
from utils.ranking.scores import ArrayScores
from utils.ranking.word_scores import LexicalScorer, WordStatistics, word_counts

LENGTHS = {"query_length": 9, "max_length": 11}
TEXTS = ["the red fox runs and runs", "a blue bird sings", "green fish swim fast", "the old owl", "foxes and birds run"]
QUERIES = [
    Query("1", "where does a fox run", tuple(Candidate(str(i), TEXTS[i], float(i == 0)) for i in (0, 1)), "line 1"),
    Query(
        "2", "which bird sings, old bird?", tuple(Candidate(str(i), TEXTS[i], float(i == 1)) for i in (1, 3)), "line 2"
    ),
    Query("3", "fish", (Candidate("2", TEXTS[2], 1.0), Candidate("4", TEXTS[4], 0.0)), "line 3"),
]


@pytest.fixture(scope="module")
def predictor():
    start = new_start(TEXTS * 2, 100, hidden_dim=6, num_layers=1, num_heads=2, dropout=0.0, **LENGTHS)
    keras.utils.set_random_seed(3)
    model = BiEncoder(start.arguments, output_dim=5, lexical=True)
    model.build()
    candidates = [candidate.text for query in QUERIES for candidate in query.candidates]
    return RankingPredictor(model, start.tokenizer, **LENGTHS, statistics=WordStatistics.of(candidates))


def with_parameters(predictor, values, vector_weight):
    predictor.model.lexical.parameters.assign(np.array(values) / RATE)
    predictor.model.vector_weight_.assign(vector_weight / RATE)


@pytest.mark.parametrize(("parameters", "vector_weight"), [([0, 0, 0, 0], 0), ([0.2, 0.4, -0.3, 0.6], 1.7)])
def test_a_batch_has_the_scores_of_the_predictor(predictor, parameters, vector_weight):
    with_parameters(predictor, parameters, vector_weight)
    features = build_features(QUERIES, np.arange(3), predictor.tokenizer, **LENGTHS, with_words=True)
    filled = {0: np.array([0, 1, 5]), 1: np.array([2, 3]), 2: np.array([4, 5, 0])}
    inputs = text_inputs(features, [0, 1, 2], filled, 3, predictor.padding_id)
    inputs |= features.words.inputs([0, 1, 2], [filled[number] for number in range(3)], 3, [0, 1, 2])
    assert inputs["query_words"].shape == (3, 512) and inputs["candidate_words"].shape == (3, 3, 512)
    vectors = ops.convert_to_numpy(predictor.model(inputs))
    scores = np.einsum("bd,bsd->bs", vectors[:, 0], vectors[:, 1:])
    candidates = [candidate.text for query in QUERIES for candidate in query.candidates]
    for row, (query, places) in enumerate(zip(QUERIES, filled.values(), strict=True)):
        ranking = predictor.rank([query.text], [[candidates[place] for place in places]])[0]
        expected = {result["candidate"]: result["score"] for result in ranking}
        assert scores[row, : len(places)] == pytest.approx([expected[slot] for slot in range(len(places))], abs=1e-4)
    every = predictor.scores(features.query_ids, features.candidate_ids, [query.text for query in QUERIES], candidates)
    block = every.block(np.arange(3), slice(0, 6))
    for row, places in filled.items():
        np.testing.assert_allclose(block[row, places], scores[row, : len(places)], atol=1e-4)


def test_before_training_texts_rank_as_bm25_ranks_them(predictor):
    with_parameters(predictor, [0, 0, 0, 0], 0)
    questions = [query.text for query in QUERIES]
    index = BM25(TEXTS)
    for question, results in zip(questions, predictor.search(questions, TEXTS, len(TEXTS)), strict=True):
        scores = np.zeros(len(TEXTS))
        for result in results:
            scores[result["candidate"]] = result["score"]
        np.testing.assert_allclose(scores, 0.2 * index.scores(question), atol=1e-5)


def test_words_are_counted_by_their_frequency_in_the_collection_that_is_searched(predictor):
    with_parameters(predictor, [0, 0.5, 0, 0], 0.5)
    scorer = scorer_of(predictor.model, predictor.statistics)
    cosines = np.random.default_rng(0).random((2, 4), np.float32)
    candidates = [TEXTS[place] for place in (0, 1, 0, 4)]  # an equal text is indexed once
    scores = scores_of_all(scorer, ArrayScores(cosines), ["red bird", "fox"], candidates)
    statistics = WordStatistics.of(candidates)
    assert statistics.num_texts == 3 and statistics.counts["fox"] == 2
    counts = [word_counts(text) for text in candidates]
    for row, question in enumerate(("red bird", "fox")):
        expected = scorer.scores(question, counts, cosines[row], statistics)
        np.testing.assert_allclose(scores.block(np.arange(2), slice(0, 4))[row], expected, atol=1e-5)
        np.testing.assert_allclose(scores.block(np.array([row]), slice(1, 3))[0], expected[1:3], atol=1e-5)
    assert isinstance(scores, WordAndVectorScores) and scores.shape == (2, 4)


def test_the_scorer_is_read_back_as_it_was_written(predictor):
    scorer = scorer_of(predictor.model, predictor.statistics)
    assert LexicalScorer.from_dict(json.loads(json.dumps(scorer.as_dict()))) == scorer
    with pytest.raises(ValueError, match="no counts of words"):
        LexicalScorer.from_dict({**scorer.as_dict(), "statistics": {"counts": [], "num_texts": 1, "mean_length": 1}})


def test_words_have_no_temperature_and_no_chunks():
    encoder = {"vocabulary_size": 11, "hidden_dim": 6, "num_layers": 1, "num_heads": 2, "intermediate_dim": 5}
    for setting in ({"temperature": 0.1}, {"num_chunks": 2}):
        with pytest.raises(ValueError, match="with lexical"):
            BiEncoder(encoder, lexical=True, **setting)
