"""Features on disk are those in memory: the same windows and labels, the same batches."""

import errno
import json
import os
from dataclasses import fields

import numpy as np
import pytest

from tests.helpers.squad_questions import invented_questions
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.squad import cache, data, stored_features
from utils.squad.batches import training_batches
from utils.squad.cache import describe_labels, prepare_features
from utils.squad.features import build_features
from utils.squad.tokens import TokenizedTexts

WINDOWS = {"max_length": 61, "doc_stride": 13}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Questions in memory and on disk, and a tokenizer. Some paragraphs come again later."""
    questions, tokenizer = invented_questions()
    rows = [
        {"id": f"{turn}-{q.id}", "title": q.title, "context": q.context, "question": f"{q.question} {turn}",
         "answers": {"text": [a.text for a in q.answers], "answer_start": [a.start for a in q.answers]}}
        for turn in range(3) for q in questions
    ]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    in_memory = data.read_squad_files([path], Reading(0.9), require_answers=False)
    monkeypatch.setattr(data, "STORED_BYTES", 0)
    monkeypatch.setattr(stored_features, "QUESTIONS_AT_ONCE", 7)
    stored = data.read_squad_files([path], Reading(0.9), tmp_path / "cache", require_answers=False)
    assert list(stored) == in_memory
    return in_memory, stored, tokenizer


def assert_equal(stored, built):
    for field in fields(built):
        first, second = getattr(stored, field.name), getattr(built, field.name)
        if isinstance(second, TokenizedTexts):
            for inner in fields(second):
                np.testing.assert_array_equal(getattr(first, inner.name), getattr(second, inner.name), inner.name)
        else:
            np.testing.assert_array_equal(first, second, field.name)


@pytest.mark.parametrize("labelled", [True, False])
def test_stored_features_are_those_in_memory(world, tmp_path, labelled):
    in_memory, stored, tokenizer = world
    built = build_features(in_memory, tokenizer, labelled=labelled, **WINDOWS)
    assert len(built.contexts.offsets) > 2 and len(built) > len(in_memory)
    features = stored_features.stored_features(stored, tokenizer, tmp_path, labelled=labelled, **WINDOWS)
    assert_equal(features, built)
    shuffled = np.random.default_rng(0).permutation(len(stored))[:20]
    features = stored_features.stored_features(
        stored.take(stored.numbers[shuffled]), tokenizer, tmp_path, labelled=labelled, **WINDOWS
    )
    assert_equal(features, build_features([in_memory[n] for n in shuffled], tokenizer, labelled=labelled, **WINDOWS))


def test_batches_and_lines_are_those_in_memory(world, tmp_path, capsys):
    in_memory, stored, tokenizer = world
    results = []
    for questions in (in_memory, stored):
        features = prepare_features("train", questions, tokenizer, cache_dir=tmp_path / "cache", **WINDOWS)
        batches = training_batches(features, 5, seed=3, first_step=4)
        results.append((capsys.readouterr().out, describe_labels(features), [next(batches) for _ in range(12)]))
    assert results[0][:2] == results[1][:2]
    for (inputs, targets), (stored_inputs, stored_targets) in zip(results[0][2], results[1][2], strict=True):
        for expected, batch in ((inputs, stored_inputs), (targets, stored_targets)):
            assert expected.keys() == batch.keys()
            for name, values in expected.items():
                np.testing.assert_array_equal(batch[name], values)
                assert batch[name].dtype == values.dtype


def test_the_cache_is_found_again_and_a_damaged_one_is_built_again(world, tmp_path, monkeypatch, capsys):
    _, stored, tokenizer = world

    def make():
        return stored_features.stored_features(stored, tokenizer, tmp_path / "new", **WINDOWS)

    built = make()
    (folder,) = (tmp_path / "new").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(stored_features, "build_features", None)  # a hit builds nothing
        assert_equal(make(), built)
    for damage in (lambda: (folder / "window_end").write_bytes(b"123"), lambda: (folder / "features.json").write_text("{}"),
                   lambda: (folder / "answer_spans").unlink()):  # fmt: skip
        damage()
        make()
        assert "unreadable cache, built again" in capsys.readouterr().out
        assert len(list((tmp_path / "new").iterdir())) == 1
    assert cache.stored_features is stored_features.stored_features


def test_a_full_disk_is_one_line_and_leaves_nothing(world, tmp_path, monkeypatch):
    _, stored, tokenizer = world

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(stored_features.os, "fsync", full)
    with pytest.raises(UserError, match=r"cannot keep the tokenized data there \(No space left on device\); name"):
        stored_features.stored_features(stored, tokenizer, tmp_path / "new", **WINDOWS)
    assert not list((tmp_path / "new").iterdir())
