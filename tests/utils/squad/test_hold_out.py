"""The command that writes the validation questions of a training as files."""

import pytest

from utils.squad.data import read_squad
from utils.squad.hold_out import main
from utils.squad.question import Answer, Question
from utils.squad.splits import load_splits
from utils.squad.squad_file import squad_file


def town_questions(count):
    """Questions about `count` towns, two to an article."""
    return [
        Question(
            f"q{n}",
            f"Article {n // 2}",
            f"Town {n} lies by the sea.",
            "What lies by the sea?",
            (Answer(f"Town {n}", 0),),
        )
        for n in range(count)
    ]


@pytest.fixture
def train_files(tmp_path):
    """Two files; the articles of the second one are not in one piece."""
    questions = town_questions(60)
    parts = {"one.json": questions[:20], "two.json": questions[20::2] + questions[21::2]}
    for name, part in parts.items():
        (tmp_path / name).write_bytes(squad_file(part, is_compressed=False))
    return [tmp_path / name for name in parts]


def test_the_files_hold_what_a_training_with_that_seed_has(train_files, tmp_path, capsys):
    folder = tmp_path / "split"
    main(["--train-files", *map(str, train_files), *f"--out {folder} --validation-fraction 0.2 --seed 3".split()])
    expected, _ = load_splits("", {"train": train_files, "validation": [], "test": []}, 0.2, 3)
    for name, count in (("train", 48), ("validation", 12)):
        assert read_squad(folder / f"{name}.json.gz") == expected[name] and len(expected[name]) == count
    printed = capsys.readouterr().out
    assert f"{folder}/train.json.gz: 48 questions\n{folder}/validation.json.gz: 12 questions\n" in printed


def test_unanswerable_questions_stay_unanswerable(tmp_path):
    question = Question("none", "Towns", "Skelmoford lies by the sea.", "Who rules it?", (), is_impossible=True)
    path = tmp_path / "questions.json"
    path.write_bytes(squad_file([question], is_compressed=False))
    assert read_squad(path, require_answers=False) == [question]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--validation-fraction": "2"}, "the fraction to hold out is 2.0; give a number between 0 and 1"),
        ({"--train-files": "missing.json"}, "missing.json"),
        ({"--out": "one.json/split"}, "--out one.json/split: cannot be written to"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(train_files, tmp_path, capsys, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    flags = {"--train-files": train_files[0].name, "--out": "split"} | change
    with pytest.raises(SystemExit) as end:
        main([part for flag in flags.items() for part in flag])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"one.json", "two.json"}


def test_a_file_is_not_overwritten_while_it_is_read(tmp_path, capsys):
    path = tmp_path / "train.json.gz"
    path.write_bytes(squad_file(town_questions(20), is_compressed=True))
    with pytest.raises(SystemExit):
        main(["--train-files", str(path), "--out", str(tmp_path)])
    assert "is one of the files to read" in capsys.readouterr().err
    assert read_squad(path) == town_questions(20)
