"""The comparison of several models."""

import json

from utils.vectors.leaderboard import CHART_METRICS, TABLE_METRICS, write_leaderboard


def result(value, latency):
    metrics, interval = (
        dict.fromkeys(TABLE_METRICS, value),
        {name: [value - 0.1, value + 0.1] for name in CHART_METRICS},
    )
    return {
        "metrics": {"test": metrics},
        "intervals": {"test": interval},
        "baselines": {"mean": {"test": dict.fromkeys(TABLE_METRICS, 0.25)}},
        "parameters": 12345,
        "seconds": 6.4,
        "data": {"documents": {"test": 3}},
        "details": {"latency": latency, "baseline_intervals": {"mean": {name: [0.2, 0.3] for name in CHART_METRICS}}},
    }


def test_models_stand_beside_baselines(tmp_path):
    results = {"amn": result(0.5, {"p50_ms": 0.1, "p95_ms": 0.25}), "gru": result(0.75, {})}
    lines = write_leaderboard(results, tmp_path, "v.npz")
    assert lines[0].startswith("| test | cosine | hit@1 |") and {line.count("|") for line in lines} == {10}
    assert lines[2:] == [
        "| mean | 0.2500 | 0.2500 | 0.2500 | 0.2500 | 0.2500 |  |  |  |",
        "| amn | 0.5000 | 0.5000 | 0.5000 | 0.5000 | 0.5000 | 12,345 | 0.100 / 0.250 | 6 |",
        "| gru | 0.7500 | 0.7500 | 0.7500 | 0.7500 | 0.7500 | 12,345 |  | 6 |",
    ]
    written = json.loads((tmp_path / "comparison.json").read_text())
    assert list(written["test"]) == list(written["intervals"]) == ["mean", "amn", "gru"]
    assert written["models"]["gru"] == {"parameters": 12345, "latency": {}, "seconds": 6.4}
    assert (tmp_path / "comparison.png").stat().st_size > 5_000
