"""benchmarks/squad_compare.py on finished runs: the table, the figure, and runs with other flags."""

import json

import pytest

from benchmarks import squad_compare
from tests.helpers.in_process import compare


def finished(folder, seed, f1, flags):
    """Write what train_squad.py leaves behind, as far as the comparison reads it."""
    run = folder / f"seed-{seed}"
    run.mkdir(parents=True)
    scores = {"exact_match": f1 - 10, "f1": f1, "total": 70}
    results = {
        "metrics": {"validation": {**scores, "f1": 0.0}, "test": scores},
        "intervals": {"test": {"f1": [f1 - 1, f1 + 1], "exact_match": [f1 - 12, f1 - 8]}},
        "data": {"counts": {"train": 300}},
        "parameters": 1234,
        "seconds": 30.0,
        "epochs": 2,
        "commit": "abc",
    }
    (run / "results.json").write_text(json.dumps(results))
    (run / "config.json").write_text("{}")
    (folder / f"seed-{seed}.flags.json").write_text(json.dumps([*flags, "--seed", str(seed)]))


def test_finished_runs_are_read_into_one_table_and_figure(tmp_path, monkeypatch, capsys):
    limit = ["--limit", "300"]
    for seed, f1 in ((0, 40.0), (1, 44.0)):
        finished(tmp_path / "plain", seed, f1, ["--model", "plain", *limit])
        finished(
            tmp_path / "bert---learning-rate-1e-4", seed, f1 + 20, ["--model", "bert", *limit, "--learning-rate=1e-4"]
        )
    models = ("--models", "plain", "bert:--learning-rate=1e-4", "--seeds", 0, 1, "--out", tmp_path, "--", *limit)
    compare(squad_compare, monkeypatch, *models)
    output = capsys.readouterr().out
    assert "| plain | 42.00 (40.00 to 44.00) | 32.00 (30.00 to 34.00) | 39.0 to 41.0 | 1,234 | 30 | 20.0 |" in output
    assert "| bert:--learning-rate=1e-4 | 62.00 (60.00 to 64.00) |" in output
    table = json.loads((tmp_path / "table.json").read_text())
    assert [(row["model"], row["split"], row["f1"], row["scored"]) for row in table] == [
        ("plain", "test", [40.0, 44.0], 70),
        ("bert:--learning-rate=1e-4", "test", [60.0, 64.0], 70),
    ]
    assert (tmp_path / "scores.png").stat().st_size > 5_000


def test_a_run_trained_with_other_flags_is_not_taken_for_this_one(tmp_path, monkeypatch, capsys):
    finished(tmp_path / "plain", 0, 40.0, ["--model", "plain", "--limit", "300"])
    with pytest.raises(SystemExit) as stopped:
        compare(squad_compare, monkeypatch, "--models", "plain", "--out", tmp_path, "--", "--limit", "600")
    assert stopped.value.code == 2
    assert "was trained with other flags" in capsys.readouterr().err
