"""Training, validation and test documents."""

import itertools

import numpy as np
import pytest

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.vectors import splits as splits_module
from utils.vectors.data import VectorDocuments
from utils.vectors.splits import hold_out_documents, read_splits, target_rows

RNG = np.random.default_rng(1)
LENGTHS = (9, 3, 7, 40, 6)
COUNT, DIM = sum(LENGTHS), 5
VECTORS = RNG.normal(size=(COUNT, DIM)).astype("float16")
DOCUMENT = np.repeat(np.arange(5), LENGTHS)


def write(folder, name, lengths, dim=DIM):
    rng = np.random.default_rng(sum(map(ord, name)))
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


def copies(folder, name, source, documents):
    """Write a file of some documents of another one, in another number format."""
    with np.load(source) as arrays:
        kept = np.isin(arrays["document"], documents)
        np.savez(folder / name, vectors=arrays["vectors"][kept].astype("float16"), document=arrays["document"][kept])
    return folder / name


def test_documents_of_the_test_files_are_left_out_of_training_and_named(tmp_path):
    train, other = write(tmp_path, "train.npz", (8,) * 12), write(tmp_path, "other.npz", (8,) * 6)
    test = copies(tmp_path, "test.npz", train, [3, 5])
    splits = read_splits([train], test_files=[test, other])
    assert not {3, 5} & set(splits.parts["train"].documents) and len(splits.parts["test"].documents) == 8
    assert splits.notes[1] == (
        f"{test}, {other}: 2 of the 8 test documents ('3', '5') are in the train documents as well; 2 train documents are left out"
    )
    with pytest.raises(
        UserError, match=r"test\.npz: 2 of the 2 test documents \('3', '5'\) are in the training files as well, so "
    ):
        read_splits([train], test_files=[test])
    with pytest.raises(
        UserError, match=r"test\.npz: 2 of the 2 validation documents .* name other --validation-files, or none"
    ):
        read_splits([train], validation_files=[test])


def test_copies_within_the_training_files_do_not_stand_in_two_splits(tmp_path):
    train = write(tmp_path, "train.npz", (8,) * 30)
    again = copies(tmp_path, "again.npz", train, np.arange(4))
    splits = read_splits([train, again], test_fraction=0.4)
    names = {name: {part.data.names[number] for number in part.documents} for name, part in splits.parts.items()}
    assert not names["train"] & names["test"]
    assert any("are in the train documents as well; " in note and "are left out" in note for note in splits.notes)


def test_a_file_that_repeats_its_documents_is_used_and_that_is_said(tmp_path):
    train = write(tmp_path, "train.npz", (8,))
    with np.load(train) as arrays:
        np.savez(train, vectors=np.tile(arrays["vectors"], (9, 1)), document=np.repeat(np.arange(9), 8))
    splits = read_splits([train])
    assert len(splits.parts["train"].documents) == 6
    assert any("scores are not those of new documents" in note for note in splits.notes)


def test_validation_documents_that_are_scored_in_the_test_are_named(tmp_path):
    train, test = write(tmp_path, "train.npz", (8,) * 5), write(tmp_path, "test.npz", (9, 8))
    splits = read_splits([train], [test], [test])
    assert "the epoch is chosen on documents that are scored" in splits.notes[0]


def test_what_was_left_out_is_counted_for_the_results(tmp_path):
    path = write(tmp_path, "train.npz", (8,) * 12)
    with np.load(path) as arrays:
        vectors = arrays["vectors"].copy()
        vectors[10] = 0
        np.savez(path, vectors=vectors, document=arrays["document"])
    reading = Reading(0.05)
    splits = read_splits([path], reading=reading)
    counts = splits.description("sum")["reading"]["train.npz"]
    assert counts["used"] == 95 and counts["left_out"] == {"the vector is zero": 1}
    assert reading.notes == [f"{path}: 1 of 96 records left out, the vector is zero (row 10)"]
    assert sum(len(part.rows) for part in splits.parts.values()) == 12 * 3 - 1


def test_a_ranking_that_takes_long_is_named(tmp_path, monkeypatch):
    path = write(tmp_path, "train.npz", (8,) * 12)
    assert not read_splits([path]).notes
    monkeypatch.setattr(splits_module, "MANY_PAIRS", 6 * 16 - 1)
    validation_note, note = read_splits([path]).notes
    assert "--validation-files with fewer documents" in validation_note
    assert "ranking 6 test targets among 16 vectors takes long; a smaller --test-fraction takes less" in note


def test_numbers_that_files_share_are_different_documents_and_that_is_said(tmp_path):
    one, two = write(tmp_path, "one.npz", (7,) * 6), write(tmp_path, "two.npz", (7,) * 8)
    splits = read_splits([one, two])
    assert sum(len(part.documents) for part in splits.parts.values()) == 14
    (note,) = [note for note in splits.notes if "in common" in note]
    assert (
        note.startswith(f"{one}, {two}: have 6 numbers of documents in common ('0', '1'")
        and "different documents" in note
    )
    assert not any("in common" in note for note in read_splits([one]).notes)
