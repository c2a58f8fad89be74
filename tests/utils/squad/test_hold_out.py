"""The command that writes the validation questions of a training as files."""

import pytest

from utils.squad.data import read_squad, read_squad_files
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
    written = [folder / "train" / f"{path.stem}.json.gz" for path in train_files]
    assert read_squad_files(written) == expected["train"] and len(expected["train"]) == 48
    assert read_squad(folder / "validation.json.gz") == expected["validation"]
    assert {question.id for question in read_squad(written[0])} <= {f"q{n}" for n in range(20)}
    assert f"{folder}/validation.json.gz: 12 questions\n{written[0]}: " in capsys.readouterr().out


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
        (
            {"--train-files": "one.json two.json", "--validation-fraction": "0.999"},
            "all of its questions would be held out",
        ),
        ({"--out": "one.json/split"}, "--out one.json/split: cannot be written to"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(train_files, tmp_path, capsys, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    flags = {"--train-files": train_files[0].name, "--out": "split"} | change
    with pytest.raises(SystemExit) as end:
        main([part for flag in flags.items() for part in " ".join(flag).split()])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"one.json", "two.json"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["split/train/one.json.gz"], "is one of the files to read; name another folder"),
        (["split/validation.json.gz"], "is one of the files to read; name another folder"),
        (["one.json", "other/one.json.gz"], "--train-files other/one.json.gz: another file has the same name"),
    ],
)
def test_no_file_is_written_twice_or_over_one_that_is_read(tmp_path, capsys, monkeypatch, files, message):
    monkeypatch.chdir(tmp_path)
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(squad_file(town_questions(20), is_compressed=name.endswith("gz")))
    with pytest.raises(SystemExit):
        main(["--train-files", *files, "--out", "split"])
    assert message in capsys.readouterr().err
    assert read_squad(files[0]) == town_questions(20)


def test_a_folder_with_another_split_is_left_alone(train_files, tmp_path, capsys):
    for _ in range(2):  # the same again is no other split
        main(["--train-files", *map(str, train_files), "--out", str(tmp_path / "split")])
    with pytest.raises(SystemExit):
        main(["--train-files", str(train_files[0]), "--out", str(tmp_path / "split")])
    assert "two.json.gz is of another split; remove it, or name another folder" in capsys.readouterr().err


def test_validation_questions_of_another_split_are_not_written_over(train_files, tmp_path, capsys):
    (tmp_path / "validation.json.gz").write_bytes(b"another's")
    with pytest.raises(SystemExit):
        main(["--train-files", str(train_files[0]), "--out", str(tmp_path)])
    assert "validation.json.gz is of another split; remove it, or name another folder" in capsys.readouterr().err
    assert (tmp_path / "validation.json.gz").read_bytes() == b"another's"
