"""CrossEncoder: reads a question and a text together and scores how well the text answers."""

import keras
from keras import ops

from components.bert_encoder import BertEncoder


@keras.saving.register_keras_serializable(package="qkv_zoo")
class CrossEncoder(keras.Model):
    """Scores pairs of a question and a text with one encoder that reads both (Nogueira and Cho 2019, section 3).

        score(q, c) = w . pool(h)        h: the token vectors of "[CLS] question [SEP] text [SEP]"

    All weights start random; `utils.text.pretrained.checkpoint.assign` loads those of a published checkpoint into `encoder`.

    Args:
        encoder: dict, the constructor arguments of `components.bert_encoder.BertEncoder`.
        pooling: `mean`, of the vectors of all real tokens, or `cls`, the vector of the first token.

    Inputs, a dict of int arrays `(..., sequence)`, such as `(pairs, sequence)` or `(batch, slots, sequence)`:
        token_ids: ids of the tokens of question and text, special tokens included.
        segment_ids: 1 for the text and the separator after it, 0 elsewhere.
        padding_mask: 1 for a real token. The first token always counts as real.

    Returns:
        float32 `(...)`, the scores: any numbers, a higher one for a better text.

    Raises:
        ValueError: `pooling` is neither `mean` nor `cls`.

    Example:

    >>> encoder = {"vocabulary_size": 11, "hidden_dim": 6, "num_layers": 1, "num_heads": 2, "intermediate_dim": 5}
    >>> ids = ops.ones((2, 3, 7), "int32")
    >>> tuple(CrossEncoder(encoder)({"token_ids": ids, "segment_ids": ids, "padding_mask": ids}).shape)
    (2, 3)
    """

    def __init__(self, encoder, pooling="mean", **kwargs):
        super().__init__(**kwargs)
        if pooling not in ("mean", "cls"):
            raise ValueError(f"pooling {pooling!r} must be mean or cls")
        self.encoder_config = dict(encoder)
        self.pooling = pooling
        self.encoder = BertEncoder(**encoder, dtype=self.dtype_policy, name="encoder")
        # In float32: bfloat16 has too few digits to tell the scores of good texts apart.
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)
        # Without a bias, which would move all scores of a question alike: losses that compare them give it no gradient.
        self.score_head = keras.layers.Dense(
            1, use_bias=False, kernel_initializer=initializer, dtype="float32", name="score_head"
        )

    def build(self, input_shape=None):
        self.encoder.build()
        self.score_head.build((None, self.encoder.config["hidden_dim"]))
        self.built = True

    def call(self, inputs, training=None):
        shape = ops.shape(inputs["token_ids"])
        ids, segments, mask = (
            ops.reshape(inputs[name], (-1, shape[-1])) for name in ("token_ids", "segment_ids", "padding_mask")
        )
        mask = ops.concatenate([ops.ones_like(mask[:, :1]), mask[:, 1:]], axis=1)  # a slot may be empty
        tokens = self.encoder(ids, segment_ids=segments, padding_mask=mask, training=training)
        tokens = ops.cast(tokens, "float32")
        if self.pooling == "cls":
            pooled = tokens[:, 0]
        else:
            weights = ops.cast(mask, "float32")[..., None]
            pooled = ops.sum(tokens * weights, axis=1) / ops.sum(weights, axis=1)
        return ops.reshape(self.score_head(pooled), shape[:-1])

    def get_config(self):
        return {**super().get_config(), "encoder": self.encoder_config, "pooling": self.pooling}
