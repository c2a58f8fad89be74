"""Masks as numbers that are added to logits. Runs on every Keras backend."""

import numpy as np
import pytest
from keras import ops

from components.masking import masking_bias


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_two_masks_together_stay_finite(dtype):
    bias = ops.convert_to_numpy(ops.cast(masking_bias(np.array([True, False]), dtype) * 2, "float32"))
    assert bias[0] == 0 and -np.inf < bias[1] < -5e4
