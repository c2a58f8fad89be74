"""Matryoshka: the mean over cut vectors, and which lengths it cuts to."""

import numpy as np
import pytest

from components.losses.info_nce import InfoNCE
from components.losses.matryoshka import Matryoshka
from tests.helpers.ranking_batch import VECTORS, T, call


def test_it_is_the_mean_over_shorter_vectors():
    short = VECTORS[..., :3] / np.linalg.norm(VECTORS[..., :3], axis=-1, keepdims=True)
    expected = (call(InfoNCE(T)) + call(InfoNCE(T), vectors=short)) / 2
    np.testing.assert_allclose(call(Matryoshka(InfoNCE(T), (3, 7))), expected, rtol=1e-4)


def test_a_learned_temperature_is_the_norm_of_the_query():
    scaled = VECTORS.copy()
    scaled[:, 0] /= T
    learned, fixed = Matryoshka(InfoNCE(1.0), (3, 7)), Matryoshka(InfoNCE(T), (3, 7))
    np.testing.assert_allclose(call(learned, vectors=scaled), call(fixed), rtol=1e-4)


@pytest.mark.parametrize(("dim", "shorter"), [(128, [32, 64]), (3, [1]), (1, [])])
def test_it_is_made_for_a_quarter_a_half_and_all_of_the_vectors(dim, shorter):
    assert Matryoshka.shorter_dims(dim) == shorter
    loss = Matryoshka.from_settings(temperature=T, margin=0.3, dim=dim)
    assert loss.dims == (*shorter, dim) and loss.loss.temperature == T
