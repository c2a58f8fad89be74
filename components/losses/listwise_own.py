"""ListNet's listwise loss among a query's own candidates."""

import keras

from components.losses.listwise import Listwise


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ListwiseOwn(Listwise):
    """`Listwise` among the query's own candidates alone.

    Args:
        temperature: float above 0; 1 where the temperature is learned.
    """

    name = "listwise_own"
    needs_own_negatives = True
    batch_negatives = False
