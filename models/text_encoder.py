"""TextEncoder: a text as one vector."""

import keras
from keras import ops

from components.attention import masking_bias
from components.bert_encoder import BertEncoder

POOLINGS = ("mean", "cls", "attention")


@keras.saving.register_keras_serializable(package="qkv_zoo")
class TextEncoder(keras.Model):
    """The vectors of a text's tokens as one of unit norm (Reimers and Gurevych 2019, Sentence-BERT, section 3).

        mean        of the real tokens
        cls         the first token's
        attention   sum_i softmax_i(w . h_i) h_i       with a learned w, zero at the start, so that it begins as the mean

    With `output_dim` a Dense layer follows. Weights start random; `utils.text.pretrained.assign` gives the `encoder` those of a
    published checkpoint.

    Args:
        encoder: the constructor arguments of `components.bert_encoder.BertEncoder`, a dict.
        pooling: as above.
        output_dim: size of the projection; None for none.

    Inputs, a dict of integers `(batch, sequence)`: `token_ids`; `padding_mask`, 1 for a real token, the special ones included;
    the first is taken for real.

    Output: float32 `(batch, output_dim or hidden_dim)`, of unit norm.

    Raises:
        ValueError: another pooling.
    """

    def __init__(self, encoder, pooling="mean", output_dim=None, **kwargs):
        super().__init__(**kwargs)
        if pooling not in POOLINGS:
            raise ValueError(f"pooling {pooling!r} must be one of {', '.join(POOLINGS)}")
        self.encoder_config = dict(encoder)
        self.pooling = pooling
        self.output_dim = output_dim
        self.encoder = BertEncoder(**encoder, dtype=self.dtype_policy, name="encoder")
        self.projection = None
        if output_dim:
            # Orthogonal: it keeps the angles of a pretrained encoder best.
            self.projection = keras.layers.Dense(
                output_dim, use_bias=False, kernel_initializer="orthogonal", dtype="float32", name="projection"
            )

    def build(self, input_shape=None):
        self.encoder.build()
        width = self.encoder.config["hidden_dim"]
        if self.pooling == "attention":
            self.attention = self.add_weight(name="attention", shape=(width,), initializer="zeros")
        if self.projection is not None:
            self.projection.build((None, width))
        self.built = True

    @property
    def size(self):
        """Of the vectors."""
        return self.output_dim or self.encoder.config["hidden_dim"]

    def call(self, inputs, training=None):
        mask = inputs["padding_mask"]
        # The first token counts always: else a slot without a text would be 0 / 0.
        mask = ops.concatenate([ops.ones_like(mask[:, :1]), mask[:, 1:]], axis=1)
        tokens = ops.cast(self.encoder(inputs["token_ids"], padding_mask=mask, training=training), "float32")
        if self.pooling == "cls":
            pooled = tokens[:, 0]
        elif self.pooling == "mean":
            there = ops.cast(mask, "float32")[..., None]
            pooled = ops.sum(tokens * there, axis=1) / ops.sum(there, axis=1)
        else:
            logits = ops.matmul(tokens, ops.cast(self.attention, "float32")) + masking_bias(mask, "float32")
            pooled = ops.einsum("bs,bsd->bd", ops.softmax(logits, axis=-1), tokens)
        if self.projection is not None:
            pooled = self.projection(pooled)
        return ops.normalize(pooled, axis=-1, epsilon=1e-9)

    def get_config(self):
        return {
            **super().get_config(),
            "encoder": self.encoder_config,
            "pooling": self.pooling,
            "output_dim": self.output_dim,
        }
