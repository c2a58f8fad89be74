"""Whether initial weights are drawn as they should be."""

import numpy as np
from keras import ops


def assert_normal(weight, stddev: float) -> None:
    """Check that a large weight looks drawn from a normal distribution with mean 0 and this standard deviation."""
    values = ops.convert_to_numpy(weight).ravel()
    assert len(values) > 1_000
    assert abs(values.mean()) < 5 * stddev / len(values) ** 0.5
    np.testing.assert_allclose(values.std(), stddev, rtol=0.1)
