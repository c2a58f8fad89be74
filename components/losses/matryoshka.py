"""A ranking loss of vectors that can be cut."""

import keras
from keras import ops

from components.losses.info_nce import InfoNCE
from components.losses.ranking_loss import RankingLoss


@keras.saving.register_keras_serializable(package="qkv_zoo")
class Matryoshka(RankingLoss):
    """The mean of a loss over the first `dims` numbers of the vectors (Kusupati et al. 2022, equation 1).

    Each cut vector is scaled back to the norm of the whole one. After training, vectors can be cut to any of `dims`.

    Args:
        loss: `RankingLoss`, computed on each length.
        dims: ints, the lengths.

    Example:
        >>> y_true = ops.array([[1.0, 0.0, 1.0, 1.0, 7.0, 7.0, 7.0]])  # two slots: relevance, mask, groups; the query's group
        >>> y_pred = ops.array([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])  # the query, its two slots
        >>> round(float(Matryoshka(InfoNCE(temperature=1.0), dims=(1, 2))(y_true, y_pred)), 4)
        0.3754
    """

    name = "matryoshka"
    uses_temperature = True

    def __init__(self, loss, dims=(32, 64, 128), **kwargs):
        super().__init__(**kwargs)
        self.loss = keras.losses.get(loss)
        self.dims = tuple(dims)

    @classmethod
    def from_settings(cls, *, temperature, margin, dim):
        return cls(InfoNCE(temperature), (*cls.shorter_dims(dim), dim))

    @classmethod
    def shorter_dims(cls, dim):
        return sorted({max(1, dim // 4), max(1, dim // 2)} - {dim})

    def call(self, y_true, y_pred):
        y_pred = ops.cast(y_pred, "float32")
        norm = ops.norm(y_pred, axis=-1, keepdims=True)
        cut = [ops.normalize(y_pred[..., :dim], axis=-1, epsilon=1e-9) * norm for dim in self.dims]
        return sum(self.loss.call(y_true, vectors) for vectors in cut) / len(cut)

    def get_config(self):
        return {**super().get_config(), "loss": keras.saving.serialize_keras_object(self.loss), "dims": self.dims}
