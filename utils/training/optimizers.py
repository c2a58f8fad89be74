"""AdamW with a learning rate of its own for every depth."""

from __future__ import annotations

import re

import keras


@keras.saving.register_keras_serializable(package="qkv_zoo")
class LayerwiseAdamW(keras.optimizers.AdamW):
    """AdamW whose learning rate is multiplied by `decay` once for every layer below the head.

    The head learns at the full rate, the top block at `decay` times it, the block below at `decay ** 2`, the embeddings at
    `decay ** (num_layers + 1)` (Howard and Ruder 2018, section 3.2; Clark et al. 2020, appendix A). Weight decay keeps the
    full rate.

    Args:
        decay: factor from a layer to the one below, more than 0 and at most 1; 1 is AdamW.
        num_layers: blocks of the encoder, whose variables are `encoder/block_0/...` and up.
    """

    def __init__(self, *args, decay=1.0, num_layers=0, **kwargs):
        super().__init__(*args, **kwargs)
        if not 0 < decay <= 1 or (decay < 1 and num_layers < 1):
            raise ValueError(
                f"decay {decay} must be in (0, 1], and below 1 go with the number of layers, not {num_layers}"
            )
        self.decay = decay
        self.num_layers = num_layers

    def factor(self, path: str) -> float:
        """What the learning rate of the variable of this path is multiplied by."""
        block = re.search(r"encoder/block_(\d+)/", path)
        if block:
            return self.decay ** (self.num_layers - int(block[1]))
        return self.decay ** (self.num_layers + 1) if "encoder/" in path else 1.0

    def build(self, variables):
        super().build(variables)
        self.factors = [self.factor(variable.path) for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate * self.factors[self._get_variable_index(variable)])

    def get_config(self):
        return {**super().get_config(), "decay": self.decay, "num_layers": self.num_layers}
