"""Documents of vectors, and files of them."""

import json

import numpy as np
import pytest

from tests.helpers.vector_files import DOCUMENT, VECTORS, read, save_npy, save_npz
from utils.common.errors import UserError
from utils.vectors.data import VectorDocuments, check_same_dim, join, shared_ids


@pytest.mark.parametrize("save", [save_npz, save_npy])
def test_documents_are_numbered_in_their_order_and_vectors_have_unit_norm(tmp_path, save):
    data, notes = read(save(tmp_path))
    assert data.names == ["7", "3", "11", "2", "5"] and data.starts.tolist() == [0, 9, 12, 19, 59, 65]
    assert isinstance(data.vectors, np.memmap) == (save is save_npy) and data.rows is None and notes == []
    vectors, expected = data.take(np.array([4, 60])), VECTORS[[4, 60]].astype("float32")
    np.testing.assert_allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-5)


def test_vectors_stand_in_the_rows_of_their_file():
    data = VectorDocuments(VECTORS, np.array([0, 0, 1]), None, ["a", "b"], "v.npz", rows=np.array([5, 2, 7]))
    assert data.count == 3 and data.file_rows(np.array([2, 0])).tolist() == [7, 5]
    np.testing.assert_allclose(
        data.take(np.array([1]))[0] * np.linalg.norm(VECTORS[2].astype("f4")), VECTORS[2], rtol=1e-3
    )


def test_files_are_joined_with_their_documents_renumbered():
    first = VectorDocuments(VECTORS[:5], np.array([0, 0, 1, 1, 1]), ["t"] * 5, ["a", "b"], "one.npz")
    second = VectorDocuments(VECTORS[5:7], np.array([0, 1]), None, ["c", "d"], "two.npz")
    joined = join([first, second])
    assert joined.document.tolist() == [0, 0, 1, 1, 1, 2, 3] and joined.names == ["a", "b", "c", "d"]
    assert joined.texts is None and joined.file == "one.npz, two.npz" and joined.rows is None
    np.testing.assert_array_equal(joined.vectors, VECTORS[:7])
    assert join([first]) is first
    narrow = VectorDocuments(VECTORS[:2, :3], np.array([0, 1]), None, ["c", "d"], "narrow.npz")
    with pytest.raises(UserError, match=r"narrow\.npz: its vectors have 3 elements, those of one\.npz 5"):
        check_same_dim(narrow, first)


def test_files_of_which_rows_are_left_out_are_joined():
    first = VectorDocuments(VECTORS[:5], np.array([0, 0, 1, 1, 1]), None, ["a", "b"], "one.npz")
    second = VectorDocuments(
        VECTORS[5:9].astype("f4"), np.array([0, 0, 1]), None, ["c", "d"], "two.npz", np.array([0, 2, 3])
    )
    joined = join([first, second])
    assert joined.file_rows(np.arange(8)).tolist() == [0, 1, 2, 3, 4, 5, 7, 8]
    np.testing.assert_array_equal(joined.take(np.arange(5, 8)), second.take(np.arange(3)))


def test_a_file_that_is_missing_or_a_folder_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"other\.npz: no such file; check the path"):
        read(tmp_path / "other.npz")
    with pytest.raises(UserError, match="is a folder; name its files"):
        read(tmp_path)


def test_documents_are_those_of_the_file(tmp_path):
    data, _ = read(save_npz(tmp_path))
    assert np.array(data.names, int)[data.document].tolist() == DOCUMENT.tolist()


def test_a_document_for_each_vector_is_said(tmp_path):
    """As where a column `document` holds texts."""
    document = np.array([f"Text {number}." for number in range(len(VECTORS))])
    _, notes = read(save_npz(tmp_path, document=document))
    assert notes == ["has another document for each vector; if several belong together, give them the same `document`"]


@pytest.mark.parametrize("kind", ["npz", "jsonl", "chunks"])
def test_a_document_that_stands_in_two_files_is_one_line(tmp_path, kind):
    def embed(path, documents, report):
        ids = [document.id for document in documents]
        return VectorDocuments(VECTORS[: len(ids)], np.arange(len(ids)), None, ids, str(path), ids=ids)

    def read_part(name, ids):
        path = tmp_path / f"{name}.{kind}"
        if kind == "npz":
            np.savez(path, vectors=VECTORS[: 2 * len(ids)], document=np.repeat(ids, 2))
        else:
            rows = [{"document": id_, "chunk": "some text"} for id_ in ids]
            if kind == "jsonl":
                rows = [
                    {"document": id_, "vector": VECTORS[0].tolist(), "name": "title"} for id_ in ids for _ in range(2)
                ]
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return read(path, embed=embed)[0]

    first, second, third = read_part("one", ["a", "b"]), read_part("two", ["c", "b"]), read_part("three", ["d"])
    assert len(join([first, third]).names) == 3
    with pytest.raises(
        UserError, match=r"two\.\w+: has the document 'b', as .*one\.\w+ has; put all of its rows into one"
    ):
        join([third, first, second])
    numbers = [read_part("four", [0, 1]), read_part("five", [0, 1, -2])]
    assert len(join(numbers).names) == 5 and list(shared_ids(numbers)) == ["0", "1"]
