"""benchmarks/squad_ablation.py and squad_compute.py: variants, paired gains, and the time that runs rest on."""

import doctest
import json
import sys

import numpy as np
import pytest

from benchmarks import squad_ablation, squad_error_classes, squad_shifts
from benchmarks.squad_ablation import UNCHANGED, chosen, gain, study_variants, with_defaults
from benchmarks.squad_compute import seconds_in_all
from tests.helpers.in_process import compare
from train_squad import Config
from utils.common.errors import UserError
from utils.squad.model_settings import with_model_settings
from utils.squad.question import Answer, Question
from utils.squad.settings import check_settings
from utils.training.command_line import parse_command_line

STUDIES = ("parts", "data", "levers", "budget")


@pytest.mark.parametrize("study", STUDIES)
def test_the_script_takes_the_flags_of_every_variant(study, tmp_path, monkeypatch):
    settings = {}
    for variant in study_variants(study):
        flags = with_defaults(list(variant.flags), "3")
        monkeypatch.setattr(sys, "argv", ["train_squad.py", "--run-dir", str(tmp_path / "run"), *flags])
        config = with_model_settings(parse_command_line(Config))
        check_settings(config)
        settings[variant.name] = json.dumps(vars(config), default=str)
    assert len(set(settings.values())) == len(study_variants(study))  # no two variants train the same


@pytest.mark.parametrize("study", STUDIES)
def test_what_a_variant_is_compared_with_comes_first(study):
    names = []
    for variant in study_variants(study):
        assert not variant.compared_with or variant.compared_with in names
        names.append(variant.name)


def test_levers_of_a_number_of_questions_are_compared_with_the_same_number():
    variants = study_variants("levers", [500, 0])
    assert {variant.compared_with for variant in variants if variant.name.endswith("-of-500")} == {
        "",
        f"{UNCHANGED}-of-500",
    }
    assert variants[1].flags[-2:] == ("--limit", "500")


def test_some_variants_are_chosen_with_what_they_are_compared_with():
    variants = study_variants("levers")
    assert [v.name for v in chosen(variants, ["r-drop"])] == [
        f"{UNCHANGED}-of-9000",
        "r-drop-of-9000",
        f"{UNCHANGED}-of-all",
        "r-drop-of-all",
    ]
    assert [v.name for v in chosen(variants, ["r-drop-of-all"])] == [f"{UNCHANGED}-of-all", "r-drop-of-all"]
    assert chosen(variants, []) == variants
    with pytest.raises(UserError, match="--only r-drip: is no variant"):
        chosen(variants, ["r-drip"])


def test_own_flags_take_the_place_of_the_defaults():
    assert with_defaults(["--epochs=6"], "3") == ["--epochs=6", "--tracking", "off", "--no-export"]
    assert with_defaults(["--tracking", "offline", "--no-export"], "3")[-2:] == ["--epochs", "3"]


def questions_of_articles(articles):
    return [
        Question(str(i), title, f"{title} has a text.", "What?", (Answer("text", 0),))
        for i, title in enumerate(articles)
    ]


def test_a_gain_is_paired_and_resamples_articles_over_all_seeds():
    questions = {0: questions_of_articles("abcd" * 10), 1: questions_of_articles("efgh" * 10)}
    base = {seed: np.random.default_rng(seed).uniform(0, 100, 40) for seed in (0, 1)}
    better = {seed: values + 5 for seed, values in base.items()}
    assert gain(base, better, questions) == {"gain": 5.0, "gain_interval": [5.0, 5.0]}
    one_article = {seed: values + np.where(np.arange(40) % 4 == 0, 20, 0) for seed, values in base.items()}
    row = gain(base, one_article, questions)
    low, high = row["gain_interval"]
    assert row["gain"] == 5.0 and low <= 0 + 1e-9 and high >= 10.0  # it comes from two articles of eight alone


def finished(run, f1, seconds, config=None, details=None, questions=(), **changes):
    """Write what train_squad.py leaves behind, as far as it is read here; F1 is 0 or 100 for each question.

    `changes` are entries of `results.json` that take the place of what is written there.
    """
    run.mkdir(parents=True)
    results = {
        "task": "squad",
        "metrics": {"validation": {"f1": f1, "exact_match": f1}},
        "intervals": {"validation": {"f1": [f1 - 1, f1 + 1]}},
        "data": {"counts": {"train": 300}},
        "parameters": 1234,
        "seconds": seconds,
        "details": details or {},
        "commit": "abc",
        **changes,
    }
    (run / "results.json").write_text(json.dumps(results))
    (run / "config.json").write_text(json.dumps(config or {}))
    number = round(len(questions) * f1 / 100)
    predictions = {q.id: q.answers[0].text if i < number else "" for i, q in enumerate(questions)}
    (run / "predictions.json").write_text(json.dumps(predictions))


