"""MPNet's bias by relative position: a row for each distance, from buckets of distances (values of T5's function)."""

import numpy as np

from utils.text.pretrained.config import MAX_DISTANCE
from utils.text.pretrained.layout import NUM_BUCKETS, encoder_weights


def test_each_distance_has_the_bias_of_its_bucket():
    table = np.arange(NUM_BUCKETS, dtype=np.float32)[:, None]
    weights = encoder_weights({"relative_position/table": table, "position/table": np.zeros((9, 1))}, 2)
    bias = weights["relative_position/table"][:, 0]
    assert len(bias) == 2 * MAX_DISTANCE + 1 and len(weights["position/table"]) == 7
    expected = {0: 0, -1: 1, -7: 7, -8: 8, -11: 8, -12: 9, -15: 9, -16: 10, -22: 10, -23: 11, -31: 11, -32: 12}
    expected |= {-45: 12, -46: 13, -63: 13, -64: 14, -90: 14, -91: 15, -127: 15, 1: 17, 8: 24, 64: 30, 127: 31}
    assert {distance: int(bias[distance + MAX_DISTANCE]) for distance in expected} == expected
