"""InfoNCE with the positives of other queries as negatives."""

import keras

from components.losses.info_nce import InfoNCE


@keras.saving.register_keras_serializable(package="qkv_zoo")
class InfoNCEBatch(InfoNCE):
    """`InfoNCE` whose negatives are the most relevant candidates of the batch's other queries alone.

    Args:
        temperature: float above 0; 1 where the temperature is learned.
    """

    name = "infonce_batch"
    own_negatives = False
