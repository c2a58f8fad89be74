"""benchmarks/vectors_trials.py: what is drawn, and its table of finished runs."""

import json
from collections import Counter

import pytest

from benchmarks import vectors_trials
from benchmarks.vectors_trials import VALUES, drawn_settings, flags_of_trial
from tests.helpers.in_process import compare
from train_vectors import Config
from utils.training.command_line import parse_command_line


def write_run(folder, flags, cosine, mrr):
    """Write what train_vectors.py leaves behind, as far as the trials read it."""
    folder.mkdir(parents=True)
    validation = {"cosine": cosine, "hit@5": 0.25, "mrr": mrr}
    results = {
        "metrics": {"validation": validation, "test": {"cosine": 0.9, "hit@5": 0.9, "mrr": 0.9}},
        "parameters": 1234,
        "seconds": 30.4,
        "best_epoch": 2,
    }
    (folder / "results.json").write_text(json.dumps(results))
    folder.with_name(folder.name + ".flags.json").write_text(json.dumps(flags))


@pytest.mark.parametrize("model", VALUES)
def test_the_first_trial_has_the_defaults_and_the_others_cover_all_values(model):
    first, *others = drawn_settings(model, 1 + 12)
    assert first == {}
    for name, values in VALUES[model].items():
        assert Counter(settings[name] for settings in others) == dict.fromkeys(values, 12 // len(values))
    assert drawn_settings(model, 4) == [first, *others[:3]]


@pytest.mark.parametrize("model", VALUES)
def test_the_train_script_understands_the_flags(model, monkeypatch):
    settings = drawn_settings(model, 2)[1]
    monkeypatch.setattr("sys.argv", ["train_vectors.py", *flags_of_trial(model, settings)])
    config = parse_command_line(Config)
    assert (config.model, config.export) == (model, False)
    for name, text in settings.items():
        values = getattr(config, name)
        assert [float(value) for value in text.split()] == list(values if isinstance(values, tuple) else [values])


def test_the_best_trial_on_validation_comes_first(tmp_path, monkeypatch, capsys):
    second = drawn_settings("gru", 2)[1]
    for number, settings, mrr in ((0, {}, 0.25), (1, second, 0.375)):
        flags = ["--epochs", "3", *flags_of_trial("gru", settings), "--run-name", f"gru-{number}"]
        write_run(tmp_path / "gru" / f"trial-{number}", flags, 0.5, mrr)
    compare(vectors_trials, monkeypatch, "--models", "gru", "--trials", 2, "--out", tmp_path, "--", "--epochs", "3")
    table = (tmp_path / "gru.md").read_text()
    assert table in capsys.readouterr().out
    header, _, best, default = table.splitlines()
    assert header.startswith("| trial | num_layers | learning_rate | dropout | weight_decay | cosine + MRR |")
    assert best == f"| 1 | {' | '.join(second.values())} | 0.8750 | 0.5000 | 0.2500 | 0.3750 | 2 | 1234 | 30 |"
    assert default == "| 0 |  |  |  |  | 0.7500 | 0.5000 | 0.2500 | 0.2500 | 2 | 1234 | 30 |"


def test_no_trials_are_refused(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit, match="2"):
        compare(vectors_trials, monkeypatch, "--trials", 0, "--out", tmp_path)
    assert "--trials: must be at least 1" in capsys.readouterr().err
