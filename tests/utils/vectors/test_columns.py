"""Which rows of a file of vectors can be used, and their order."""

import numpy as np
import pytest

from tests.helpers.vector_files import COUNT, DOCUMENT, LENGTHS, VECTORS, read, save_npy, save_npz
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.vectors.columns import in_order, label_text
from utils.vectors.data import read_file


def changed(*values):
    vectors = VECTORS.astype("float32")
    for place, value in values:
        vectors[place] = value
    return vectors


@pytest.mark.parametrize("save", [save_npz, save_npy])
def test_bad_vectors_are_left_out_and_counted_by_their_row(tmp_path, save):
    vectors = changed((17, 0), ((31, 2), np.nan), ((40, 1), np.inf), (0, 1e30))
    path = save(tmp_path, vectors=vectors)
    data, notes = read(path, max_bad_fraction=0.1)
    assert sorted(notes) == [
        "1 of 65 records left out, the vector is zero (row 17)",
        "1 of 65 records left out, the vector's elements are too large or too small (row 0)",
        "2 of 65 records left out, the vector is not finite (row 31, row 40)",
    ]
    assert data.count == COUNT - 4 and data.starts.tolist() == [0, 8, 11, 17, 55, 61]
    assert data.file_rows(np.array([0, 15, 16, 60])).tolist() == [1, 16, 18, 64]
    assert data.vectors.shape == (COUNT, 5) and isinstance(data.vectors, np.memmap) == (save is save_npy)
    np.testing.assert_allclose(data.take([16])[0], vectors[18] / np.linalg.norm(vectors[18]), rtol=1e-5)


def test_too_many_bad_vectors_are_one_line_and_are_counted_for_the_results(tmp_path):
    path = save_npz(tmp_path, vectors=changed((np.arange(20), 0)))
    with pytest.raises(
        UserError, match=r"20 of 65 records cannot be used.*the vector is zero \(row 0, row 1, .*\.\.\.\)"
    ):
        read(path)
    reading = Reading(0.5)
    read_file(path, reading)
    assert reading.description()["v.npz"]["left_out"] == {"the vector is zero": 20}
    assert reading.description()["v.npz"]["used"] == 45


def test_rows_without_a_document_are_left_out(tmp_path):
    labels = DOCUMENT.astype("float64")
    labels[3] = np.nan
    data, notes = read(save_npz(tmp_path, document=labels))
    assert data.names == ["7", "3", "11", "2", "5"] and notes == [
        "1 of 65 records left out, its document is missing (row 3)"
    ]
    labels = DOCUMENT.astype(str)
    labels[3] = ""
    data, notes = read(save_npz(tmp_path, document=labels))
    assert data.count == COUNT - 1 and notes == ["1 of 65 records left out, its document is missing (row 3)"]


def test_rows_of_a_document_that_are_apart_need_positions(tmp_path):
    order = np.random.default_rng(0).permutation(COUNT)
    position = np.concatenate([np.arange(length) for length in LENGTHS])
    scattered = {"vectors": VECTORS[order], "document": DOCUMENT[order]}
    with pytest.raises(
        UserError, match=r"began earlier, and another document stands between; .* in a column `position`"
    ):
        read(save_npz(tmp_path, **scattered))
    data, notes = read(save_npz(tmp_path, **scattered, chunk_index=position[order]))
    assert notes == ["takes its array 'chunk_index' as position", "its rows are put in the order of their positions"]
    for number, name in enumerate(data.names):
        rows = data.file_rows(np.arange(*data.starts[number : number + 2]))
        assert order[rows].tolist() == np.flatnonzero(np.equal(DOCUMENT, int(name))).tolist()
    data, notes = read(save_npz(tmp_path, position=position))
    assert data.rows is None and notes == []


def test_a_position_that_comes_twice_is_one_line(tmp_path):
    position = np.concatenate([np.arange(length) for length in LENGTHS])
    position[11] = 1
    assert read(save_npz(tmp_path, position=position))[0].rows is None  # the rows stand in order all the same
    position[8] = 0
    with pytest.raises(UserError, match="document 7 has the position 0 twice"):
        read(save_npz(tmp_path, position=position))


def test_a_document_that_returns_is_named_with_its_row():
    with pytest.raises(UserError, match=r"v\.npz, row 8: document a began earlier"):
        in_order("v.npz", np.array([1, 2, 8]), np.array(list("xab" + "x" * 5 + "a")), None)
    with pytest.raises(UserError, match=r"v\.jsonl, line 3: document a began earlier"):
        in_order("v.jsonl", np.arange(3), np.array(list("aba")), None, ["line 1", "line 2", "line 3"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (7.0, "7"),
        ("7", "7"),
        (" a ", "a"),
        (None, ""),
        (True, ""),
        (0.5, ""),
        (float("nan"), ""),
        ("\ud800", "?"),
    ],
)
def test_ids_of_documents_as_text(value, text):
    assert label_text(value) == text
