"""MaskedWordHead by hand. Runs on every Keras backend."""

import math

import numpy as np
from keras import ops

from components.masked_word_head import MaskedWordHead


def test_logits_at_the_places():
    rng = np.random.default_rng(0)
    x, embeddings = rng.normal(size=(2, 5, 4)).astype("float32"), rng.normal(size=(9, 4)).astype("float32")
    places = np.array([[4, 1], [0, 0]], "int32")
    layer = MaskedWordHead(9)
    layer.build(x.shape)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
    weights = {weight.path.split("/", 1)[-1]: ops.convert_to_numpy(weight) for weight in layer.weights}
    kernel, bias = (weights[f"transform/{name}"] for name in ("kernel", "bias"))
    gamma, beta = (weights[f"norm/{name}"] for name in ("gamma", "beta"))
    logits = ops.convert_to_numpy(layer(x, places, embeddings))
    for row in range(2):
        for number, place in enumerate(places[row]):
            h = x[row, place] @ kernel + bias
            h = h * (1 + np.array([math.erf(value / math.sqrt(2)) for value in h])) / 2
            h = gamma * (h - h.mean()) / np.sqrt(h.var() + 1e-6) + beta
            np.testing.assert_allclose(logits[row, number], embeddings @ h + weights["bias"], rtol=1e-3, atol=1e-3)
