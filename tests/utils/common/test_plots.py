"""Pictures are PNG files of reasonable size, whatever their values."""

import csv
import random
import struct
import warnings

import pytest

from utils.common.evaluation import Evaluation
from utils.common.plots import plot_bars, plot_comparison, plot_history, reference_lines, scores_with_intervals


def png_size(path):
    """Width and height in pixels, from the header of a PNG file that is small enough for a repository."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[-8:-4] == b"IEND" and 2_000 < len(data) < 150_000
    return struct.unpack(">II", data[16:24])


def test_history_from_a_csv_file(tmp_path, drawn_texts):
    table = tmp_path / "metrics.csv"
    table.write_text("epoch,loss,val_loss,val_f1\n1,2.5,2.6,\n2,1.5,nan,41.0\n3,1.0,1.9,55.5\n")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    panels = {
        "loss (nats)": {"loss": "training", "val_loss": "validation"},
        "percent": {"val_f1": "F1", "val_em": "EM"},
    }
    lines = {"val_f1": {"overlap, best baseline": 25.0, "human, ceiling": 90.0}, "val_em": {"not drawn": 1.0}}
    plot_history(rows, tmp_path / "plot.png", panels, "Training\nsmall, a.csv", 3, lines)
    width, height = png_size(tmp_path / "plot.png")
    assert width == 1104 and 400 < height < 600
    expected = {
        "loss (nats)",
        "percent",
        "training",
        "validation",
        "F1",
        "epoch",
        "Training\nsmall, a.csv",
        "best epoch: 3",
    }
    assert expected | {"overlap, best baseline", "human, ceiling"} <= set(drawn_texts)
    assert not {"EM", "not drawn", "no values"} & set(drawn_texts)


@pytest.mark.parametrize("rows", [[], [{"loss": float("nan")}], [{"loss": "inf"}], [{"other": 1.0}], [{}]])
def test_history_without_values_says_so(tmp_path, drawn_texts, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_history(rows, tmp_path / "plot.png", {"loss": {"loss": "loss"}})
    png_size(tmp_path / "plot.png")
    assert "no values" in drawn_texts


@pytest.mark.parametrize(
    "top, expected", [(0.02, {"0.001", "0.002", "0.005", "0.01", "0.02"}), (90.0, {"0.001", "1", "10"})]
)
def test_log_axes_have_plain_numbers(tmp_path, drawn_texts, top, expected):
    rows = [{"gradient": 0.001}, {"gradient": top}]
    plot_history(rows, tmp_path / "plot.png", {"gradient": {"gradient": "layer"}}, log=True)
    assert expected <= set(drawn_texts) and not any("10^" in text for text in drawn_texts)


def test_reference_lines_are_the_best_baseline_and_all_ceilings():
    values = {"bm25": (0.3, 1.2), "random": (0.1, 0.9), "oracle": (0.9, 0.5), "undefined": (float("nan"), float("nan"))}
    baselines = {
        name: {"validation": Evaluation({"f1": f1, "nll": nll}), "test": Evaluation({"f1": 1.0})}
        for name, (f1, nll) in values.items()
    }
    baselines["only_test"] = {"test": Evaluation({"f1": 1.0})}
    lines = reference_lines(baselines, ("bm25", "random", "undefined"), ["val_f1", "val_nll"], ["val_nll"])
    assert lines == {
        "val_f1": {"bm25, best baseline": 0.3, "oracle, ceiling": 0.9},
        "val_nll": {"random, best baseline": 0.9, "oracle, ceiling": 0.5},
    }


def test_bars_carry_counts_intervals_and_baselines(tmp_path, drawn_texts):
    nan = float("nan")
    groups = {
        "who": (1234, {"F1": (71.25, 70.0, 72.5), "exact match": (60.0, nan, nan)}),
        "why": (0, {"F1": (nan, nan, nan)}),
    }
    marks = {"word overlap": {"who": 30.0}}
    plot_bars(groups, tmp_path / "plot.png", "By question word", "question word", "score (percent)", marks)
    png_size(tmp_path / "plot.png")
    assert {"By question word", "question word", "score (percent)", "F1", "exact match", "word overlap"} <= set(
        drawn_texts
    )
    assert {"who\n(n = 1,234)", "why\n(n = 0)", "71.2", "60"} <= set(drawn_texts) and drawn_texts.count("n/a") == 2


def test_bars_grow_with_their_groups_and_may_be_none(tmp_path, drawn_texts):
    plot_bars({}, tmp_path / "none.png", "Nothing", "group", "F1")
    assert "no values" in drawn_texts
    groups = {str(i): (i, {"F1": (float(i), i - 1.0, i + 1.0)}) for i in range(17)}
    plot_bars(groups, tmp_path / "many.png", "Many", "group", "F1")
    assert png_size(tmp_path / "many.png")[0] > 2 * png_size(tmp_path / "none.png")[0]


def test_a_comparison_has_an_axis_for_each_score_and_the_best_first(tmp_path, drawn_texts):
    rows = {
        "plain": {"F1": (7.11, 6.5, 7.7), "NLL": (1.25, float("nan"), float("nan"))},
        "bert:--rate=2e-4": {"F1": (62.3, 61, 63)},
    }
    plot_comparison(rows, tmp_path / "plot.png", "SQuAD", models=["bert:--rate=2e-4"], lower_is_better=["NLL"])
    png_size(tmp_path / "plot.png")
    title = "SQuAD\nsorted by F1, best first; 95 % intervals"
    assert {title, "F1\n(higher is better)", "NLL\n(lower is better)", "7.110", "62.3", "1.250", "n/a"} <= set(
        drawn_texts
    )
    assert drawn_texts.index("bert\n--rate=2e-4") < drawn_texts.index("plain")


def test_rows_of_a_comparison_have_the_intervals_of_the_evaluation():
    values = [0.0, 1.0, 1.0, 0.5, 0.25]
    evaluation = Evaluation({"mrr": 0.55, "kappa": 0.3}, {"mrr": values})
    row = scores_with_intervals(evaluation, {"mrr": "MRR", "kappa": "kappa", "other": "other"})
    assert row["MRR"] == (0.55, *evaluation.intervals()["mrr"]) and set(row) == {"MRR", "kappa"}
    assert row["kappa"][0] == 0.3 and row["kappa"][1] != row["kappa"][1]


def test_large_plots_stay_small_files_and_give_no_warning(tmp_path):
    rng = random.Random(0)
    columns = {f"value_{column}": f"value {column}" for column in range(8)}
    rows = [{name: number + 5 / epoch for number, name in enumerate(columns)} for epoch in range(1, 101)]
    groups = {f"group number {i}": (i, {"F1": (rng.random(), 0.0, 1.0)}) for i in range(30)}
    scores = {f"model {i}": {name: (0.5, 0.4, 0.6) for name in ("EM", "F1", "MRR")} for i in range(12)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_history(rows, tmp_path / "history.png", {name: columns for name in ("loss", "score", "gradient")})
        plot_bars(groups, tmp_path / "bars.png", "Bars of a title " * 20, "group", "F1")
        plot_comparison(scores, tmp_path / "comparison.png", "Models")
    for name in ("history", "bars", "comparison"):
        png_size(tmp_path / f"{name}.png")


def test_plots_leave_pyplot_alone(tmp_path, monkeypatch):
    import sys

    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    plot_history([{"loss": 1.0}], tmp_path / "plot.png", {"loss": {"loss": "loss"}})
    assert "matplotlib.pyplot" not in sys.modules
