"""A sequence moved on by one step."""

import numpy as np
from keras import ops

from components.previous_step import previous_step


def test_each_step_sees_the_one_before_it_and_the_first_zeros():
    x = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
    actual = ops.convert_to_numpy(previous_step(x))
    np.testing.assert_array_equal(actual[:, 1:], x[:, :-1])
    assert not actual[:, 0].any()
