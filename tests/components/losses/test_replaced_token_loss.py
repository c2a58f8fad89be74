"""ReplacedTokenLoss against a plain loop. Runs on every Keras backend."""

import numpy as np
from keras import ops

from components.losses.replaced_token_loss import ReplacedTokenLoss


def test_binary_cross_entropy_of_the_tokens_that_count():
    logits = np.array([[0.3, -40.0, 2.0], [5.0, 30.0, -1.0]], "float32")
    labels, counts = np.array([[1, 0, 0], [0, 0, 1]]), np.array([[1, 1, 0], [0, 0, 1]])
    expected = []
    for row in range(2):
        tokens = zip(logits[row], labels[row], counts[row], strict=True)
        terms = [np.log1p(np.exp(-z if label else z)) for z, label, one in tokens if one]
        expected.append(np.mean(terms))
    y_pred = np.stack([logits, labels], -1).astype("float32")
    values = ops.convert_to_numpy(ReplacedTokenLoss(reduction="none")(counts, y_pred))
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    assert ops.convert_to_numpy(ReplacedTokenLoss()(np.zeros((2, 3)), y_pred)) == 0
