"""What is drawn of a model of vectors: shares by place, and windows with their texts."""

import numpy as np

from models.amn import AMN
from utils.vectors.data import VectorDocuments, targets
from utils.vectors.evaluation import predict_split, samples
from utils.vectors.plots import plot_places, plot_windows
from utils.vectors.splits import VectorSplit


def test_samples_carry_their_own_texts_and_are_drawn(tmp_path):
    vectors = np.random.default_rng(1).normal(size=(30, 7)).astype("float32")
    texts = [f"text {row} costs $1 & more" for row in range(30)]
    data = VectorDocuments(vectors, np.repeat([0, 1], 15), texts, ["a", "b"], "file")
    split = VectorSplit(data, np.array([1]), targets(data, [1], 2))
    model = AMN(7, 5, encoder_dim=3, hidden_dims=(4, 4))
    model.build()
    found = predict_split(model, split, 5)
    shares, shown = samples(model, split, 5, found, np.arange(13.0) + 1)
    assert set(shares) == {"influence on the prediction", "attention"}
    for name, of in shares.items():
        np.testing.assert_allclose(of.sum(axis=1), 1, rtol=1e-3, err_msg=name)
    assert len(shown) == 4
    for window in shown:
        row = int(window["target"].split()[1])
        assert window["rank"] == row - 17 + 1
        assert window["texts"] == texts[max(15, row - 5) : row]
        assert all(len(of) == len(window["texts"]) for of in window["shares"].values())
    plot_places(shares, tmp_path / "places.png")
    plot_windows(shown, tmp_path / "windows.png")
    assert (tmp_path / "windows.png").stat().st_size > 10_000
