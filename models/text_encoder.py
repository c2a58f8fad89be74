"""TextEncoder: a text as one vector."""

import keras
from keras import ops

from components.bert_encoder import BertEncoder


@keras.saving.register_keras_serializable(package="engram")
class TextEncoder(keras.Model):
    """The mean of a pretrained encoder's token vectors, of unit norm (Reimers and Gurevych 2019, Sentence-BERT, section 3).

    Its weights start random; `utils.pretrained.assign` gives its `encoder` those of a published checkpoint.

    Args:
        encoder: the constructor arguments of `components.bert_encoder.BertEncoder`, a dict.

    Inputs, a dict of integers `(batch, sequence)`: `token_ids`; `padding_mask`, 1 for a real token, the special ones included.

    Output: float32 `(batch, hidden_dim)`.
    """

    def __init__(self, encoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder_config = dict(encoder)
        self.encoder = BertEncoder(**encoder, dtype=self.dtype_policy, name="encoder")

    def build(self, input_shape=None):
        self.encoder.build()
        self.built = True

    def call(self, inputs, training=None):
        mask = inputs["padding_mask"]
        tokens = ops.cast(self.encoder(inputs["token_ids"], padding_mask=mask, training=training), "float32")
        there = ops.cast(mask, "float32")[..., None]
        return ops.normalize(ops.sum(tokens * there, axis=1) / ops.sum(there, axis=1), axis=-1, epsilon=1e-9)

    def get_config(self):
        return {**super().get_config(), "encoder": self.encoder_config}
