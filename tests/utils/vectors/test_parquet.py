"""Parquet files of vectors."""

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
