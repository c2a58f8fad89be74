"""InfoNCE with the positives of other queries as negatives."""

import keras

from components.losses.info_nce import InfoNCE


@keras.saving.register_keras_serializable(package="qkv_zoo")
class InfoNCEBatch(InfoNCE):
    """`InfoNCE` whose negatives are the most relevant candidates of the batch's other queries alone.

    Args:
        temperature: float above 0; 1 where the temperature is learned.

    Example:
        >>> y_true = keras.ops.array([[1.0, 0.0, 1.0, 1.0, 7.0, 7.0, 7.0]])  # relevance, mask, groups of two slots; own group
        >>> y_pred = keras.ops.array([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])  # the query, its two slots
        >>> round(float(InfoNCEBatch(temperature=1.0)(y_true, y_pred)), 4)
        0.0
    """

    name = "infonce_batch"
    own_negatives = False
