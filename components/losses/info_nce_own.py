"""InfoNCE among a query's own candidates."""

import keras

from components.losses.info_nce import InfoNCE


@keras.saving.register_keras_serializable(package="qkv_zoo")
class InfoNCEOwn(InfoNCE):
    """`InfoNCE` whose negatives are the less relevant candidates in the query's own slots alone.

    Args:
        temperature: float above 0; 1 where the temperature is learned.
    """

    name = "infonce_own"
    needs_own_negatives = True
    batch_negatives = False
