"""A weighted mean over the last elements of a sequence, with learned weights by distance from its end."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="engram")
class RecencyMean(keras.layers.Layer):
    """`sum_j w_j x_j`, with weights learned for each distance j from the end.

    Without `signed`, `w = softmax_j(a_j)` over the elements that there are. With it `w_j = a_j`, which may be negative: what has
    been said already can be subtracted.

    Args:
        context_length: longest sequence.
        decay: how fast weights fall at the start: `a_j = -decay j`, or with `signed` the softmax of that.
        less: with `signed`, subtracted from each weight at the start, divided by `context_length`.
        signed: whether weights may be negative, and need not sum to 1.

    Call arguments: inputs `(batch, context, dim)`; padding_mask `(batch, context)`, True or 1 where there is an element; shift
    `(batch, context)`, added to each element's `a_j`, or None. Elements stand at the end, padding before them.

    Output: `(batch, dim)`.
    """

    def __init__(self, context_length, decay=0.2, less=0.0, signed=False, **kwargs):
        super().__init__(**kwargs)
        self.context_length = context_length
        self.decay = decay
        self.less = less
        self.signed = signed

    def build(self, *_):
        start = -self.decay * ops.arange(self.context_length - 1, -1, -1, dtype="float32")
        if self.signed:
            start = ops.softmax(start) - self.less / self.context_length
        start = ops.convert_to_numpy(start)
        self.weights_by_distance = self.add_weight(
            name="weights_by_distance", shape=(self.context_length,), initializer=lambda *_, **__: start
        )

    def call(self, inputs, padding_mask, shift=None):
        length = ops.shape(inputs)[1]
        weights, there = self.weights_by_distance[self.context_length - length :], ops.cast(padding_mask, "float32")
        weights = weights if shift is None else weights + shift
        weights = weights * there if self.signed else ops.softmax(weights + (there - 1) * 1e9, axis=-1)
        return ops.einsum("bc,bcd->bd", ops.cast(weights, inputs.dtype), inputs)

    def compute_output_shape(self, inputs_shape, padding_mask_shape=None, shift_shape=None):
        return inputs_shape[0], inputs_shape[2]

    def get_config(self):
        return {
            **super().get_config(),
            "context_length": self.context_length,
            "decay": self.decay,
            "less": self.less,
            "signed": self.signed,
        }
