"""Training, validation and test documents."""

import itertools

import numpy as np
import pytest

from utils.common.errors import UserError
from utils.vectors.data import VectorDocuments
from utils.vectors.splits import (
    VectorSplit,
    hold_out_documents,
    read_splits,
    row_hashes,
    shared_vectors,
    target_rows,
)

RNG = np.random.default_rng(1)
LENGTHS = (9, 3, 7, 40, 6)
COUNT, DIM = sum(LENGTHS), 5
VECTORS = RNG.normal(size=(COUNT, DIM)).astype("float16")
DOCUMENT = np.repeat(np.arange(5), LENGTHS)


def write(folder, name, lengths, dim=DIM):
    rng = np.random.default_rng(len(lengths))
    document = np.repeat(np.arange(len(lengths)), lengths)
    np.savez(folder / name, vectors=rng.normal(size=(len(document), dim)), document=document)
    return folder / name


def test_held_out_documents_are_disjoint_and_follow_the_seed():
    held_out, others = hold_out_documents(np.arange(111), 0.2, 0)
    assert len(held_out) == 22 and sorted([*held_out, *others]) == list(range(111))
    assert held_out.tolist() == sorted(np.random.default_rng(0).permutation(111)[:22])
    assert held_out.tolist() != hold_out_documents(np.arange(111), 0.2, 1)[0].tolist()


def test_targets_have_enough_vectors_before_them():
    data = VectorDocuments(VECTORS, DOCUMENT, None, list("abcde"), "v.npz")
    assert target_rows(data, np.array([1, 4]), 2).tolist() == [11, 61, 62, 63, 64]
    assert target_rows(data, np.array([1]), 3).tolist() == []


def test_vectors_in_two_splits_are_noted():
    vectors = VECTORS.copy()
    vectors[12] = vectors[0]
    data = VectorDocuments(vectors, DOCUMENT, None, list("abcde"), "v.npz")
    parts = {name: VectorSplit(data, np.array(documents), None) for name, documents in
             (("train", [0, 1]), ("test", [2, 3]))}  # fmt: skip
    assert shared_vectors(parts) == ["1 different vectors of the test documents are in the train documents as well"]
    assert shared_vectors({**parts, "train": VectorSplit(data, np.array([1]), None)}) == []
    assert len(np.unique(row_hashes(VECTORS))) == COUNT


def test_documents_are_held_out_of_the_training_files(tmp_path):
    path = write(tmp_path, "train.npz", (7,) * 20 + (2,))
    splits = read_splits([path], validation_fraction=0.2, test_fraction=0.3, split_seed=4)
    documents = [part.documents.tolist() for part in splits.parts.values()]
    assert sorted(itertools.chain(*documents)) == list(range(21)) and [len(numbers) for numbers in documents] == [
        12,
        3,
        6,
    ]
    assert documents[2] == sorted(np.random.default_rng(4).permutation(21)[:6])
    assert splits.description("sum")["counts"] == {name: len(part.rows) for name, part in splits.parts.items()}
    assert sum(len(part.rows) for part in splits.parts.values()) == 40  # the short document has no target
    assert any("too short to predict a vector" in note for note in splits.notes)
    limited = read_splits([path], validation_fraction=0.2, test_fraction=0.3, split_seed=4, limit=5)
    assert limited.parts["train"].documents.tolist() == documents[0][:5]
    assert limited.checksum() != splits.checksum()


def test_files_of_their_own_are_whole_splits(tmp_path):
    train, test = write(tmp_path, "train.npz", (8,) * 5), write(tmp_path, "test.npz", (9, 6))
    splits = read_splits([train], test_files=[test, test], min_context=4)
    assert splits.parts["test"].documents.tolist() == [0, 1, 2, 3] and len(splits.parts["test"].rows) == 14
    assert len(splits.parts["train"].documents) == 4 and splits.parts["validation"].data is splits.parts["train"].data


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ((9, 9), "holds 2 documents, but 3 are needed, one for each split"),
        ((5, 5, 5), "no train document has more than 5 vectors, so none can be predicted"),
    ],
)
def test_files_without_enough_documents_are_one_line(tmp_path, lengths, message):
    with pytest.raises(UserError, match=message):
        read_splits([write(tmp_path, "v.npz", lengths)])
