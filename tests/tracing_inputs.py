"""Inputs and outputs of the models that trace knowledge, for their tests."""

import numpy as np
from keras import ops

BATCH, STEPS, ITEMS, CATEGORIES = 3, 19, 11, 5
AXES = {name: ("batch", "steps") for name in ("item_ids", "responses", "padding_mask")}


def batch(steps=STEPS, categories=CATEGORIES, seed=1):
    rng = np.random.default_rng(seed)
    mask = np.ones((BATCH, steps), "int32")
    mask[1, steps // 2 :] = 0
    return {
        "item_ids": (rng.integers(1, ITEMS, (BATCH, steps)) * mask).astype("int32"),
        "responses": (rng.integers(0, categories, (BATCH, steps)) * mask).astype("int32"),
        "padding_mask": mask,
    }


def outputs(model, inputs, **more):
    return {name: ops.convert_to_numpy(array) for name, array in model(inputs, **more).items()}
