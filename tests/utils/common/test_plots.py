"""Plots are PNG files of reasonable size, whatever their values."""

import csv
import random
import struct
import warnings

import pytest

from utils.common.plots import figure_and_axes, plot_attention, plot_bars, plot_comparison, plot_history, save_figure


def png_size(path):
    """Width and height in pixels, from the header of a PNG file that is small enough for a repository."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[-8:-4] == b"IEND" and 2_000 < len(data) < 150_000
    return struct.unpack(">II", data[16:24])


@pytest.fixture
def texts(monkeypatch):
    """Collects every text of the figures that are saved."""
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    drawn_texts, save = [], Figure.savefig

    def savefig(figure, *args, **kwargs):
        save(figure, *args, **kwargs)
        drawn_texts.extend(text.get_text() for text in figure.findobj(Text) if text.get_text())

    monkeypatch.setattr(Figure, "savefig", savefig)
    return drawn_texts


def test_history_from_a_csv_file(tmp_path, texts):
    table = tmp_path / "metrics.csv"
    table.write_text("epoch,loss,val_loss,val_f1\n1,2.5,2.6,\n2,1.5,nan,41.0\n3,1.0,1.9,55.5\n")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    plot_history(rows, tmp_path / "plot.png", {"Loss": ["loss", "val_loss"], "F1": ["val_f1", "val_exact_match"]})
    width, height = png_size(tmp_path / "plot.png")
    assert (width, height) == (1152, 432)
    assert {"Loss", "F1", "loss", "val_loss", "val_f1", "epoch"} <= set(texts)
    assert "val_exact_match" not in texts and "no values" not in texts


@pytest.mark.parametrize("rows", [[], [{"loss": float("nan")}], [{"loss": "inf"}], [{"other": 1.0}], [{}]])
def test_history_without_values_says_so(tmp_path, texts, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_history(rows, tmp_path / "plot.png", {"Loss": ["loss"]})
    assert png_size(tmp_path / "plot.png") == (576, 432)
    assert "no values" in texts


def test_bars_carry_counts_and_values(tmp_path, texts):
    groups = {"who": (1234, 71.25, 60.0), "why": (0, float("nan"), None)}
    plot_bars(groups, tmp_path / "plot.png", "By question word", "score", series=("F1", "exact match"))
    png_size(tmp_path / "plot.png")
    assert {"By question word", "score", "F1", "exact match", "who\n(n = 1,234)", "why\n(n = 0)"} <= set(texts)
    assert {"71.2", "60"} <= set(texts) and texts.count("n/a") == 2


def test_bars_grow_with_their_groups_and_may_be_none(tmp_path, texts):
    plot_bars({}, tmp_path / "none.png", "Nothing", "F1")
    assert "no values" in texts
    plot_bars({str(i): (i, float(i)) for i in range(17)}, tmp_path / "many.png", "Many", "F1")
    assert png_size(tmp_path / "many.png")[0] > 2 * png_size(tmp_path / "none.png")[0]


def test_large_plots_stay_small_files(tmp_path):
    rng = random.Random(0)
    rows = [
        {f"value_{column}": column + 5 / epoch + 0.1 * rng.random() for column in range(8)} for epoch in range(1, 101)
    ]
    plot_history(rows, tmp_path / "history.png", {name: list(rows[0]) for name in ("Loss", "Score", "Gradient")})
    plot_bars({f"group number {i}": (i, rng.random()) for i in range(30)}, tmp_path / "bars.png", "Bars", "F1")
    scores = {f"model {i}": {name: (0.5, 0.4, 0.6) for name in ("EM", "F1", "MRR")} for i in range(12)}
    plot_comparison(scores, tmp_path / "comparison.png", "Models", "score")
    facts = [(f"{'a long fact ' * 5}{i}", rng.random() ** 9, i == 1) for i in range(10)]
    plot_attention([(f"Question {i}?", facts) for i in range(8)], tmp_path / "attention.png")
    for name in ("history", "bars", "comparison", "attention"):
        png_size(tmp_path / f"{name}.png")


def test_plots_leave_pyplot_alone(tmp_path, monkeypatch):
    import sys

    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    plot_history([{"loss": 1.0}], tmp_path / "plot.png", {"Loss": ["loss"]})
    assert "matplotlib.pyplot" not in sys.modules


def test_attention_shows_every_weight_and_marks_facts_that_answer(tmp_path, texts):
    facts = [("Ada / born_in / Rome", 0.9321, True), ("Bob / born_in / Oslo", 3e-7, False)]
    plot_attention([("Where was Ada born?", facts), ("And nobody?", [])], tmp_path / "plot.png")
    assert {"Where was Ada born?", "0.9321", "3e-07", "And nobody?", "Ada / born_in / Rome ✓"} <= set(texts)
    assert png_size(tmp_path / "plot.png")[0] == 840
    plot_attention([], tmp_path / "none.png")
    assert "no values" in texts


def test_a_comparison_names_every_model_and_score(tmp_path, texts):
    rows = {
        "plain": {"EM": (4.17, 3.9, 4.6), "F1": (7.11, 6.5, 7.7)},
        "bert:--rate=2e-4": {"EM": (51, 50, 52), "F1": (62.3, 61, 63)},
    }
    plot_comparison(rows, tmp_path / "plot.png", "SQuAD", "score")
    assert {"SQuAD", "score", "EM", "F1", "plain", "bert\n--rate=2e-4", "4.17", "62.3"} <= set(texts)
    assert png_size(tmp_path / "plot.png") == (960, 355)


def test_letters_without_a_glyph_are_told_in_one_line(tmp_path, capsys):
    figure, (axes,) = figure_and_axes(2, 2, columns=1)
    axes.set_title("मीना 王明")
    save_figure(figure, tmp_path / "plot.png")
    lines = capsys.readouterr().out.splitlines()
    assert (tmp_path / "plot.png").exists() and len(lines) == 1 and "letters are drawn as boxes" in lines[0]
