"""Items as vectors."""

import keras
from keras import ops


def with_mean_as_row_0(table):
    """The table with row 0 replaced by the mean of the others.

    Id 0 stands for an unknown item, which thus counts as an average one. Row 0 itself needs no training.

    Args:
        table: float `(num_items, dim)`.

    Returns:
        float `(num_items, dim)`.
    """
    return ops.concatenate([ops.mean(table[1:], axis=0, keepdims=True), table[1:]], axis=0)


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ItemEmbedding(keras.layers.Layer):
    """A learned vector for each item; with `skills`, the sum of the item's vector and its skill's: `E[item] + S[skill(item)]`.

    Then all items of a skill contribute to what they have in common, as in AKT (Ghosh et al. 2020, section 3.3), where an item
    varies the vector of its concept.

    Args:
        num_items: int, number of item ids, at least 2. Id 0 is an unknown item, whose vector is the mean of the others.
        dim: int, size of the vectors.
        skills: `num_items` integers of 0 or more, the skill of each item; or None.
        stddev: float, initial standard deviation of E. With a small one, items of a skill start alike, which suits many items with
            few skills. With 1, each item starts as different as if it had a skill of its own.

    Call arguments:
        item_ids: integer tensor of any shape.

    Returns:
        float `(..., dim)`.

    Raises:
        ValueError: there is not one skill for each item.

    Example:
        >>> layer = ItemEmbedding(num_items=5, dim=7, skills=[0, 0, 0, 1, 1])
        >>> tuple(layer(ops.array([[3, 1, 0]])).shape)
        (1, 3, 7)
    """

    def __init__(self, num_items, dim, skills=None, stddev=0.03, **kwargs):
        super().__init__(**kwargs)
        if skills is not None and len(skills) != num_items:
            raise ValueError(f"skills are {len(skills)}, num_items {num_items}: there must be one for every item")
        self.num_items = num_items
        self.dim = dim
        self.stddev = stddev
        self.skills = None if skills is None else [int(skill) for skill in skills]

    def build(self, input_shape=None):
        # Without autocast, the mean over items is computed in float32 at any precision.
        normal = keras.initializers.RandomNormal(stddev=self.stddev)
        shape = (self.num_items, self.dim)
        self.item_vectors = self.add_weight(name="item_vectors", shape=shape, initializer=normal, autocast=False)
        if self.skills is not None:
            # Orthogonal skills come to use different slots of a memory. Skills that start alike share slots, and stay there.
            orthogonal = keras.initializers.Orthogonal(gain=3.0)
            shape = (max(self.skills) + 1, self.dim)
            self.skill_vectors = self.add_weight(
                name="skill_vectors", shape=shape, initializer=orthogonal, autocast=False
            )

    def call(self, item_ids):
        vectors = ops.convert_to_tensor(self.item_vectors)
        if self.skills is not None:
            vectors = vectors + ops.take(self.skill_vectors, ops.array(self.skills), axis=0)
        return ops.cast(ops.take(with_mean_as_row_0(vectors), item_ids, axis=0), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.dim)

    def get_config(self):
        return {
            **super().get_config(),
            "num_items": self.num_items,
            "dim": self.dim,
            "skills": self.skills,
            "stddev": self.stddev,
        }
