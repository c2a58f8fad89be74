"""Files of NumPy arrays."""

import ml_dtypes
import numpy as np
import pytest

from tests.helpers.vector_files import COUNT, DOCUMENT, LENGTHS, VECTORS, read, save_npy, save_npz
from utils.common.errors import UserError

ROWS = np.array([4, 60])


def unit(vectors):
    vectors = np.asarray(vectors, "float32")
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize(
    "kind", ["float16", "float32", "float64", "longdouble", ">f4", ">f8", "<f2", "bfloat16", "int8", ">i4", "fortran"]
)
@pytest.mark.parametrize("save", [save_npz, save_npy])
def test_numbers_of_any_kind_give_the_same_unit_vectors(tmp_path, save, kind):
    vectors = VECTORS.astype("float32")
    if kind == "bfloat16":
        vectors = vectors.astype(ml_dtypes.bfloat16)
    elif "i" in kind:
        vectors = (20 * vectors).astype(kind)
    else:
        vectors = np.asfortranarray(vectors) if kind == "fortran" else vectors.astype(kind)
    data, notes = read(save(tmp_path, vectors=vectors))
    np.testing.assert_allclose(data.take(ROWS), unit(vectors[ROWS].astype("float32")), rtol=1e-5)
    assert isinstance(data.vectors, np.memmap) == (save is save_npy)
    assert len(notes) == ("i" in kind) or kind == "bfloat16"
    if kind == "int8":
        assert notes == [
            "takes its int8 numbers as they are; if they were quantised with an offset or are packed bits, save floats"
        ]


@pytest.mark.parametrize(
    ("document", "names"),
    [
        (DOCUMENT.astype("uint64"), ["7", "3", "11", "2", "5"]),
        (DOCUMENT.astype(">i8") - 9, ["-2", "-6", "2", "-7", "-4"]),
        (DOCUMENT.astype("float64"), ["7", "3", "11", "2", "5"]),
        (np.char.add("doc", DOCUMENT.astype(str)), ["doc7", "doc3", "doc11", "doc2", "doc5"]),
        (np.char.encode(np.char.add("é", DOCUMENT.astype(str)), "utf-8"), ["é7", "é3", "é11", "é2", "é5"]),
    ],
)
def test_documents_of_any_kind_keep_their_order(tmp_path, document, names):
    data, _ = read(save_npz(tmp_path, document=document))
    assert data.names == names and data.starts.tolist() == [0, 9, 12, 19, 59, 65]


def test_texts_and_names_of_documents(tmp_path):
    texts = np.array([f"text {row}" for row in range(COUNT)])
    names = np.repeat(["a", "b", "c", "d", "e"], LENGTHS)
    data, notes = read(save_npz(tmp_path, texts=texts, names=names))
    assert data.names == list("abcde") and data.texts[64] == "text 64" and notes == []
    data, _ = read(save_npz(tmp_path, texts=np.char.encode(texts), names=names))
    assert data.texts[64] == "text 64"


def test_other_names_of_arrays_are_known_and_said(tmp_path):
    data, notes = read(save_npz(tmp_path, vectors=None, document=None, embeddings=VECTORS, doc_ids=DOCUMENT))
    assert data.count == COUNT and notes == ["takes its array 'embeddings' as vectors, 'doc_ids' as document"]


def test_names_or_ids_stand_in_for_documents(tmp_path):
    data, notes = read(save_npz(tmp_path, document=None, title=DOCUMENT.astype(str), id=np.arange(COUNT)))
    assert data.names == ["7", "3", "11", "2", "5"] and notes == [
        "takes its array 'title' as names, 'title' as document"
    ]
    data, notes = read(save_npz(tmp_path, document=None, id=DOCUMENT))
    assert data.names == ["7", "3", "11", "2", "5"] and notes == ["takes its array 'id' as document"]
    with pytest.raises(UserError, match="has another `id` for each vector; add a column `document`"):
        read(save_npz(tmp_path, document=None, id=np.arange(COUNT)))


def test_arrays_without_names_are_told_by_their_shapes(tmp_path):
    np.savez(tmp_path / "v.npz", DOCUMENT, VECTORS)
    data, notes = read(tmp_path / "v.npz")
    assert data.names == ["7", "3", "11", "2", "5"] and notes == [
        "takes its array 'arr_1' as vectors, 'arr_0' as document"
    ]
    np.savez(tmp_path / "v.npz", VECTORS, DOCUMENT, DOCUMENT)
    with pytest.raises(
        UserError, match=r"its arrays have no names \(arr_0 float16 \(65, 5\), .*vectors=\.\.\., document="
    ):
        read(tmp_path / "v.npz")


