"""The demo data of the task."""

import numpy as np
import pytest

from utils.vectors.demo import demo_vectors, hashed_words


def test_hashed_words_share_what_texts_share():
    a, b, c = hashed_words(["The cat sat.", "the cat ran", "seven green ideas"], 64)
    assert a @ a == pytest.approx(1) and a @ b > 0.3 > abs(a @ c)


def test_a_document_is_a_passage_and_a_row_a_sentence():
    data = demo_vectors(0)
    assert len(data.texts) == len(data.vectors) == data.starts[-1] and len(data.names) == data.document[-1] + 1
    assert [data.texts[start] for start in data.starts[:3]] == data.names[:3]
    np.testing.assert_allclose(np.linalg.norm(data.vectors, axis=1), 1, rtol=1e-5)
