"""The largest size of an exported model's inputs is said, in the place of an error from inside."""

import keras
import numpy as np
import pytest

from models.text_encoder import TextEncoder
from utils.training.export import export_saved_model

AXES = {"token_ids": ("batch", "sequence"), "padding_mask": ("batch", "sequence")}
ENCODER = {
    "vocabulary_size": 11,
    "hidden_dim": 6,
    "num_layers": 1,
    "num_heads": 2,
    "intermediate_dim": 5,
    "max_length": 9,
}


def ones(length):
    import tensorflow as tf

    return dict.fromkeys(AXES, tf.ones((2, length), "int32"))


def test_an_input_that_is_too_long_is_told_the_bound(tmp_path):
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = TextEncoder(ENCODER)
    model.build()
    export_saved_model(model, tmp_path / "saved", AXES, max_sizes={"sequence": 9})
    served = tf.saved_model.load(str(tmp_path / "saved"))
    expected = model({name: np.ones((2, 9), "int32") for name in AXES})
    np.testing.assert_allclose(served.serve(ones(9)), np.asarray(expected), atol=1e-5)
    bound = "is longer than 9, the most" if keras.backend.backend() == "tensorflow" else "sequence <= 9"
    with pytest.raises(tf.errors.InvalidArgumentError, match=bound):
        served.serve(ones(10))