def test_python_objects_are_never_unpickled_and_get_a_remedy_of_their_own(tmp_path):
    with pytest.raises(UserError, match=r"its array vectors holds Python objects, .* save it as np\.stack\(vectors\)"):
        read(save_npz(tmp_path, vectors=VECTORS.astype(object)))
    with pytest.raises(
        UserError, match=r"its array document holds Python objects, .* save it as np\.array\(document, str\)"
    ):
        read(save_npz(tmp_path, document=DOCUMENT.astype(object)))
    for place in ("vectors", "document"):
        with pytest.raises(UserError, match=f"its array {place} holds Python objects"):
            read(save_npy(tmp_path, **{place: np.array([None] * COUNT)}))
    data, notes = read(save_npz(tmp_path, texts=np.array(["a"] * COUNT, object)))
    assert data.texts is None and data.count == COUNT
    assert notes == [
        "its array texts holds Python objects, which are never unpickled; save it as np.array(texts, str); it is left out"
    ]


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"document": None}, "has no array document, but 'vectors'"),
        ({"vectors": None, "document": None, "a": VECTORS}, "has no array vectors nor document, but 'a'"),
        ({"document": DOCUMENT[:-1]}, r"document is int64 \(64,\)"),
        ({"document": DOCUMENT[:, None]}, r"document is int64 \(65, 1\)"),
        ({"document": DOCUMENT > 5}, "document is bool"),
        ({"document": DOCUMENT / 2}, "document holds 3.5; it must hold ids"),
        ({"document": np.full(COUNT, np.inf)}, "document holds inf"),
        ({"vectors": VECTORS[0]}, r"float16 \(5,\); they must be numbers \(count, dim\)"),
        ({"vectors": VECTORS[:60].reshape(4, 15, 5)}, r"save vectors\.reshape\(-1, 5\) and a document for each row"),
        ({"vectors": np.abs(9 * VECTORS).astype("uint8")}, "vectors are uint8, as packed bits"),
        ({"vectors": VECTORS > 0}, "vectors are bool, as packed bits"),
        ({"vectors": VECTORS.astype(complex)}, "vectors are complex128; save them as"),
        ({"vectors": VECTORS.astype(str)}, r"vectors are <U\d+; save them as vectors\.astype"),
        ({"texts": np.array(["a"])}, "has 1 texts for 65 vectors"),
        ({"texts": np.array("hello")}, "has 1 texts for 65 vectors"),
        ({"position": np.array(["a"] * COUNT)}, "its positions are <U1; they must be numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_one_line(tmp_path, replaced, message):
    with pytest.raises(UserError, match=message):
        read(save_npz(tmp_path, **replaced))


def test_texts_that_are_no_characters_are_one_line(tmp_path):
    broken = np.array(["a"] * COUNT)
    broken.view("u4")[3] = 2**31
    with pytest.raises(UserError, match="its array document holds what is no character"):
        read(save_npz(tmp_path, document=broken))


def test_vectors_without_documents_beside_them_get_advice(tmp_path):
    path = save_npy(tmp_path)
    with pytest.raises(UserError, match=r"holds documents; name the file of their vectors, v\.npy"):
        read(tmp_path / "v.document.npy")
    (tmp_path / "v.document.npy").unlink()
    with pytest.raises(
        UserError, match=r"not which document each belongs to; save that beside it with np\.save\('v\.document\.npy'"
    ):
        read(path)


def test_damaged_and_compressed_files_are_one_line(tmp_path):
    import gzip

    whole = save_npz(tmp_path).read_bytes()
    (tmp_path / "v.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path / "v.npz")
    path = save_npy(tmp_path)
    whole = path.read_bytes()
    for damaged in (whole[:-100], whole[:20] + b"(((" + whole[23:]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"v\.npy: cannot be read"):
            read(path)
    path.write_bytes(gzip.compress(whole))
    with pytest.raises(UserError, match="is a compressed array; unpack it"):
        read(path)


def test_the_content_tells_the_format_whatever_the_name(tmp_path):
    path = save_npy(tmp_path)
    path.rename(tmp_path / "v.npz")
    assert read(tmp_path / "v.npz")[0].count == COUNT
    save_npz(tmp_path).rename(tmp_path / "v.dat")
    assert read(tmp_path / "v.dat")[0].count == COUNT