def test_all_training_counts_once(tmp_path):
    finished(tmp_path / "spans", 0, 100)
    for teacher in ("one", "two"):
        finished(tmp_path / teacher, 0, 10, {"init_from": str(tmp_path / "spans"), "teachers": []})
    settings = {"init_from": str(tmp_path / "spans"), "teachers": [str(tmp_path / "one"), str(tmp_path / "two")]}
    finished(tmp_path / "student", 0, 1, settings, {"teachers_seconds": 0.5})
    seconds = seconds_in_all(tmp_path / "student")
    assert sum(seconds.values()) == 100 + 10 + 10 + 1.5
    assert next(iter(seconds)) == str(tmp_path / "student")
    finished(tmp_path / "bert", 0, 7, {"init_from": "all-MiniLM-L6-v2"})  # a checkpoint of others
    assert list(seconds_in_all(tmp_path / "bert").values()) == [7]
    finished(tmp_path / "of-published", 0, 7, {"teachers": ["squad-matching"]})
    assert sum(seconds_in_all(tmp_path / "of-published").values()) > 7


def squad_file(path):
    """40 questions about 20 paragraphs without a title; 5 % of them, those of one paragraph, are held out."""
    paragraphs = [f"Number {i} of {i + 100} houses has a garden." for i in range(20)]
    records = [
        {
            "id": f"{i}-{j}",
            "context": text,
            "question": "What?",
            "answers": {"text": [word], "answer_start": [text.index(word)]},
        }
        for i, text in enumerate(paragraphs)
        for j, word in enumerate(("houses", "garden"))
    ]
    path.write_text("\n".join(map(json.dumps, records)))


def test_finished_runs_are_read_into_one_table(tmp_path, monkeypatch, capsys):
    from utils.squad.splits import load_splits

    squad_file(tmp_path / "train.jsonl")
    files = {"train": [tmp_path / "train.jsonl"], "validation": [], "test": []}
    out = tmp_path / "out"
    for name, f1 in ((f"{UNCHANGED}-of-100", 50), ("sentence-loss-of-100", 100)):
        for seed in (0, 1):
            questions = load_splits("squad", files, 0.05, seed)[0]["validation"]
            assert len(questions) == 2
            finished(out / name / f"seed-{seed}", f1, 60 * f1, questions=questions)
    arguments = ("--study", "levers", "--questions", 100, "--only", "sentence-loss", "--seeds", 0, 1)
    arguments += ("--train-files", tmp_path / "train.jsonl", "--out", out)
    compare(squad_ablation, monkeypatch, *arguments)
    output = capsys.readouterr().out
    assert "| as-it-is-of-100 | 300 | 50.00 (50 to 50) | 50.00 |  | 1,234 | 50.0 |" in output
    assert (
        "| sentence-loss-of-100 | 300 | 100.00 (100 to 100) | 100.00 | +50.00 (+50.00 to +50.00) | 1,234 | 100.0 |"
        in output
    )
    rows = json.loads((out / "table.json").read_text())
    assert [row["minutes"] for row in rows] == [[50.0, 50.0], [100.0, 100.0]]

    predictions = out / "sentence-loss-of-100" / "seed-0" / "predictions.json"
    predictions.write_text(json.dumps(dict.fromkeys(json.loads(predictions.read_text()), "wrong")))
    compare(squad_ablation, monkeypatch, *arguments)
    assert "its predictions are not those of the validation questions" in capsys.readouterr().err


def test_rows_of_other_runs_are_read_before_anything_is_trained(tmp_path, monkeypatch, capsys):
    squad_file(tmp_path / "train.jsonl")
    finished(tmp_path / "best", 80, 600)
    finished(tmp_path / "unscored", 80, 600, metrics={"test": {"f1": 80}})
    finished(tmp_path / "vectors", 80, 600, task="vectors")
    (tmp_path / "unfinished").mkdir()
    events = []
    row_of_finished = squad_ablation.row_of_finished
    monkeypatch.setattr(squad_ablation, "row_of_finished", lambda run: events.append(run.name) or row_of_finished(run))

    class NotTrained(Exception):
        pass

    def train(*_):
        events.append("training")
        raise NotTrained

    monkeypatch.setattr(squad_ablation, "train_or_read", train)
    arguments = (
        "--study",
        "budget",
        "--train-files",
        tmp_path / "train.jsonl",
        "--out",
        tmp_path / "out",
        "--with-runs",
    )
    with pytest.raises(NotTrained):
        compare(squad_ablation, monkeypatch, *arguments, tmp_path / "best", "squad-matching")
    assert events == ["best", "squad-matching", "training"]
    for name, message in (
        ("missing", "no finished run there"),
        ("unfinished", "no finished run there"),
        ("vectors", "is a run of the task 'vectors'"),
        ("unscored", "has no scores on validation questions"),
    ):
        events.clear()
        compare(squad_ablation, monkeypatch, *arguments, tmp_path / name)
        assert events == [name] and message in capsys.readouterr().err
    row = row_of_finished(tmp_path / "best")
    assert (row["variant"], row["f1"], row["minutes"]) == ("best", [80], [10.0])


def test_f1_against_minutes_is_drawn(tmp_path):
    rows = [{"variant": f"epochs-{n}", "minutes": [n * 7.0], "f1": [50.0 + n]} for n in (1, 2, 3)]
    squad_ablation.plot(rows, tmp_path / "budget.png")
    assert (tmp_path / "budget.png").stat().st_size > 5_000


@pytest.mark.parametrize("module", [squad_error_classes, squad_shifts])
def test_examples_run(module):
    tests = doctest.testmod(module)
    assert tests.attempted and not tests.failed
