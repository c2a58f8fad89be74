"""Weights are stored small in a file that Keras reads by itself."""

import io
import zipfile

import h5py
import keras
import numpy as np
import pytest

from models import load_model, model_classes
from models.kv_memnet import KVMemNet
from utils.training.small_weights import rounded, store_small

pytestmark = pytest.mark.tensorflow(reason="files are written and read without the backend")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model of 13,441 weights, and its file as Keras writes it."""
    model = KVMemNet(vocabulary_size=101, hidden_dim=6, num_buckets=4_271)
    model.build()
    file = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(file)
    return model, file


def weights_of(model):
    return {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights}


@pytest.mark.parametrize("step", [None, 1 / 16, 1 / 2])
def test_a_small_file_is_read_by_keras_and_by_this_project(saved, tmp_path, step):
    model, file = saved
    small = tmp_path / "small.keras"
    store_small(file, small, step)
    model_classes()
    read_by_keras, read = weights_of(keras.saving.load_model(small)), weights_of(load_model(small))
    for path, value in weights_of(model).items():
        expected = value if value.ndim < 2 else (rounded(value, step) if step else value).astype(np.float16)
        np.testing.assert_array_equal(read[path], expected)
        np.testing.assert_array_equal(read_by_keras[path], expected)
        assert read[path].dtype == np.float32


def test_a_coarser_grid_is_smaller(saved, tmp_path):
    _, file = saved
    sizes = [file.stat().st_size]
    for step in (None, 1 / 16, 1 / 4, 1):
        store_small(file, tmp_path / "small.keras", step)
        sizes.append((tmp_path / "small.keras").stat().st_size)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[1] < 0.52 * sizes[0] and sizes[3] < 0.25 * sizes[0]


def test_equal_weights_give_equal_files(saved, tmp_path):
    _, file = saved
    for name in ("a.keras", "b.keras"):
        store_small(file, tmp_path / name, 1 / 4)
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    times = []
    weights.visititems(lambda _, entry: times.append(h5py.h5o.get_info(entry.id).ctime))
    assert times and set(times) == {0}


def test_values_move_by_half_a_step_at_most():
    values = np.random.default_rng(0).normal(0, 0.3, (61, 53)).astype(np.float32)
    for step in (1 / 16, 1 / 4):
        grid = 2.0 ** round(np.log2(step * np.sqrt(np.mean(values**2))))
        small = rounded(values, step)
        assert np.abs(small - values).max() <= grid / 2
        np.testing.assert_array_equal(small / grid, np.round(small / grid))
        np.testing.assert_array_equal(small, small.astype(np.float16))


def test_zeros_and_numbers_beyond_float16_stay(tmp_path, saved):
    model, _ = saved
    changed = KVMemNet.from_config(model.get_config())
    changed.build()
    learned, fixed = (weight for weight in changed.weights if len(weight.shape) == 2)
    learned.assign(np.zeros(learned.shape))
    fixed.assign(np.full(fixed.shape, 1e6 + 1))
    changed.save(tmp_path / "model.keras")
    store_small(tmp_path / "model.keras", tmp_path / "small.keras", 1 / 2)
    for path, value in weights_of(load_model(tmp_path / "small.keras")).items():
        np.testing.assert_array_equal(value, weights_of(changed)[path])


def test_a_file_that_is_no_model_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("evil", "1")
    with pytest.raises(ValueError, match="nothing else"):
        store_small(tmp_path / "model.keras", tmp_path / "small.keras")
    assert not (tmp_path / "small.keras").exists()
