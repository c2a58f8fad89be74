"""Files of vectors."""

import numpy as np
import pytest

from utils.common.errors import UserError
from utils.vectors.data import VectorDocuments, check_same_dim, join, read_file, read_vectors

RNG = np.random.default_rng(1)
LENGTHS = (9, 3, 7, 40, 6)
COUNT, DIM = sum(LENGTHS), 5
VECTORS = RNG.normal(size=(COUNT, DIM)).astype("float16")
DOCUMENT = np.repeat([7, 3, 11, 2, 5], LENGTHS)


def write(folder, kind="npz", **replaced):
    arrays = {"vectors": VECTORS, "document": DOCUMENT} | replaced
    if kind == "npz":
        np.savez(folder / "v.npz", **{name: array for name, array in arrays.items() if array is not None})
        return folder / "v.npz"
    np.save(folder / "v.npy", arrays["vectors"])
    np.save(folder / "v.document.npy", arrays["document"])
    return folder / "v.npy"


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_documents_are_numbered_in_their_order_and_vectors_have_unit_norm(tmp_path, kind):
    data = read_vectors(write(tmp_path, kind))
    assert data.names == ["7", "3", "11", "2", "5"] and data.starts.tolist() == [0, 9, 12, 19, 59, 65]
    assert isinstance(data.vectors, np.memmap) == (kind == "npy")
    vectors, expected = data.take(np.array([4, 60])), VECTORS[[4, 60]].astype("float32")
    np.testing.assert_allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-5)


def changed(row, value):
    vectors = VECTORS.copy()
    vectors[row] = value
    return {"vectors": vectors}


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (changed(17, 0), "row 17: the vector is zero"),
        (changed((31, 2), np.nan), "row 31: the vector is not finite"),
        (changed((31, 2), np.inf), "row 31: the vector is not finite"),
        ({"document": None}, "has no array document"),
        ({"document": DOCUMENT[:-1]}, r"document is int64 \(64,\)"),
        ({"document": DOCUMENT * 1.0}, "must be one integer"),
        ({"document": np.where(np.arange(COUNT) == 30, 7, DOCUMENT)}, "row 30: document 7 began earlier"),
        ({"vectors": VECTORS[0]}, r"float16, float32 or float64 \(count, dim\)"),
        ({"vectors": (VECTORS * 9).astype(int)}, r"float16, float32 or float64 \(count, dim\)"),
        ({"texts": np.array(["a"])}, "has 1 texts for 65 vectors"),
        ({"texts": np.array("hello")}, "has 1 texts for 65 vectors"),
        ({"texts": np.array(["a"] * COUNT, object)}, "give texts as np.array"),
        ({"vectors": VECTORS.astype("float32") * np.float32(1e30)}, "row 0: the vector has elements of size .*e[+]30"),
        ({"vectors": VECTORS.astype(np.longdouble)}, "must be float16, float32 or float64"),
    ],
)
def test_bad_files_are_one_line(tmp_path, replaced, message):
    with pytest.raises(UserError, match=message):
        read_vectors(write(tmp_path, **replaced))


def test_missing_and_cut_off_files_are_one_line(tmp_path):
    whole = write(tmp_path).read_bytes()
    (tmp_path / "v.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="may be cut off"):
        read_vectors(tmp_path / "v.npz")
    path = write(tmp_path, "npy")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="may be cut off"):
        read_vectors(path)
    (tmp_path / "v.document.npy").unlink()
    write(tmp_path, "npz")
    with pytest.raises(UserError, match="not found"):
        read_vectors(tmp_path / "other.npz")
    with pytest.raises(UserError, match=r"must be \.npz"):
        read_vectors(tmp_path / "v.txt")


def test_wrong_endings_and_damaged_files_are_one_line(tmp_path):
    np.save(tmp_path / "one.npy", VECTORS)
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(UserError, match=r"one\.npz: holds one array, but its name ends in \.npz"):
        read_vectors(tmp_path / "one.npz")
    np.savez(tmp_path / "two.npz", vectors=VECTORS)
    (tmp_path / "two.npz").rename(tmp_path / "two.npy")
    with pytest.raises(UserError, match=r"two\.npy: holds an archive of arrays, but its name ends in \.npy"):
        read_vectors(tmp_path / "two.npy")
    np.save(tmp_path / "three.npy", VECTORS)
    data = (tmp_path / "three.npy").read_bytes()
    (tmp_path / "three.npy").write_bytes(data[:20] + b"(((" + data[23:])
    with pytest.raises(UserError, match=r"three\.npy: cannot be read"):
        read_vectors(tmp_path / "three.npy")


def test_files_are_joined_with_their_documents_renumbered():
    first = VectorDocuments(VECTORS[:5], np.array([0, 0, 1, 1, 1]), ["t"] * 5, ["a", "b"], "one.npz")
    second = VectorDocuments(VECTORS[5:7], np.array([0, 1]), None, ["c", "d"], "two.npz")
    joined = join([first, second])
    assert joined.document.tolist() == [0, 0, 1, 1, 1, 2, 3] and joined.names == ["a", "b", "c", "d"]
    assert joined.texts is None and joined.file == "one.npz, two.npz"
    np.testing.assert_array_equal(joined.vectors, VECTORS[:7])
    assert join([first]) is first
    narrow = VectorDocuments(VECTORS[:2, :3], np.array([0, 1]), None, ["c", "d"], "narrow.npz")
    with pytest.raises(UserError, match=r"narrow\.npz: its vectors have 3 elements, those of one\.npz 5"):
        check_same_dim(narrow, first)


def test_text_needs_an_encoder(tmp_path):
    with pytest.raises(UserError, match=r"a\.txt\.gz: is text; name the encoder .* --embed-with"):
        read_file(tmp_path / "a.txt.gz")
    assert read_file(tmp_path / "a.JSONL", lambda path: (path.name, ["note"])) == ("a.JSONL", ["note"])
    assert read_file(write(tmp_path))[1] == []
