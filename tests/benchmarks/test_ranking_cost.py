"""What the cost of a search is drawn from."""

import numpy as np
import pytest

from benchmarks.ranking_cost import draw, ndcg


def test_ndcg_by_hand():
    assert ndcg([0, 1, 0], [1, 0, 0]) == pytest.approx(1 / np.log2(3))
    assert ndcg([2, 1], [2, 1, 0]) == 1 and ndcg([0] * 10, [1]) == 0


def test_a_re_ranker_is_one_line_with_a_point_for_each_depth(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    lines, depths = [], []
    plot, annotate = Axes.plot, Axes.annotate
    monkeypatch.setattr(
        Axes, "plot", lambda *args, **kw: lines.append((len(args[1]), kw["label"])) or plot(*args, **kw)
    )
    monkeypatch.setattr(Axes, "annotate", lambda *args, **kw: depths.append(args[1]) or annotate(*args, **kw))
    rows = [
        {"name": name, "depth": depth, "milliseconds": 1.0 + depth, "ndcg": 0.5, "texts": 7, "questions": 3}
        for name, depth in [("BM25", 0), ("reader", 10), ("reader", 20)]
    ]
    draw(rows, tmp_path / "cost.png")
    assert lines == [(1, "BM25"), (2, "reader (by the number of texts read)")] and depths == ["", 10, 20]
    assert (tmp_path / "cost.png").stat().st_size > 1000
