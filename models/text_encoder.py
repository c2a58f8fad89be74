"""TextEncoder: encodes a text as one vector."""

import keras
from keras import ops

from components.activations import get_activation
from components.bert_encoder import BertEncoder
from components.masking import masking_bias

POOLINGS = ("cls", "max", "mean", "mean_sqrt_len", "weightedmean", "lasttoken", "attention")


@keras.saving.register_keras_serializable(package="qkv_zoo")
class TextEncoder(keras.Model):
    """Pools the token vectors h_i of a text into one vector (Reimers and Gurevych 2019, Sentence-BERT, section 3).

        mean             the mean of h_i over the n real tokens
        cls              h of the first token
        max              the largest value of each element
        mean_sqrt_len    the sum of h_i, divided by the square root of n
        weightedmean     sum_i i h_i / sum_i i, with i from 1
        lasttoken        h of the last real token
        attention        sum_i softmax_i(w . h_i) h_i, with learned weights w that start at zero, so it starts as the mean

    Several of them joined by `+`, such as `cls+mean`, give their vectors one after another. Then come the `dense` layers, with
    `output_dim` a linear projection, and the vector is scaled to unit norm. The weights start random;
    `utils.text.pretrained.checkpoint.assign` loads those of a published checkpoint into `encoder` and into `dense_layers`.

    Args:
        encoder: dict, the constructor arguments of `components.bert_encoder.BertEncoder`.
        pooling: str, one of the above, or several.
        output_dim: int, size of the projection, or None for no projection.
        dense: dicts of `units`, `activation` and `use_bias`, one for each Dense layer after the pooling.
        normalize: bool, whether the vector is scaled to unit norm.

    Inputs, a dict of int arrays `(batch, sequence)`:
        token_ids: ids of the tokens, special tokens included.
        padding_mask: 1 for a real token. The first token always counts as real.

    Returns:
        float32 `(batch, size)`, of unit norm unless `normalize` is False.

    Raises:
        ValueError: `pooling` names an unknown one.

    Example:

    >>> encoder = {"vocabulary_size": 11, "hidden_dim": 6, "num_layers": 1, "num_heads": 2, "intermediate_dim": 5}
    >>> ids = ops.ones((2, 7), "int32")
    >>> tuple(TextEncoder(encoder)({"token_ids": ids, "padding_mask": ids}).shape)
    (2, 6)
    """

    def __init__(self, encoder, pooling="mean", output_dim=None, dense=(), normalize=True, **kwargs):
        super().__init__(**kwargs)
        self.poolings = pooling.split("+")
        unknown = [name for name in self.poolings if name not in POOLINGS]
        if unknown:
            raise ValueError(f"pooling {unknown[0]!r} must be one of {', '.join(POOLINGS)}")
        self.encoder_config = dict(encoder)
        self.pooling = pooling
        self.output_dim = output_dim
        self.dense = [dict(config) for config in dense]
        self.normalize = normalize
        self.encoder = BertEncoder(**encoder, dtype=self.dtype_policy, name="encoder")
        self.dense_layers = [
            keras.layers.Dense(
                config["units"],
                get_activation(config["activation"]),
                config["use_bias"],
                dtype="float32",
                name=f"dense_{number}",
            )
            for number, config in enumerate(self.dense)
        ]
        self.projection = None
        if output_dim:
            # An orthogonal start keeps the angles between a pretrained encoder's vectors best.
            self.projection = keras.layers.Dense(
                output_dim, use_bias=False, kernel_initializer="orthogonal", dtype="float32", name="projection"
            )

    def build(self, input_shape=None):
        self.encoder.build()
        hidden_dim = self.encoder.config["hidden_dim"]
        if "attention" in self.poolings:
            self.attention = self.add_weight(name="attention", shape=(hidden_dim,), initializer="zeros", autocast=False)
        size = hidden_dim * len(self.poolings)
        for layer in self.dense_layers:
            layer.build((None, size))
            size = layer.units
        if self.projection is not None:
            self.projection.build((None, size))
        self.built = True

    @property
    def size(self):
        """Size of the output vectors."""
        pooled = self.encoder.config["hidden_dim"] * len(self.poolings)
        return self.output_dim or (self.dense[-1]["units"] if self.dense else pooled)

    def call(self, inputs, training=None):
        mask = inputs["padding_mask"]
        # The first token always counts. Otherwise a slot without a text would be 0 / 0.
        mask = ops.concatenate([ops.ones_like(mask[:, :1]), mask[:, 1:]], axis=1)
        tokens = ops.cast(self.encoder(inputs["token_ids"], padding_mask=mask, training=training), "float32")
        vectors = ops.concatenate([self.pool(name, tokens, mask) for name in self.poolings], axis=-1)
        for layer in self.dense_layers:
            vectors = layer(vectors)
        if self.projection is not None:
            vectors = self.projection(vectors)
        return ops.normalize(vectors, axis=-1, epsilon=1e-9) if self.normalize else vectors

    def pool(self, name, tokens, mask):
        """Return one vector `(batch, hidden_dim)` of the tokens' vectors `(batch, sequence, hidden_dim)`."""
        if name == "cls":
            return tokens[:, 0]
        if name == "attention":
            logits = ops.matmul(tokens, self.attention) + masking_bias(mask, "float32")
            return ops.einsum("bs,bsd->bd", ops.softmax(logits, axis=-1), tokens)
        weights = ops.cast(mask, "float32")[..., None]
        if name == "max":
            # Not ops.max: its gradient on JAX looks for the elements that equal the maximum, which rounding may hide from it.
            # Nor ops.argmax, which has no form in ONNX on TensorFlow.
            values, _ = ops.top_k(ops.transpose(ops.where(weights > 0, tokens, -1e9), (0, 2, 1)), 1)
            return values[..., 0]
        positions = ops.cumsum(weights, axis=1) * weights  # 1, 2, ... for real tokens, 0 for padding
        if name == "lasttoken":
            weights = ops.cast(positions == ops.max(positions, axis=1, keepdims=True), "float32") * weights
        elif name == "weightedmean":
            weights = positions
        total = ops.sum(weights, axis=1)
        return ops.sum(tokens * weights, axis=1) / (ops.sqrt(total) if name == "mean_sqrt_len" else total)

    def get_config(self):
        return {
            **super().get_config(),
            "encoder": self.encoder_config,
            "pooling": self.pooling,
            "output_dim": self.output_dim,
            "dense": self.dense,
            "normalize": self.normalize,
        }
