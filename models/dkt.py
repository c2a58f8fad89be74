"""DKT: knowledge tracing by a recurrent network."""

import keras
from keras import ops

from components.irt_logits import with_reference_category
from components.item_embedding import ItemEmbedding
from components.previous_step import previous_step
from components.shared_response_embedding import SharedResponseEmbedding


@keras.saving.register_keras_serializable(package="qkv_zoo")
class DKT(keras.Model):
    """Deep knowledge tracing (Piech et al. 2015, section 3), for two or more categories.

    An LSTM runs over the answered items. Its state before step t is combined with the item q_t of the step:

        h_t = LSTM(v_1 .. v_t)                                       v_t: the vector of an item and its response
        logits_t = (0, c_1 + C_1 . h_{t-1}, ..., c_{K-1} + C_{K-1} . h_{t-1})

    C and c are linear maps of q_t. The paper has two categories and a row for each item in a table of C and in one of c. Here all
    items share the maps, and items of one skill share part of their vector.

    Args:
        num_items: int, number of item ids. Id 0 is an item that training did not have.
        num_categories: int, K, at least 2.
        hidden_dim: int, size of all vectors and of the LSTM's state.
        response_embedding: str, how a response becomes a vector: `ordered`, `unordered`, `linear_decay` or `adjacent_weighted`
            (`components.response_embedding`).
        item_skills: list of ints, the skill of each item, or None.
        item_scale: float, standard deviation of the items' initial vectors (`components.item_embedding`).
        dropout: float in [0, 1), fraction of the elements of `h_t` that is dropped in training, the same at all steps of a
            sequence (Gal and Ghahramani 2016).

    Inputs, a dict of int arrays `(batch, steps)`:
        item_ids: which item was answered.
        responses: 0 to K - 1. A response changes the outputs of later steps only.
        padding_mask: 1 where there is a step; not used, since padding stands at the end.

    Returns:
        A dict of float32 `logits` `(batch, steps, K)`.

    Raises:
        ValueError: an unknown `response_embedding`, or not one skill for each item.

    Example:

    >>> model = DKT(num_items=11, num_categories=5)
    >>> steps = ops.ones((2, 7), "int32")
    >>> tuple(model({"item_ids": steps, "responses": steps, "padding_mask": steps})["logits"].shape)
    (2, 7, 5)
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
        num_weights = (num_categories - 1) * (hidden_dim + 1)
        self.category_weights = keras.layers.Dense(num_weights, dtype=policy, name="category_weights")

    def build(self, input_shape=None):
        hidden = (None, None, self.config["hidden_dim"])
        self.item_embedding.build()
        self.response_embedding.build(hidden)
        self.lstm.build(hidden)
        self.category_weights.build(hidden)
        self.built = True

    def call(self, inputs, training=None):
        item = self.item_embedding(inputs["item_ids"])
        states = self.lstm(self.response_embedding(item, inputs["responses"]), training=training)
        previous = previous_step(states)  # h_{t-1}
        previous = self.dropout(previous, training=training)
        weights = self.category_weights(item)  # of each step's item: C_k and, last, c_k
        batch, steps = ops.shape(inputs["item_ids"])  # of ids, because ONNX's converter loses the shape of `weights`
        weights = ops.reshape(weights, (batch, steps, self.config["num_categories"] - 1, self.config["hidden_dim"] + 1))
        logits = weights[..., -1] + ops.einsum("btkd,btd->btk", weights[..., :-1], previous)
        return {"logits": with_reference_category(logits)}

    def get_config(self):
        return {**super().get_config(), **self.config}
