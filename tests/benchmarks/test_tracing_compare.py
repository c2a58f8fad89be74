"""benchmarks/tracing_compare.py on finished runs."""

import json

import pytest

from benchmarks import tracing_compare
from tests.helpers.in_process import compare

SCORES = {"accuracy": 0.5, "within_one": 0.8, "qwk": 0.6, "qwk_best_rule": 0.65, "calibration_error": 0.01}


def write_run(folder, seed, nll, flags, headroom=0.9, has_test=True):
    """Write what train_tracing.py leaves behind, as far as the comparison reads it."""
    (folder / f"seed-{seed}").mkdir(parents=True)
    results = {
        "metrics": {"validation": {**SCORES, "nll": 0.1}} | ({"test": {**SCORES, "nll": nll}} if has_test else {}),
        "baselines": {"majority": {"test": {**SCORES, "nll": 1.3}}},
        "details": {"headroom_closed": {"nll": headroom}, "recovery": {"r_beta": 0.97, "r_alpha": 0.8}},
        "parameters": 1234,
        "seconds": 30.0,
        "commit": "abc",
    }
    (folder / f"seed-{seed}" / "results.json").write_text(json.dumps(results))
    (folder / f"seed-{seed}.flags.json").write_text(json.dumps([*flags, "--seed", str(seed)]))


def test_means_and_deviations_stand_below_the_baselines(tmp_path, monkeypatch, capsys):
    for seed, nll in ((0, 1.0), (1, 1.1)):
        write_run(tmp_path / "dkt", seed, nll, ["--model", "dkt"])
    write_run(tmp_path / "sakt", 0, 1.2, ["--model", "sakt"], headroom=None)
    compare(tracing_compare, monkeypatch, "--models", "dkt", "--seeds", 0, 1, "--out", tmp_path)
    output = capsys.readouterr().out
    assert "| majority | 0.5000 | 0.6000 | 0.6500 | 1.3000 |" in output
    assert "| 1.0500 (0.0707) | 90.0% (0.0%) | 0.9700 (0.0000) | 0.8000 (0.0000) |  | 1,234 | 30 |" in output
    assert json.loads((tmp_path / "table.json").read_text())[0]["scores"]["nll"] == [1.0, 1.1]
    assert (tmp_path / "scores.png").stat().st_size > 5_000
    compare(tracing_compare, monkeypatch, "--models", "sakt", "--out", tmp_path)
    assert "| 1.2000 |  | 0.9700 |" in capsys.readouterr().out
    write_run(tmp_path / "flat", 0, None, ["--model", "flat"], headroom=None)  # as AUC where all responses are equal
    compare(tracing_compare, monkeypatch, "--models", "flat", "sakt", "--out", tmp_path)
    assert "|  |  | 0.9700 |" in capsys.readouterr().out


def test_runs_without_test_students_are_refused(tmp_path, monkeypatch):
    write_run(tmp_path / "dkt", 0, 1.0, ["--model", "dkt"], has_test=False)
    with pytest.raises(SystemExit, match="no test students"):
        compare(tracing_compare, monkeypatch, "--models", "dkt", "--out", tmp_path)
