"""The evaluation of a model of next vectors, and what is drawn of it."""

import numpy as np
import pytest

from models.amn import AMN
from utils.vectors.data import VectorDocuments
from utils.vectors.evaluation import context_weights, evaluate, steps_ahead
from utils.vectors.plots import plot_places, plot_windows
from utils.vectors.predictor import VectorsPredictor
from utils.vectors.splits import VectorSplit, target_rows

RETRIEVAL = {f"{name}{among}" for name in ("hit@1", "hit@5", "hit@10", "mrr") for among in ("", "_all")}
NEARNESS = {"cosine", "centred_cosine", "direction_margin", "hit_previous"}


@pytest.fixture
def split():
    vectors = np.random.default_rng(1).normal(size=(30, 7)).astype("float32")
    texts = [f"text {row} costs $1 & more" for row in range(30)]
    data = VectorDocuments(vectors, np.repeat([0, 1], 15), texts, ["a", "b"], "file")
    return VectorSplit(data, np.array([1]), target_rows(data, [1], 2))


def predictor(**settings):
    model = AMN(7, 5, encoder_dim=3, hidden_dims=(4, 4), **settings)
    model.build()
    return VectorsPredictor(model)


def test_a_model_without_a_query_is_scored_once(split):
    predictions = predictor(query_head=False).predict_rows(split.data, split.rows)
    evaluation = evaluate(split, predictions, np.zeros(7))
    assert "query" not in predictions
    assert set(evaluation.per_example) == NEARNESS | RETRIEVAL
    assert set(evaluation.metrics) == NEARNESS | RETRIEVAL | {"variance_ratio", "total"}
    assert set(evaluation.intervals()) == NEARNESS | RETRIEVAL


def test_a_model_with_a_query_is_scored_by_both_outputs(split):
    predictions = predictor().predict_rows(split.data, split.rows)
    evaluation = evaluate(split, predictions, np.zeros(7))
    by_predicted = evaluate(split, {"predicted": predictions["predicted"]}, np.zeros(7))
    by_query = evaluate(split, {"predicted": predictions["query"]}, np.zeros(7))
    assert set(evaluation.per_example) == NEARNESS | RETRIEVAL | {f"{name}_predicted" for name in RETRIEVAL}
    for name in RETRIEVAL:
        np.testing.assert_array_equal(evaluation.per_example[name], by_query.per_example[name])
        np.testing.assert_array_equal(evaluation.per_example[f"{name}_predicted"], by_predicted.per_example[name])
    np.testing.assert_array_equal(evaluation.per_example["cosine"], by_predicted.per_example["cosine"])
    assert evaluation.groups.tolist() == [1] * len(split.rows)


@pytest.mark.parametrize("query_head", [True, False])
def test_the_first_step_ahead_is_the_evaluation_of_long_enough_documents(split, query_head):
    chosen = predictor(query_head=query_head)
    scores = steps_ahead(chosen, split, max_steps=3)
    shorter = VectorSplit(split.data, split.documents, split.rows[:-2])  # these have 3 rows from the target on
    first = evaluate(shorter, chosen.predict_rows(shorter.data, shorter.rows), np.zeros(7)).metrics
    assert [step["step"] for step in scores] == [1, 2, 3] and scores[0]["total"] == len(shorter.rows)
    for name in ("cosine", "hit@5", "mrr", "mrr_all"):
        assert scores[0][name] == pytest.approx(first[name])
    assert steps_ahead(chosen, split, max_steps=16) == []


def test_contexts_carry_their_own_texts_and_are_drawn(split, tmp_path):
    chosen = predictor()
    predictions, texts = chosen.predict_rows(split.data, split.rows), split.data.texts
    weights, examples = context_weights(chosen, split, predictions, np.arange(13.0) + 1)
    assert set(weights) == {"influence on the prediction", "attention"}
    for title, values in weights.items():
        np.testing.assert_allclose(values.sum(axis=1), 1, rtol=1e-3, err_msg=title)
    assert len(examples) == 4
    for example in examples:
        row = int(example["target"].split()[1])
        assert example["rank"] == row - 17 + 1
        assert example["texts"] == texts[max(15, row - 5) : row]
        assert all(len(values) == len(example["texts"]) for values in example["weights"].values())
    plot_places(weights, tmp_path / "places.png", "places")
    plot_windows(examples, tmp_path / "windows.png", "windows")
    assert (tmp_path / "places.png").stat().st_size > 5_000 and (tmp_path / "windows.png").stat().st_size > 10_000
