"""Files of vectors, windows, batches, splits."""

import numpy as np
import pytest

from utils.common.errors import UserError
from utils.vectors.data import (
    VectorDocuments,
    answers,
    duplicates,
    read_vectors,
    row_hashes,
    split_documents,
    targets,
    training_batches,
    windows,
)
from utils.vectors.splits import hashed_words

RNG = np.random.default_rng(1)
LENGTHS = (9, 3, 7, 40, 6)
COUNT, DIM = sum(LENGTHS), 5
VECTORS = RNG.normal(size=(COUNT, DIM)).astype("float16")
DOCUMENT = np.repeat([7, 3, 11, 2, 5], LENGTHS)


def write(folder, kind="npz", **changed):
    arrays = {"vectors": VECTORS, "document": DOCUMENT} | changed
    if kind == "npz":
        np.savez(folder / "v.npz", **{name: array for name, array in arrays.items() if array is not None})
        return folder / "v.npz"
    np.save(folder / "v.npy", arrays["vectors"])
    np.save(folder / "v.document.npy", arrays["document"])
    return folder / "v.npy"


@pytest.fixture
def data(tmp_path):
    return read_vectors(write(tmp_path))


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_documents_are_numbered_in_their_order_and_vectors_have_unit_norm(tmp_path, kind):
    data = read_vectors(write(tmp_path, kind))
    assert data.names == ["7", "3", "11", "2", "5"] and data.starts.tolist() == [0, 9, 12, 19, 59, 65]
    assert isinstance(data.vectors, np.memmap) == (kind == "npy")
    found, expected = data.take(np.array([4, 60])), VECTORS[[4, 60]].astype("float32")
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-5)


def changed(row, value):
    vectors = VECTORS.copy()
    vectors[row] = value
    return {"vectors": vectors}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed(17, 0), "row 17: the vector is zero"),
        (changed((31, 2), np.nan), "row 31: the vector is not finite"),
        (changed((31, 2), np.inf), "row 31: the vector is not finite"),
        ({"document": None}, "has no array document"),
        ({"document": DOCUMENT[:-1]}, r"document is int64 \(64,\)"),
        ({"document": DOCUMENT * 1.0}, "must be one whole number"),
        ({"document": np.where(np.arange(COUNT) == 30, 7, DOCUMENT)}, "row 30: document 7 began before"),
        ({"vectors": VECTORS[0]}, r"float16, float32 or float64 \(count, dim\)"),
        ({"vectors": (VECTORS * 9).astype(int)}, r"float16, float32 or float64 \(count, dim\)"),
        ({"texts": np.array(["a"])}, "has 1 texts for 65 vectors"),
        ({"texts": np.array("hello")}, "has 1 texts for 65 vectors"),
        ({"texts": np.array(["a"] * COUNT, object)}, "give texts as np.array"),
        ({"vectors": VECTORS.astype("float32") * np.float32(1e30)}, "row 0: the vector has numbers of size .*e[+]30"),
        ({"vectors": VECTORS.astype(np.longdouble)}, "must be float16, float32 or float64"),
    ],
)
def test_bad_files_are_told(tmp_path, change, words):
    with pytest.raises(UserError, match=words):
        read_vectors(write(tmp_path, **change))


def test_files_that_are_cut_off_or_absent_are_told(tmp_path):
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


def test_windows_end_before_the_target_and_never_cross_a_border(data):
    rows = targets(data, np.arange(5), 2)
    assert len(rows) == sum(length - 2 for length in LENGTHS)
    made = windows(data, rows, 4)
    for row, vectors, mask in zip(rows, made["vectors"], made["padding_mask"], strict=True):
        start = data.starts[data.document[row]]
        seen = np.arange(max(start, row - 4), row)
        assert mask.tolist() == [0] * (4 - len(seen)) + [1] * len(seen)
        np.testing.assert_array_equal(vectors[4 - len(seen) :], data.take(seen))
        assert not vectors[: 4 - len(seen)].any()


def test_answers_hold_vector_document_and_place(data):
    found = answers(data, np.array([5, 20]))
    np.testing.assert_array_equal(found[:, :DIM], data.take(np.array([5, 20])))
    assert found[:, DIM:].tolist() == [[0, 5], [3, 1]]


def test_batches_hold_every_target_once_an_epoch_and_are_the_same_from_any_step(data):
    rows = targets(data, np.array([0, 2, 3]), 2)
    steps, batches = 4, training_batches(data, rows, 4, 13, 5, 0)
    first = [next(batches) for _ in range(3 * steps)]
    for epoch in range(3):
        seen = np.concatenate([wanted[:, DIM:] for _, wanted in first[epoch * steps : (epoch + 1) * steps]])
        assert sorted(map(tuple, seen)) == sorted(map(tuple, answers(data, rows)[:, DIM:]))
    assert not np.array_equal(first[0][1], first[steps][1])
    for step in (1, 4, 6):
        np.testing.assert_array_equal(next(training_batches(data, rows, 4, 13, 5, step))[1], first[step][1])


def test_batches_hold_several_targets_of_a_document():
    document = np.repeat(np.arange(50), 40)
    data = VectorDocuments(RNG.normal(size=(2000, 3)), document, None, [""] * 50, "")
    _, wanted = next(training_batches(data, targets(data, np.arange(50), 5), 4, 64, 0, 0))
    assert len(np.unique(wanted[:, 3])) <= 6


def test_held_out_documents_are_disjoint_and_follow_the_seed():
    held, others = split_documents(np.arange(111), 0.2, 0)
    assert len(held) == 22 and sorted([*held, *others]) == list(range(111))
    assert held.tolist() == sorted(np.random.default_rng(0).permutation(111)[:22])
    assert held.tolist() != split_documents(np.arange(111), 0.2, 1)[0].tolist()


def test_vectors_in_two_splits_are_told(data):
    vectors = data.vectors.copy()
    vectors[12] = vectors[0]
    twice = VectorDocuments(vectors, data.document, None, data.names, "v.npz")
    parts = {"train": (twice, np.array([0, 1])), "test": (twice, np.array([2, 3]))}
    assert duplicates(parts) == ["1 different vectors of the test documents stand in the train documents as well"]
    assert duplicates({**parts, "train": (twice, np.array([1]))}) == []
    assert len(np.unique(row_hashes(VECTORS))) == COUNT


def test_hashed_words_share_what_texts_share():
    a, b, c = hashed_words(["The cat sat.", "the cat ran", "seven green ideas"], 64)
    assert a @ a == pytest.approx(1) and a @ b > 0.3 > abs(a @ c)


def test_files_under_another_ending_and_damaged_ones_are_told(tmp_path):
    np.save(tmp_path / "one.npy", VECTORS)
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(UserError, match=r"one\.npz: is one array under another ending"):
        read_vectors(tmp_path / "one.npz")
    np.savez(tmp_path / "two.npz", vectors=VECTORS)
    (tmp_path / "two.npz").rename(tmp_path / "two.npy")
    with pytest.raises(UserError, match=r"two\.npy: is an archive of arrays under another ending"):
        read_vectors(tmp_path / "two.npy")
    np.save(tmp_path / "three.npy", VECTORS)
    data = (tmp_path / "three.npy").read_bytes()
    (tmp_path / "three.npy").write_bytes(data[:20] + b"(((" + data[23:])
    with pytest.raises(UserError, match=r"three\.npy: can not be read"):
        read_vectors(tmp_path / "three.npy")
