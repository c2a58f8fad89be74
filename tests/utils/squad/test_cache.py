"""Features on disk: kept, found again, damaged; and what is said of them."""

import numpy as np
import pytest

from tests.helpers.squad_questions import assert_equal, invented_questions
from utils.squad import cache as squad_cache
from utils.squad.cache import cached_features, describe_labels, load_features, prepare_features, save_features
from utils.squad.data import Answer, Question
from utils.squad.features import build_features
from utils.text.tokenization import train_tokenizer

WINDOWS = {"max_length": 384, "doc_stride": 128}


@pytest.fixture(scope="module")
def world():
    return invented_questions()


@pytest.fixture(scope="module")
def features(world):
    return build_features(*world, max_length=61, doc_stride=13, max_question_length=11)


def test_cache_hit_and_miss(world, tmp_path, monkeypatch):
    questions, tokenizer = world
    settings = {"max_length": 50, "doc_stride": 7}
    built = cached_features(questions, tokenizer, tmp_path / "new", **settings)
    assert_equal(built, build_features(questions, tokenizer, **settings))
    cached_features(questions, tokenizer, tmp_path / "new", max_length=50, doc_stride=8)
    cached_features(questions[1:], tokenizer, tmp_path / "new", **settings)
    cached_features(questions, train_tokenizer(["another"], 50), tmp_path / "new", **settings, labelled=False)
    assert len(list((tmp_path / "new").iterdir())) == 4
    monkeypatch.setattr(squad_cache, "build_features", None)  # a hit builds nothing
    assert_equal(cached_features(questions, tokenizer, tmp_path / "new", **settings), built)


@pytest.mark.parametrize("damage", ["empty", "cut", "half", "flipped", "garbage", "another archive"])
def test_a_damaged_cache_file_is_built_again(world, tmp_path, capsys, damage):
    questions, tokenizer = world
    built = cached_features(questions, tokenizer, tmp_path, **WINDOWS)
    (file,) = tmp_path.iterdir()
    data = file.read_bytes()
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]
    file.write_bytes(
        {"empty": b"", "cut": data[:-10], "half": data[:middle], "flipped": flipped}.get(damage, b"no archive " * 99)
    )
    if damage == "another archive":
        np.savez(file, num_labels=3)
    assert_equal(cached_features(questions, tokenizer, tmp_path, **WINDOWS), built)
    assert "unreadable cache file, built again" in capsys.readouterr().out
    assert_equal(load_features(file), built)


def test_a_cache_that_cannot_be_written_costs_nothing(world, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    built = cached_features(*world, tmp_path / "file" / "cache", **WINDOWS)
    assert_equal(built, build_features(*world, **WINDOWS))
    assert "cannot keep the tokenized data" in capsys.readouterr().out


def test_a_failed_save_leaves_the_old_file(features, tmp_path, monkeypatch):
    file = tmp_path / "features.npz"
    save_features(features, file)

    def no_space(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(squad_cache.np, "savez", no_space)
    with pytest.raises(OSError, match="No space left"):
        save_features(features, file)
    assert_equal(load_features(file), features)
    assert list(tmp_path.iterdir()) == [file]


def test_the_printed_line_counts_labels(tmp_path, capsys):
    context = "The makers of paper live by the river."
    questions = [Question(f"q{number}", "", context, "Who?", (Answer("makers of paper", 4),)) for number in range(30)]
    questions.append(Question("inside", "", context, "Who?", (Answer("maker", 4),)))
    tokenizer = train_tokenizer([context] * 9, 200)
    features = prepare_features("train", questions, tokenizer, cache_dir=tmp_path, **WINDOWS)
    line = capsys.readouterr().out
    assert line == (
        "train: 31 questions, 31 windows, mean length 14; 1 of 31 labels are wider than their answer "
        "(such as inside: the label reads 'makers', the answer is 'maker')\n"
    )
    assert describe_labels(features) == {"labels": 31, "wider_than_answer": 1, "cut": 0, "lost": 0}
    prepare_features("train", questions[-9:], tokenizer, cache_dir=tmp_path, **WINDOWS)
    assert "another --tokenizer may fit it better" in capsys.readouterr().out  # more than 5 %
    prepare_features("test", questions, tokenizer, cache_dir=tmp_path, **WINDOWS)
    assert capsys.readouterr().out == "test: 31 questions, 31 windows, mean length 14\n"
