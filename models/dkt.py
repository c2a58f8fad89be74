"""DKT: knowledge tracing by a recurrent network."""

import keras
from keras import ops

from components.gpcm import SharedResponseEmbedding
from components.item_embedding import ItemEmbedding


@keras.saving.register_keras_serializable(package="qkv_zoo")
class DKT(keras.Model):
    """Deep knowledge tracing (Piech et al. 2015), for two or more categories.

    An LSTM runs over the answered items; its state before a step meets the step's item:

        h_t = LSTM(v_1 .. v_t);  logits_t = (0, c_1 + C_1 . h_{t-1}, ..., c_{K-1} + C_{K-1} . h_{t-1})

    with `v` an answered item's vector, and C and c a linear map of item t's. In the paper, for two categories, both are tables with
    a row an item; here items share the maps, and items of a skill its vector.

    Args:
        num_items: item ids, 0 included, which is an item that training did not have.
        num_categories: K, at least 2.
        hidden_dim: size of all vectors and of the LSTM.
        response_embedding, item_skills, item_scale: as of `models.deep_gpcm.DeepGPCM`.
        dropout: share of the elements of `h` that are dropped in training, the same at all of a sequence's steps (Gal and
            Ghahramani 2016).

    Inputs as of `models.deep_gpcm.DeepGPCM`. Output: a dict of float32 `logits` `(batch, steps, K)`.
    """

    def __init__(
        self,
        num_items,
        num_categories,
        hidden_dim=64,
        response_embedding="linear_decay",
        item_skills=None,
        item_scale=0.03,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.config = {
            "num_items": num_items,
            "num_categories": num_categories,
            "hidden_dim": hidden_dim,
            "response_embedding": response_embedding,
            "item_skills": None if item_skills is None else [int(skill) for skill in item_skills],
            "item_scale": item_scale,
            "dropout": dropout,
        }
        policy = self.dtype_policy
        self.item_embedding = ItemEmbedding(
            num_items, hidden_dim, item_skills, item_scale, dtype=policy, name="item_embedding"
        )
        self.response_embedding = SharedResponseEmbedding(
            num_categories, hidden_dim, response_embedding, dtype=policy, name="response_embedding"
        )
        self.lstm = keras.layers.LSTM(hidden_dim, return_sequences=True, dtype=policy, name="lstm")
        self.dropout = keras.layers.SpatialDropout1D(dropout, dtype=policy, name="dropout")
        self.categories = keras.layers.Dense((num_categories - 1) * (hidden_dim + 1), dtype=policy, name="categories")

    def build(self, input_shape=None):
        size = (None, None, self.config["hidden_dim"])
        self.item_embedding.build()
        self.response_embedding.build(size)
        self.lstm.build(size)
        self.categories.build(size)
        self.built = True

    def call(self, inputs, training=None):
        others, size = self.config["num_categories"] - 1, self.config["hidden_dim"] + 1
        item = self.item_embedding(inputs["item_ids"])
        state = self.lstm(self.response_embedding(item, inputs["responses"]), training=training)
        before = self.dropout(ops.pad(state, ((0, 0), (1, 0), (0, 0)))[:, :-1], training=training)
        of_item = self.categories(item)
        of_item = ops.reshape(of_item, (*ops.shape(of_item)[:-1], others, size))
        logits = of_item[..., -1] + ops.einsum("btkd,btd->btk", of_item[..., :-1], before)
        logits = ops.cast(logits, "float32")
        return {"logits": ops.concatenate([ops.zeros_like(logits[..., :1]), logits], axis=-1)}

    def get_config(self):
        return {**super().get_config(), **self.config}
