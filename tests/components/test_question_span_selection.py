"""QuestionSpanSelection by hand. Runs on every Keras backend."""

import numpy as np
from keras import ops

from components.question_span_selection import QuestionSpanSelection


def test_bilinear_scores_of_each_question():
    rng = np.random.default_rng(0)
    x, places = rng.normal(size=(2, 7, 4)).astype("float32"), np.array([[1, 3, 0], [6, 6, 2]], "int32")
    allowed = np.array([[0, 1, 1, 1, 1, 1, 0], [1] * 7], "int32")
    layer = QuestionSpanSelection()
    outputs = layer(x, places, allowed)
    for name, kernel in zip(("start", "end"), layer.get_weights(), strict=True):
        logits = ops.convert_to_numpy(outputs[name])
        for row in range(2):
            for number, place in enumerate(places[row]):
                for token in range(7):
                    expected = x[row, place] @ kernel @ x[row, token] / 2 if allowed[row, token] else -1e9
                    np.testing.assert_allclose(logits[row, number, token], expected, rtol=1e-4, atol=1e-5)
