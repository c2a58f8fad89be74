"""Evaluations against loops of a few lines, and their intervals."""

import json

import numpy as np
import pytest

from tests.helpers.tracing_sequences import SEQUENCES, kappa_by_loop
from utils.common.files import write_csv, write_json
from utils.common.statistics import bootstrap_metrics
from utils.tracing.evaluation import (
    Predictions,
    evaluate,
    format_scores,
    prediction_rows,
    score_table,
    write_predictions,
)
from utils.tracing.metrics import (
    AreasUnderCurves,
    DecisionRule,
    area_under_curve,
    calibration_error,
    fit_rule,
    quadratic_weighted_kappa,
)

RNG = np.random.default_rng(0)
PROBABILITIES = RNG.dirichlet([1, 1, 1, 1], 300)
RESPONSES = np.array([RNG.choice(4, p=row) for row in PROBABILITIES])


def predictions(probabilities, responses, items=None, students=None):
    zeros = np.zeros(len(responses), int)
    return Predictions(
        probabilities, responses, zeros if items is None else items, zeros if students is None else students
    )


def test_metrics_by_loop():
    metrics = evaluate(predictions(PROBABILITIES, RESPONSES)).metrics
    rows = list(zip(PROBABILITIES, RESPONSES, strict=True))
    errors = [abs(int(row.argmax()) - response) for row, response in rows]
    assert metrics["accuracy"] == pytest.approx(np.mean([error == 0 for error in errors]))
    assert metrics["within_one"] == pytest.approx(np.mean([error <= 1 for error in errors]))
    assert metrics["mae"] == pytest.approx(np.mean(errors))
    assert metrics["nll"] == pytest.approx(-np.mean([np.log(row[response]) for row, response in rows]))
    rounded = [int(np.rint(sum(k * p for k, p in enumerate(row)))) for row in PROBABILITIES]
    assert metrics["qwk_expected"] == pytest.approx(kappa_by_loop(rounded, RESPONSES))
    is_correct = [row.argmax() == 2 for row, response in rows if response == 2]
    assert metrics["accuracy_category_2"] == pytest.approx(np.mean(is_correct))
    assert "auc" not in metrics and "qwk_best_rule" not in metrics


def test_the_auc_of_items_is_the_mean_of_those_that_have_both_responses():
    correct, responses = np.array([0.1, 0.9, 0.8, 0.2, 0.6, 0.7]), np.array([0, 1, 0, 1, 1, 1])
    probabilities = np.stack([1 - correct, correct], axis=1)
    metrics = evaluate(predictions(probabilities, responses, items=np.array([1, 1, 2, 2, 3, 3]))).metrics
    assert metrics["auc_of_items"] == 0.5 and metrics["auc"] == area_under_curve(correct, responses)


def test_two_categories_have_an_auc_and_zero_probability_a_finite_nll():
    probabilities = np.array([[0.2, 0.8], [0.9, 0.1], [1.0, 0.0]])
    metrics = evaluate(predictions(probabilities, np.array([1, 0, 1]))).metrics
    assert metrics["auc"] == 0.5 and np.isfinite(metrics["nll"])


def test_the_fitted_rule_beats_rounding_where_predictions_are_timid():
    timid = 0.3 * PROBABILITIES + 0.7 * PROBABILITIES.mean(axis=0)
    rule = fit_rule(timid, RESPONSES)
    metrics = evaluate(predictions(timid, RESPONSES), rule).metrics
    assert metrics["qwk_best_rule"] > metrics["qwk_expected"] + 0.03
    assert metrics["qwk_best_rule"] >= max(metrics["qwk"], metrics["qwk_expected"])
    decided = DecisionRule(1.0, 1.5, 1.5)(PROBABILITIES)
    np.testing.assert_array_equal(decided, np.rint(PROBABILITIES @ np.arange(4)))


