"""The command that writes the validation questions of a training as files."""

import pytest

from utils.squad.data import read_squad
from utils.squad.hold_out import main
from utils.squad.question import Answer, Question
from utils.squad.splits import split_by_article
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
def train_file(tmp_path):
    path = tmp_path / "questions.json"
    path.write_bytes(squad_file(town_questions(60), is_compressed=False))
    return path


def test_the_files_hold_what_a_training_with_that_seed_would_hold_out(train_file, tmp_path, capsys):
    folder = tmp_path / "split"
    main(f"--train-files {train_file} --out {folder} --validation-fraction 0.2 --seed 3".split())
    printed = capsys.readouterr().out
    train, validation = split_by_article(read_squad(train_file), 0.2, 3)
    assert read_squad(folder / "train.json.gz") == train and read_squad(folder / "validation.json.gz") == validation
    assert len(validation) == 12 and f"{folder}/validation.json.gz: 12 questions" in printed
    assert f"{folder}/train.json.gz: 48 questions" in printed


def test_unanswerable_questions_stay_unanswerable(tmp_path):
    answerable = town_questions(2)
    question = Question("none", "Towns", "Skelmoford lies by the sea.", "Who rules it?", (), is_impossible=True)
    path = tmp_path / "questions.json"
    path.write_bytes(squad_file([*answerable, question], is_compressed=False))
    assert read_squad(path) == [*answerable, question]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--validation-fraction": "2"}, "the fraction to hold out is 2.0; give a number between 0 and 1"),
        ({"--train-files": "missing.json"}, "missing.json"),
        ({"--out": "questions.json/split"}, "cannot be written to"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(train_file, tmp_path, capsys, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    flags = {"--train-files": train_file.name, "--out": "split"} | change
    with pytest.raises(SystemExit) as end:
        main([part for flag in flags.items() for part in flag])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "split").exists()


def test_a_file_is_not_overwritten_while_it_is_read(tmp_path, capsys):
    path = tmp_path / "train.json.gz"
    path.write_bytes(squad_file(town_questions(20), is_compressed=True))
    with pytest.raises(SystemExit):
        main(["--train-files", str(path), "--out", str(tmp_path)])
    assert "is one of the files to read" in capsys.readouterr().err
    assert read_squad(path) == town_questions(20)
