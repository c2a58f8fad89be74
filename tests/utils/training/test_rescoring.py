"""The table, the agreement with a run's own results, and the comparison of two runs."""

from pathlib import Path

import pytest

from utils.training.publish import Headline
from utils.training.rescoring import agreement, agreement_line, comparison_lines, table
from utils.training.scored import FinishedRun

COLUMNS = {"f1": "F1", "em": "EM", "total": "questions"}
HEADLINES = [Headline("f1", "F1", "val_f1", ("words",), digits=1)]


def results_with(f1=61.25, baseline=20.0):
    metrics = {"f1": f1, "em": 50.0, "total": 1200}
    return {
        "metrics": {"test": metrics, "test_unseen": {"f1": 40.0, "em": None, "total": 7}},
        "intervals": {"test": {"f1": [60.0, 62.5], "em": [49.0, 51.0]}, "test_unseen": {}},
        "baselines": {"word_overlap": {"test": {"f1": baseline, "em": 10.0}}},
    }


def run_with(results):
    return FinishedRun("runs/mine", Path("runs/mine"), {}, results, {})


def test_the_table_has_baselines_the_model_and_its_other_splits():
    assert table(results_with(), {**COLUMNS, "auc": "AUC"}, HEADLINES, "mine") == [
        "              F1                   EM    questions",
        "word overlap  20.0                 10.0  -",
        "mine          61.2 (60.0 to 62.5)  50.0  1,200",
        "mine, unseen  40.0                 -     7",
    ]


def test_agreement_with_the_run_s_own_results():
    agreed = agreement(run_with(results_with()), results_with())
    assert agreed == {"equal": True, "largest_difference": 0.0, "metric": "test f1"}
    assert agreement_line(agreed) == "all figures are those of the run's results.json, to the last digit"
    differs = agreement(run_with(results_with()), results_with(f1=61.5))
    assert not differs["equal"] and differs["metric"] == "test f1"
    assert agreement_line(differs) == "largest difference from the run's results.json: 0.25 (test f1)"
    line = agreement_line(agreement(run_with(results_with()), results_with(baseline=20.5)))
    assert line == "the metrics are those of the run's results.json; some intervals or baselines differ"


def test_splits_and_baselines_that_the_run_did_not_score_do_not_count():
    stored = results_with()
    del stored["metrics"]["test_unseen"], stored["intervals"]["test_unseen"]
    stored["baselines"] = {"human": {"test": {"f1": 90.0}}}
    assert agreement(run_with(stored), results_with())["equal"]


@pytest.mark.parametrize(
    ("clear", "verdict"),
    [
        ((True, True), "a and b are told apart by F1 and EM"),
        ((True, False), "a and b are told apart by F1, not by EM"),
        ((False, False), "a and b are not told apart by F1 or EM"),
    ],
)
def test_two_runs_are_told_apart_in_one_line(clear, verdict):
    compared = {
        "f1": {"difference": 1.25, "interval": [0.5, 2.0], "p": 0.0123, "is_clear": clear[0]},
        "em": {"difference": -0.25, "interval": [-1.0, 0.5], "p": None, "is_clear": clear[1]},
    }
    assert comparison_lines(("a", "b"), compared, COLUMNS, 2) == [
        "F1, a less b: +1.25 (95 % interval +0.50 to +2.00, p 0.0123)",
        "EM, a less b: -0.25 (95 % interval -1.00 to +0.50)",
        verdict,
    ]


def test_two_runs_on_one_group_have_no_interval():
    undefined = {"difference": 1.0, "interval": [float("nan")] * 2, "is_clear": False}
    compared = {"f1": undefined | {"p": 1.0}, "em": undefined | {"p": None}}
    assert comparison_lines(("a", "b"), compared, COLUMNS, 1) == [
        "F1, a less b: +1.0 (p 1.0000)",
        "EM, a less b: +1.0 (no interval)",
        "a and b are not told apart by F1 or EM",
    ]


@pytest.mark.parametrize(
    ("reference", "name"),
    [("runs/mine/", "mine"), ("squad-matching", "squad-matching"), ("hf://owner/model@main", "model"), (".", "folder")],
)
def test_a_run_is_called_by_its_last_name(reference, name):
    assert FinishedRun(reference, Path("a/folder"), {}, {}, {}).name == name