@pytest.mark.parametrize("categories", [2, 4])
def test_every_metric_has_an_interval_around_it(categories):
    probabilities = RNG.dirichlet(np.ones(categories), 300)
    responses = np.array([RNG.choice(categories, p=row) for row in probabilities])
    students, items = np.repeat(np.arange(30), 10), RNG.integers(0, 5, 300)
    rule = DecisionRule(1.0, (categories - 1) / 2, (categories - 1) / 2)
    evaluation = evaluate(predictions(probabilities, responses, items, students), rule)
    intervals = evaluation.intervals()
    assert intervals.keys() == evaluation.metrics.keys()
    # Resampling raises a calibration error: random gaps do not cancel.
    for name in intervals.keys() - {"calibration_error"}:
        low, high = intervals[name]
        is_constant = name == "within_one" and categories == 2
        assert low < evaluation.metrics[name] < high or (is_constant and low == high == 1), name
    assert intervals == evaluation.intervals()


def test_an_area_that_is_not_defined_becomes_null(tmp_path):
    """Where all responses are correct there is no pair to compare."""
    probabilities = RNG.dirichlet(np.ones(2), 9)
    evaluation = evaluate(predictions(probabilities, np.ones(9, int), students=np.arange(9)))
    assert np.isnan(evaluation.metrics["auc"]) and np.isnan(evaluation.intervals()["auc"]).all()
    write_json(tmp_path / "results.json", {"metrics": evaluation.metrics, "intervals": evaluation.intervals()})
    results = json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)
    assert results["metrics"]["auc"] is None and results["intervals"]["auc_of_items"] == [None, None]


def test_intervals_resample_students_not_responses():
    """Ten responses of a student that are all alike say no more than one."""
    probabilities = RNG.dirichlet(np.ones(3), 40)
    responses = np.array([RNG.choice(3, p=row) for row in probabilities])
    once = evaluate(predictions(probabilities, responses, students=np.arange(40))).intervals()
    tenfold = predictions(np.repeat(probabilities, 10, axis=0), responses.repeat(10), students=np.arange(40).repeat(10))
    for name, interval in evaluate(tenfold).intervals().items():
        assert interval == pytest.approx(once[name])


def test_a_row_for_each_response_and_a_line_for_each_split():
    count = sum(len(sequence.items) for sequence in SEQUENCES[:2])
    part = predictions(PROBABILITIES[:count], RESPONSES[:count])
    rows = list(prediction_rows(SEQUENCES[:2], part))
    assert len(rows) == count and [row["step"] for row in rows[:4]] == [1, 2, 3, 1]
    assert rows[3]["student"] == "1" and rows[3]["p2"] == round(PROBABILITIES[3, 2], 6)
    metrics = {"accuracy": 0.5, "qwk": 0.25, "nll": 1.0}
    assert format_scores("test", metrics) == "test: accuracy 0.5000, QWK 0.2500, NLL 1.0000"
    evaluation = evaluate(part, DecisionRule(1.0, 1.5, 1.5))
    columns, table = score_table({"test": evaluation}, {"majority": {"test": evaluation}})
    assert [row[:2] for row in table] == [["majority", "test"], ["model", "test"]] and len(columns) == len(table[0])


def test_intervals_equal_those_from_weights_of_the_responses():
    """The counts by student give what weights of all responses give."""
    probabilities = RNG.dirichlet(np.ones(2), 120)
    responses, students = RNG.integers(0, 2, 120), np.repeat([3, 5, 6, 11, 12], 24)
    part = predictions(probabilities, responses, RNG.integers(0, 5, 120), students)
    areas = AreasUnderCurves(probabilities[:, 1], responses, np.zeros(120, int))

    def weighted(weights):
        return {
            "qwk": quadratic_weighted_kappa(probabilities.argmax(axis=1), responses, 2, weights),
            "calibration_error": calibration_error(probabilities, responses, weights),
            "auc": float(areas(weights)[0]),
        }

    intervals = evaluate(part).intervals()
    for name, interval in bootstrap_metrics(weighted, students).items():
        assert intervals[name] == pytest.approx(interval, abs=1e-12)


def test_predictions_are_written_row_by_row_like_a_table(tmp_path):
    count = sum(len(sequence.items) for sequence in SEQUENCES[:2])
    part = predictions(PROBABILITIES[:count], RESPONSES[:count])
    write_predictions(tmp_path / "streamed.csv", SEQUENCES[:2], part)
    write_csv(tmp_path / "whole.csv", list(prediction_rows(SEQUENCES[:2], part)))
    assert (tmp_path / "streamed.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
