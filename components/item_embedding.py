"""Items as vectors."""

import keras
from keras import ops


def with_unknown(table):
    """The table with the mean of its other rows in row 0: what is not known counts as average, and row 0 needs no training."""
    return ops.concatenate([ops.mean(table[1:], axis=0, keepdims=True), table[1:]], axis=0)


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ItemEmbedding(keras.layers.Layer):
    """A vector for each item, and where skills are known that of its skill added: `E[item] + S[skill of item]`.

    What items of one skill have in common is then learned from the responses to all of them (as in AKT, Ghosh et al. 2020,
    section 3.3, where an item varies the vector of its concept).

    Args:
        num_items: item ids, at least 2; 0 is an item that is not known, whose vector is the mean of the others.
        dim: size of the vectors.
        skills: the number of each item's skill, from 0; `num_items` of them, or None.
        scale: standard deviation of E at the start. Small, items begin alike, which suits many items of few skills; with 1, each
            begins as a skill of its own.

    Call argument: item_ids, integers of any shape. Output: that shape and `(dim,)`.
    """

    def __init__(self, num_items, dim, skills=None, scale=0.03, **kwargs):
        super().__init__(**kwargs)
        if skills is not None and len(skills) != num_items:
            raise ValueError(f"skills are {len(skills)}, num_items {num_items}: there must be one for every item")
        self.num_items = num_items
        self.dim = dim
        self.scale = scale
        self.skills = None if skills is None else [int(skill) for skill in skills]

    def build(self, input_shape=None):
        normal = keras.initializers.RandomNormal(self.scale)
        self.items = self.add_weight(name="items", shape=(self.num_items, self.dim), initializer=normal)
        if self.skills is not None:
            # Skills that begin at right angles get slots of the memory of their own; random ones share them and stay there.
            apart = keras.initializers.Orthogonal(gain=3.0)
            shape = (max(self.skills) + 1, self.dim)
            self.of_skills = self.add_weight(name="of_skills", shape=shape, initializer=apart)

    def call(self, item_ids):
        items = self.items
        if self.skills is not None:
            items = items + ops.take(self.of_skills, ops.array(self.skills), axis=0)
        return ops.cast(ops.take(with_unknown(items), item_ids, axis=0), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.dim)

    def get_config(self):
        return {
            **super().get_config(),
            "num_items": self.num_items,
            "dim": self.dim,
            "skills": self.skills,
            "scale": self.scale,
        }
