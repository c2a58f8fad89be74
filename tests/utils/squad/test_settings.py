"""Settings of train_squad.py that cannot work, and what is said of teachers."""

import json
from pathlib import Path

import pytest

from train_squad import Config, with_model_settings
from utils.common.errors import UserError
from utils.squad.settings import check_settings


def check(**settings):
    check_settings(with_model_settings(Config(run_dir=Path("unused"), **settings)))


def test_what_can_be_passes(capsys):
    check()
    check(word_dropout=0.1, name_swap=0.2, r_drop=0.5, sentence_loss=0.5, layer_dropout=0.1)
    check(hashed_words=5_000, layer_dropout=0.1, r_drop=1.0)
    check(model="bert", word_dropout=0.1, r_drop=0.5, sentence_loss=1.0)
    check(overfit=8, sentence_loss=0.5, hashed_words=100)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"word_dropout": 1.0}, "--word-dropout 1.0: must be at least 0 and less than 1"),
        ({"name_swap": -0.1}, "--name-swap -0.1: must be at least 0"),
        ({"sentence_shuffle": 1.1}, "--sentence-shuffle 1.1: must be at least 0 and at most 1"),
        ({"sentence_shuffle": float("nan")}, "--sentence-shuffle nan: must be at least 0 and at most 1"),
        ({"overfit": 8, "sentence_shuffle": 0.5}, "is to memorise its questions: leave out --sentence-shuffle"),
        ({"layer_dropout": 1.0}, "--layer-dropout 1.0: must be"),
        ({"r_drop": -1.0}, "--r-drop -1.0: must be"),
        ({"sentence_loss": float("nan")}, "--sentence-loss nan: must be"),
        ({"hashed_words": -1}, "--hashed-words -1: must be"),
        ({"teacher_temperature": 0.0}, "--teacher-temperature 0.0: must be"),
        ({"teacher_weight": 0.0}, "--teacher-weight 0.0: must be more than 0 and at most 1"),
        ({"cloze_fraction": 1.5}, "--cloze-fraction 1.5: must be more than 0 and at most 1"),
        ({"model": "bert", "layer_dropout": 0.1, "hashed_words": 9}, "leave out --layer-dropout, --hashed-words"),
        ({"overfit": 8, "r_drop": 0.5, "teachers": ["run"]}, "memorise its questions: leave out --r-drop, --teachers"),
        ({"hashed_words": 9, "name_swap": 0.1}, "--hashed-words shows the words that --name-swap would hide"),
        ({"teachers": ["no such run"]}, "no such run: no finished run there"),
    ],
)
def test_what_cannot_be_is_one_line(settings, message):
    with pytest.raises(UserError) as error:
        check(**settings)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("of_teacher", "own", "is_named"),
    [
        ({"data": "demo", "seed": 0}, {"data": "demo"}, False),
        ({"data": "demo", "seed": 1}, {"data": "demo"}, True),
        ({"train_files": ["a/train.json"], "validation_fraction": 0.1}, {"train_files": [Path("train.json")]}, True),
        ({"train_files": ["a/train.json"], "seed": 0}, {"train_files": [Path("b/train.json")]}, False),
        (
            {"train_files": ["t.json"], "validation_files": ["a/v.json"], "seed": 3},
            {"train_files": [Path("other.json")], "validation_files": [Path("v.json")]},
            False,
        ),
        ({"train_files": ["t.json"], "validation_files": ["v.json"]}, {"train_files": [Path("t.json")]}, True),
    ],
)
def test_a_teacher_from_which_others_were_held_out_is_named(tmp_path, capsys, of_teacher, own, is_named):
    settings = {"data": "squad", "validation_fraction": 0.05, "seed": 0} | of_teacher
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "results.json").write_text(json.dumps({"task": "squad"}))
    (tmp_path / "best.keras").touch()
    for run in ({"teachers": [str(tmp_path)]}, {"init_from": str(tmp_path)}):
        check(**run, **own)
        assert ("give all trainings the same --validation-files" in capsys.readouterr().out) == is_named


def test_a_pretraining_as_start_holds_out_nothing(tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "results.json").write_text(json.dumps({"task": "pretraining"}))
    (tmp_path / "best.keras").touch()
    check(init_from=str(tmp_path))
    assert capsys.readouterr().out == ""
