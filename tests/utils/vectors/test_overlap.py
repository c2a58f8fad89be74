"""Documents that stand in two splits."""

import numpy as np
import pytest

from utils.vectors.data import VectorDocuments
from utils.vectors.overlap import overlaps

DIM = 24
RNG = np.random.default_rng(3)


def documents(vectors, lengths, texts=None):
    return VectorDocuments(
        vectors, np.repeat(np.arange(len(lengths)), lengths), texts, [str(n) for n in range(len(lengths))], "v"
    )


def overlap_of_test_and_training(train, test, texts=False):
    """The overlap of test and training documents."""
    other = documents(RNG.normal(size=(4, DIM)), [4], ["other"] * 4 if texts else None)
    parts = {"train": train, "validation": other, "test": test}
    return overlaps({name: (data, np.arange(len(data.names))) for name, data in parts.items()})["test", "train"]


@pytest.mark.parametrize("kind", ["float64", "float16", "bfloat16", "scaled", "noisy"])
def test_a_document_is_found_whatever_its_vectors_were_saved_as(kind):
    import ml_dtypes

    vectors = RNG.normal(size=(300, DIM))
    copies = vectors[100:150] * {"scaled": 7.0}.get(kind, 1.0)
    if kind == "noisy":
        copies = copies + 1e-4 * RNG.normal(size=copies.shape)
    elif kind == "bfloat16":
        copies = copies.astype(ml_dtypes.bfloat16)
    elif kind == "float16":
        copies = copies.astype("float16")
    test = documents(np.concatenate([RNG.normal(size=(30, DIM)), copies.astype("float64")]), [30, 50])
    shared = overlap_of_test_and_training(documents(vectors, [100, 50, 150]), test)
    assert shared.documents.tolist() == [1] and shared.others.tolist() == [1] and 40 <= shared.count <= 50


def test_excerpts_are_found_on_both_sides_and_single_sentences_are_not():
    train = RNG.normal(size=(200, DIM))
    excerpt = train[20:30]  # of a long document
    whole = np.concatenate([RNG.normal(size=(90, DIM)), train[150:160]])  # holds a short document
    mostly_new = np.concatenate([RNG.normal(size=(12, DIM)), train[:3]])
    test = documents(np.concatenate([excerpt, whole, mostly_new]), [10, 100, 15])
    shared = overlap_of_test_and_training(documents(train, [150, 10, 40]), test)
    assert shared.documents.tolist() == [0, 1] and shared.others.tolist() == [0, 1] and 20 <= shared.count <= 23


def test_sentences_of_many_documents_make_no_two_documents_the_same():
    """Each document is made of sentences that stand in others, no two of them in the same one."""
    sentences = RNG.normal(size=(100, DIM))
    train = documents(sentences, [10] * 10)
    test = documents(sentences.reshape(10, 10, DIM).transpose(1, 0, 2).reshape(100, DIM), [10] * 10)
    shared = overlap_of_test_and_training(train, test)
    assert len(shared.documents) == len(shared.others) == 0 and shared.count >= 90


def test_texts_are_compared_without_regard_to_their_form():
    """The vectors tell nothing here: they are all the same, as those of an encoder that does not know the language."""
    texts = [f"Sentence é {n}." for n in range(20)]
    changed = [f" sentence  e\u0301 {n}. " for n in range(10)]
    train = documents(np.ones((20, DIM)), [10, 10], texts)
    test = documents(np.ones((30, DIM)), [10, 10, 10], [f"new {n}" for n in range(10)] + changed + [""] * 10)
    shared = overlap_of_test_and_training(train, test, texts=True)
    assert shared.documents.tolist() == [1] and shared.others.tolist() == [0]
    assert shared.count == 10 and shared.compared == "texts"
    texts[3] = ""
    assert overlap_of_test_and_training(train, documents(np.ones((1, DIM)), [1], [""]), texts=True).count == 0


def test_only_the_documents_of_a_split_count_and_rows_that_are_left_out_do_not():
    vectors = RNG.normal(size=(40, DIM))
    vectors[20:30] = vectors[:10]
    data = documents(vectors, [10, 10, 10, 10])
    parts = {"train": (data, np.array([1, 2])), "validation": (data, np.array([3])), "test": (data, np.array([0]))}
    shared = overlaps(parts)
    assert shared["test", "train"].others.tolist() == [2] and len(shared["validation", "train"].others) == 0
    without = VectorDocuments(vectors, np.repeat([0, 1, 2], 10), None, list("abc"), "v", np.r_[:20, 30:40])
    parts = {
        "train": (without, np.array([1])),
        "validation": (without, np.array([2])),
        "test": (without, np.array([0])),
    }
    assert len(overlaps(parts)["test", "train"].documents) == 0
