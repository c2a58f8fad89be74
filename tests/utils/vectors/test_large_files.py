"""Vectors that do not fit into memory: mapped from `.npz`, of several files, with outputs on the disk."""

import os

import numpy as np
import pytest

from tests.helpers.vector_files import COUNT, DOCUMENT, VECTORS, read, save_npy, save_npz
from utils.common import archives, scratch
from utils.common.errors import UserError
from utils.common.scratch import scratch_array
from utils.vectors import answering, evaluation, joined
from utils.vectors.answering import VectorsAnswerer
from utils.vectors.data import as_documents, join
from utils.vectors.evaluation import steps_ahead
from utils.vectors.joined import JoinedVectors
from utils.vectors.splits import VectorSplit, target_rows


def is_mapped(array):
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = array.base if isinstance(array, np.ndarray) else None
    return False


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_an_archive_are_mapped(tmp_path, monkeypatch, order):
    path = save_npz(tmp_path, vectors=np.asarray(VECTORS, order=order), texts=np.array(["é"] * COUNT))
    in_memory = read(path)[0]
    monkeypatch.setattr(archives, "MIN_MAPPED_BYTES", 100)
    mapped = read(path)[0]
    assert is_mapped(mapped.vectors) and not is_mapped(in_memory.vectors)
    np.testing.assert_array_equal(mapped.vectors, VECTORS)
    np.testing.assert_array_equal(mapped.document, in_memory.document)
    np.savez_compressed(path, vectors=VECTORS, document=DOCUMENT)
    assert not is_mapped(read(path)[0].vectors)


def test_a_damaged_array_is_found_before_it_is_mapped(tmp_path, monkeypatch):
    path = save_npz(tmp_path)
    content = bytearray(path.read_bytes())
    content[400] ^= 255
    path.write_bytes(content)
    messages = []
    for size in (10**9, 100):
        monkeypatch.setattr(archives, "MIN_MAPPED_BYTES", size)
        with pytest.raises(UserError, match="cut off or damaged") as error:
            read(path)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_files_are_joined_without_a_copy(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    files = [
        read(save_npy(tmp_path / "a"))[0],
        read(save_npy(tmp_path / "b", VECTORS[:20].astype("float32"), DOCUMENT[:20]))[0],
    ]
    copied = join(files)
    monkeypatch.setattr(joined, "MAX_BYTES_IN_MEMORY", 100)
    kept = join(files)
    assert isinstance(kept.vectors, JoinedVectors) and isinstance(copied.vectors, np.ndarray)
    assert (kept.dim, kept.count, kept.vectors.dtype, kept.vectors.nbytes) == (
        copied.dim, copied.count, copied.vectors.dtype, copied.vectors.nbytes)  # fmt: skip
    rows = np.random.default_rng(0).integers(0, COUNT + 20, (4, 9))
    np.testing.assert_array_equal(kept.take(rows), copied.take(rows))
    np.testing.assert_array_equal(kept.vectors[COUNT - 3 : COUNT + 4], copied.vectors[COUNT - 3 : COUNT + 4])
    np.testing.assert_array_equal(kept.vectors[:], copied.vectors)


class LinearModel:
    """Predicts the last vector, turned; its query is the first one."""

    def predict_on_batch(self, inputs):
        vectors = inputs["vectors"]
        return {"predicted": vectors[:, -1, ::-1] + vectors.mean(axis=1), "query": vectors[:, -2]}


def some_documents():
    rng = np.random.default_rng(0)
    return as_documents([rng.choice([-1.0, 1.0], (length, 4)) for length in (9, 31, 12, 3)])


def test_outputs_and_searches_in_blocks(monkeypatch):
    documents, answerer = some_documents(), VectorsAnswerer(LinearModel(), 5, 4)
    rows = target_rows(documents, np.arange(4), 2)
    split = VectorSplit(documents, np.arange(4), rows)

    def results():
        return (answerer.predict_rows(documents, rows), answerer.nearest(documents, range(0, 55, 3), 4),
                steps_ahead(answerer, split, 3))  # fmt: skip

    outputs, nearest, ahead = results()
    assert not any(map(is_mapped, outputs.values()))
    monkeypatch.setattr(scratch, "MAX_BYTES_IN_MEMORY", 10)
    for size in (1, 7, 50):
        monkeypatch.setattr(answering, "CANDIDATES_AT_ONCE", size)
        for module in (answering, evaluation):
            monkeypatch.setattr(module, "contexts_at_once", lambda *_, size=size: size)
        monkeypatch.setattr(evaluation, "ROWS_AT_ONCE", size)
        mapped, nearest_in_blocks, ahead_in_blocks = results()
        assert all(map(is_mapped, mapped.values()))
        assert nearest_in_blocks == nearest and ahead_in_blocks == ahead
        for name, values in outputs.items():
            np.testing.assert_array_equal(mapped[name], values)


def test_nearest_rows_against_a_sort(monkeypatch):
    monkeypatch.setattr(answering, "CANDIDATES_AT_ONCE", 11)
    documents, answerer = some_documents(), VectorsAnswerer(LinearModel(), 5, 4)
    for answer in answerer.nearest(documents, range(documents.count), 6):
        row = answer["row"]
        query = answerer.predict_rows(documents, np.array([row]), include_row=True)["query"][0]
        similarity = documents.take(np.arange(documents.count)) @ query
        start = documents.starts[documents.document[row]]
        similarity[max(start, row + 1 - answering.EXCLUSION) : row + 1] = -np.inf
        in_document = np.where(documents.document == documents.document[row], similarity, -np.inf)
        for name, values in (("nearest", similarity), ("nearest_in_document", in_document)):
            order = [other for other in np.argsort(-values, kind="stable")[:6] if np.isfinite(values[other])]
            assert [neighbour["row"] for neighbour in answer[name]] == order
            assert [neighbour["similarity"] for neighbour in answer[name]] == pytest.approx(values[order].tolist())


def test_no_room_for_results_is_one_line(monkeypatch):
    monkeypatch.setattr(scratch, "MAX_BYTES_IN_MEMORY", 0)

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(scratch.os, "posix_fallocate", full)
    with pytest.raises(UserError, match=r"no room for 1 MiB of results \(No space left on device\); name .* TMPDIR"):
        scratch_array((2**18,))
