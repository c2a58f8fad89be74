"""BM25's weights of words, with parameters that are learned."""

import math

import keras
from keras import ops

K1, B = 1.5, 0.75
"""The parameters of `utils.ranking.bm25.BM25`, from which training starts."""
RATE = 50.0
"""How many times as fast the parameters move as the weights of an encoder from scratch: there are few, and they have far to go."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class LexicalWeights(keras.layers.Layer):
    """Weights of words whose sum over the words that a question and a text share is a learned BM25 (Robertson and Zaragoza 2009).

        score(q, d) = s sum_w f_q(w) idf(w)^p  f_d(w) / (f_d(w) + k1 (1 - b + b |d| / mean |d|))

    with f the number of times that a text has the word w. The parameters s, p, k1 and b are learned; with their first values
    (p = 1, k1 = 1.5, b = 0.75) texts rank as BM25 ranks them. The score is an inner product of two vectors with a number for each
    word, so that every loss for vectors can train it.

    Args:
        scale: float, the first value of s.
        rate: float, how many times as fast the parameters move as other weights under the same optimizer.

    Call arguments:
        question_counts: float `(batch, words)`, f_q.
        idf: float `(batch, words)`, the same in each row.
        text_counts: float `(batch, slots, words)`, f_d.
        text_lengths: float `(batch, slots)`, |d| / mean |d|.

    Returns:
        float32 `(batch, words)` for the questions, and `(batch, slots, words)` for the texts.

    Example:
        >>> counts = ops.ones((2, 5))
        >>> questions, texts = LexicalWeights()(counts, counts, ops.ones((2, 3, 5)), ops.ones((2, 3)))
        >>> tuple(questions.shape), tuple(texts.shape)
        ((2, 5), (2, 3, 5))
    """

    def __init__(self, scale=0.2, rate=RATE, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.rate = rate
        self.autocast = False

    def build(self, *_):
        # The logarithms of s, p and k1, and the logit of b, each as a difference from its first value, divided by the rate.
        self.parameters = self.add_weight(
            name="parameters", shape=(4,), initializer="zeros", dtype="float32", autocast=False
        )
        self.built = True

    def values(self):
        """Return s, p, k1 and b, each a float32 scalar."""
        scale, power, k1, b = ops.unstack(self.rate * self.parameters, 4)
        return self.scale * ops.exp(scale), ops.exp(power), K1 * ops.exp(k1), ops.sigmoid(b + math.log(B / (1 - B)))

    def call(self, question_counts, idf, text_counts, text_lengths):
        scale, power, k1, b = self.values()
        question_counts, idf, text_counts, text_lengths = (
            ops.cast(array, "float32") for array in (question_counts, idf, text_counts, text_lengths)
        )
        questions = scale * question_counts * ops.power(ops.maximum(idf, 1e-6), power)
        texts = text_counts / (text_counts + k1 * (1 - b + b * text_lengths)[..., None])
        return questions, texts

    def compute_output_shape(self, question_counts_shape, idf_shape, text_counts_shape, text_lengths_shape):
        return question_counts_shape, text_counts_shape

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "rate": self.rate}
