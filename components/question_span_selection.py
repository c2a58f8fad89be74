"""Spans that some tokens ask for."""

import keras
from keras import ops

from components.masking import masking_bias


@keras.saving.register_keras_serializable(package="qkv_zoo")
class QuestionSpanSelection(keras.layers.Layer):
    """Bilinear scores of the start and the end of the span that each of some question tokens asks for.

        start_logit_qi = x_q^T S x_i / sqrt(hidden_dim),  end_logit_qi = x_q^T E x_i / sqrt(hidden_dim)

    The QASS layer of Ram et al. 2021, section 4.2. The division keeps the first logits small.

    Call arguments:
        inputs: float `(batch, sequence, hidden_dim)`, vectors of the tokens.
        question_places: integer `(batch, questions)`, positions of the question tokens.
        allowed: `(batch, sequence)`, True or 1 where a span can start and end.

    Returns:
        A dict of `start` and `end`, float32 logits `(batch, questions, sequence)`, -1e9 where nothing is allowed.

    Example:

    >>> layer = QuestionSpanSelection()
    >>> places, allowed = ops.zeros((2, 3), "int32"), ops.ones((2, 7), "int32")
    >>> tuple(layer(ops.ones((2, 7, 5)), places, allowed)["start"].shape)
    (2, 3, 7)
    """

    def build(self, input_shape, *_):
        self.start, self.end = (
            keras.layers.Dense(input_shape[-1], use_bias=False, dtype=self.dtype_policy, name=name)
            for name in ("start", "end")
        )
        self.start.build(input_shape)
        self.end.build(input_shape)

    def call(self, inputs, question_places, allowed):
        questions = ops.take_along_axis(inputs, question_places[:, :, None], axis=1)
        keys = ops.transpose(inputs, (0, 2, 1))
        scale = inputs.shape[-1] ** -0.5
        bias = masking_bias(ops.cast(allowed, "bool"), "float32")[:, None, :]
        return {
            name: ops.cast(ops.matmul(layer(questions), keys), "float32") * scale + bias
            for name, layer in (("start", self.start), ("end", self.end))
        }
