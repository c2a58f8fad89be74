"""Parquet files of vectors."""

from decimal import Decimal

import numpy as np
import pytest

from tests.helpers.vector_files import DOCUMENT, VECTORS, read
from utils.common.errors import UserError

pyarrow = pytest.importorskip("pyarrow")


def write(folder, **columns):
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), folder / "v.parquet", row_group_size=20)
    return folder / "v.parquet"


@pytest.mark.parametrize(
    "kind",
    [pyarrow.list_(pyarrow.float64()), pyarrow.list_(pyarrow.float32(), 5), pyarrow.large_list(pyarrow.float16())],
)
def test_lists_of_numbers_are_vectors(tmp_path, kind):
    vectors = pyarrow.array([list(vector) for vector in VECTORS], kind)
    data, notes = read(
        write(tmp_path, id=np.arange(65), embedding=vectors, doc_id=DOCUMENT, text=["a"] * 65, title=["t"] * 65)
    )
    expected = VECTORS.astype("float32") / np.linalg.norm(VECTORS.astype("float32"), axis=1, keepdims=True)
    np.testing.assert_allclose(data.take(np.arange(65)), expected, rtol=1e-5)
    assert (
        data.starts.tolist() == [0, 9, 12, 19, 59, 65]
        and data.names == ["t"] * 5
        and data.texts[1] == "a"
        and notes == []
    )


def test_bad_rows_are_left_out_and_counted(tmp_path):
    vectors = [vector.tolist() for vector in VECTORS]
    vectors[2], vectors[33], vectors[50][1] = None, [1.0, 2.0], None
    labels = [f"d{label}" for label in DOCUMENT]
    labels[7] = None
    data, notes = read(write(tmp_path, vector=vectors, document=labels), max_bad_fraction=0.1)
    assert data.count == 61 and data.file_rows(np.array([2, 60])).tolist() == [3, 64]
    assert data.names == ["d7", "d3", "d11", "d2", "d5"]
    assert sorted(notes) == [
        "1 of 65 records left out, its document is missing (row 7)",
        "1 of 65 records left out, the vector is not finite (row 50)",
        "2 of 65 records left out, its vector is not a list of 5 numbers (row 2, row 33)",
    ]


def test_files_without_vectors_or_documents_are_one_line(tmp_path):
    vectors = [vector.tolist() for vector in VECTORS]
    with pytest.raises(UserError, match="does not say which document each vector belongs to"):
        read(write(tmp_path, vector=vectors))
    with pytest.raises(UserError, match=r"its records have the columns 'a'; they need a text, .* or a vector"):
        read(write(tmp_path, a=[1, 2]))
    path = write(tmp_path, vector=vectors, document=DOCUMENT)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(UserError, match="is not a readable Parquet file"):
        read(path)


def test_positions_of_any_type_order_rows_and_others_are_told(tmp_path):
    vectors, order = [vector.tolist() for vector in VECTORS[::-1]], list(range(65))[::-1]
    said = "its rows are put in the order of their positions"
    for positions in (
        list(map(str, order)),
        list(map(Decimal, order)),
        pyarrow.array(map(str, order), pyarrow.dictionary(pyarrow.int32(), pyarrow.string())),
    ):
        data, notes = read(write(tmp_path, vector=vectors, document=DOCUMENT[::-1], position=positions))
        assert notes == [said] and data.file_rows(np.arange(3)).tolist() == [5, 4, 3]
    some = ["no number", *map(str, order[1:])]
    data, notes = read(write(tmp_path, vector=vectors, document=DOCUMENT[::-1], position=some))
    assert data.count == 64 and "1 of 65 records left out, its position is not a number (row 0)" in notes
    data, notes = read(write(tmp_path, vector=vectors, document=DOCUMENT[::-1], position=["nurse"] * 65))
    assert data.rows is None and notes == [
        "does not use its column position, which holds no numbers, but such as 'nurse'"
    ]
    empty = pyarrow.array([None] * 65, pyarrow.string())
    assert read(write(tmp_path, vector=vectors, document=DOCUMENT, position=empty))[1] == []


def test_whole_numbers_are_refused_or_told_like_those_of_arrays(tmp_path):
    whole = (np.abs(VECTORS) * 20 + 1).astype(int).tolist()
    with pytest.raises(UserError, match="vectors are uint8, as packed bits and quantised vectors with an offset are"):
        read(write(tmp_path, vector=pyarrow.array(whole, pyarrow.list_(pyarrow.uint8())), document=DOCUMENT))
    _, notes = read(write(tmp_path, vector=pyarrow.array(whole, pyarrow.list_(pyarrow.int8())), document=DOCUMENT))
    assert [note[:37] for note in notes] == ["takes its int8 numbers as they are; i"]
