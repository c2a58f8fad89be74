"""What a run keeps of its training data."""

import numpy as np
import pytest

from utils.common.errors import UserError
from utils.training.training_summary import (
    copy_summary,
    num_known,
    read_training_summary,
    text_keys,
    write_training_summary,
)


def test_keys_tell_texts_apart_whatever_their_letters_and_spaces():
    keys = text_keys(["The  bridge\nis old.", "the bridge is OLD.", "The bridge is new.", "Straße", "STRASSE", ""])
    assert keys.dtype == np.uint64 and keys[0] == keys[1] and keys[3] == keys[4]
    assert len(np.unique(keys)) == 4
    assert text_keys(["a"])[0] == 4681665781835383343  # stays the same: published models have such keys
    assert len(text_keys([])) == 0


def test_known_examples_are_counted_once(tmp_path):
    write_training_summary(tmp_path, text_keys(["a", "b", "a"]), counts=np.array([1, 2]))
    summary = read_training_summary(tmp_path)
    assert len(summary["keys"]) == 2 and summary["counts"].tolist() == [1, 2]
    assert num_known(text_keys(["B", "b", "c"]), summary) == 1
    assert num_known(text_keys(["c"]), summary) == 0 and num_known(text_keys(["a"]), {}) is None


def test_a_copy_may_leave_arrays_out(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "copy").mkdir()
    copy_summary(tmp_path / "run", tmp_path / "copy")
    assert read_training_summary(tmp_path / "copy") == {}
    write_training_summary(tmp_path / "run", text_keys(["a"]), small=np.zeros(2), large=np.zeros(9))
    copy_summary(tmp_path / "run", tmp_path / "copy", without=("large",))
    assert set(read_training_summary(tmp_path / "copy")) == {"keys", "small"}


def test_a_damaged_file_is_one_line(tmp_path):
    (tmp_path / "training_summary.npz").write_bytes(b"PK no archive")
    with pytest.raises(UserError, match="damaged run"):
        read_training_summary(tmp_path)
