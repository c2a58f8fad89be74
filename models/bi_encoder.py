"""BiEncoder: queries and their candidates as vectors, for training."""

import math

import keras
from keras import ops

from models.text_encoder import TextEncoder

HIGHEST_SCALE = 100.0


def clipped(log_scale):
    """At most the logarithm of 100: temperatures of 0.01 and more."""
    return ops.minimum(log_scale, math.log(HIGHEST_SCALE))


@keras.saving.register_keras_serializable(package="qkv_zoo")
class BiEncoder(keras.Model):
    """Encodes queries and candidates with one `TextEncoder`, or with one for each (Karpukhin et al. 2020, section 3.1).

    Args:
        encoder, pooling, output_dim: of `models.text_encoder.TextEncoder`.
        shared: one encoder for both; else two that start alike where they are given the same weights.
        temperature: where the learned temperature starts, 0.01 or more; None: it is not learned, and queries are of unit norm.
        chunks: parts of a batch, of equal sizes, that training encodes one after another. Of each only the vectors are kept, what
            led to them is computed again for the gradient (Gao et al. 2021, GradCache): the gradient of all in far less memory,
            without dropout. On TensorFlow not under XLA, which merges both computations and saves nothing.

    Inputs, a dict of integers: `query_ids`, `query_mask` `(batch, query_length)`; `candidate_ids`, `candidate_mask`
    `(batch, slots, candidate_length)`; an empty slot is all padding.

    Output: float32 `(batch, 1 + slots, dim)`, the query's vector, then its slots'; of unit norm, but for the query's where a
    temperature t is learned: its norm is 1 / t, at most 100 (Radford et al. 2021, section 2.5).
    """

    def __init__(self, encoder, pooling="mean", output_dim=128, shared=True, temperature=None, chunks=1, **kwargs):
        super().__init__(**kwargs)
        self.config = {
            "encoder": dict(encoder),
            "pooling": pooling,
            "output_dim": output_dim,
            "shared": shared,
            "temperature": temperature,
            "chunks": chunks,
        }
        given = {"pooling": pooling, "output_dim": output_dim, "dtype": self.dtype_policy}
        self.candidates = TextEncoder(encoder, **given, name="candidates")
        self.queries = self.candidates if shared else TextEncoder(encoder, **given, name="queries")

    def build(self, input_shape=None):
        for tower in self.towers():
            tower.build()
        if self.config["temperature"]:
            start = keras.initializers.Constant(-float(ops.log(self.config["temperature"])))
            self.log_scale = self.add_weight(name="log_scale", shape=(), initializer=start, constraint=clipped)
        self.built = True

    def towers(self):
        """The encoders, one or two."""
        return [self.candidates] if self.config["shared"] else [self.candidates, self.queries]

    def call(self, inputs, training=None):
        chunks = self.config["chunks"]
        if not training or chunks == 1:
            return self.encode(inputs, training)
        size = ops.shape(inputs["query_ids"])[0] // chunks
        encode = keras.remat(self.encode)
        parts = [{name: of[n * size : (n + 1) * size] for name, of in inputs.items()} for n in range(chunks)]
        return ops.concatenate([encode(part) for part in parts])

    def encode(self, inputs, training=None):
        """The output for these queries."""
        queries = self.queries(
            {"token_ids": inputs["query_ids"], "padding_mask": inputs["query_mask"]}, training=training
        )
        if self.config["temperature"]:
            queries = queries * ops.exp(self.log_scale)
        ids, mask = inputs["candidate_ids"], inputs["candidate_mask"]
        batch, slots, length = ops.shape(ids)
        flat = {"token_ids": ops.reshape(ids, (-1, length)), "padding_mask": ops.reshape(mask, (-1, length))}
        candidates = self.candidates(flat, training=training)
        candidates = ops.reshape(candidates, (batch, slots, candidates.shape[-1]))
        return ops.concatenate([queries[:, None], candidates], axis=1)

    def get_config(self):
        return {**super().get_config(), **self.config}
