"""TextEncoder: encodes a text as one vector."""

import keras
from keras import ops

from components.bert_encoder import BertEncoder
from components.masking import masking_bias

POOLINGS = ("mean", "cls", "attention")


@keras.saving.register_keras_serializable(package="qkv_zoo")
class TextEncoder(keras.Model):
    """Pools the token vectors h_i of a text into one vector of unit norm (Reimers and Gurevych 2019, Sentence-BERT, section 3).

        mean        the mean of h_i over the real tokens
        cls         h of the first token
        attention   sum_i softmax_i(w . h_i) h_i, with learned weights w that start at zero, so it starts as the mean

    With `output_dim` a linear projection follows. The weights start random; `utils.text.pretrained.assign` loads those of a
    published checkpoint into `encoder`.

    Args:
        encoder: dict, the constructor arguments of `components.bert_encoder.BertEncoder`.
        pooling: str, `mean`, `cls` or `attention`.
        output_dim: int, size of the projection, or None for no projection.

    Inputs, a dict of int arrays `(batch, sequence)`:
        token_ids: ids of the tokens, special tokens included.
        padding_mask: 1 for a real token. The first token always counts as real.

    Returns:
        float32 `(batch, output_dim or hidden_dim)`, of unit norm.

    Raises:
        ValueError: `pooling` is not one of the three.

    Example:

    >>> encoder = {"vocabulary_size": 11, "hidden_dim": 6, "num_layers": 1, "num_heads": 2, "intermediate_dim": 5}
    >>> ids = ops.ones((2, 7), "int32")
    >>> tuple(TextEncoder(encoder)({"token_ids": ids, "padding_mask": ids}).shape)
    (2, 6)
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
            # An orthogonal start keeps the angles between a pretrained encoder's vectors best.
            self.projection = keras.layers.Dense(
                output_dim, use_bias=False, kernel_initializer="orthogonal", dtype="float32", name="projection"
            )

    def build(self, input_shape=None):
        self.encoder.build()
        hidden_dim = self.encoder.config["hidden_dim"]
        if self.pooling == "attention":
            self.attention = self.add_weight(name="attention", shape=(hidden_dim,), initializer="zeros", autocast=False)
        if self.projection is not None:
            self.projection.build((None, hidden_dim))
        self.built = True

    @property
    def size(self):
        """Size of the output vectors."""
        return self.output_dim or self.encoder.config["hidden_dim"]

    def call(self, inputs, training=None):
        mask = inputs["padding_mask"]
        # The first token always counts. Otherwise a slot without a text would be 0 / 0.
        mask = ops.concatenate([ops.ones_like(mask[:, :1]), mask[:, 1:]], axis=1)
        tokens = ops.cast(self.encoder(inputs["token_ids"], padding_mask=mask, training=training), "float32")
        if self.pooling == "cls":
            pooled = tokens[:, 0]
        elif self.pooling == "mean":
            weights = ops.cast(mask, "float32")[..., None]
            pooled = ops.sum(tokens * weights, axis=1) / ops.sum(weights, axis=1)
        else:
            logits = ops.matmul(tokens, self.attention) + masking_bias(mask, "float32")
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
