"""The DKVMN of pykt-toolkit, and its weights under this project's names and back.

Needs PyTorch (requirements-bench.txt) and `pip install --no-deps pykt-toolkit==0.0.38`.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

PYKT_NAMES = {
    "item_embedding/item_vectors": "k_emb_layer.weight",
    "response_embedding/vectors": "v_emb_layer.weight",
    "memory/keys": "Mk",
    "memory/values": "Mv0",
}
"""This project's tables to those of pykt."""
PYKT_LAYERS = {"memory/erase": "e_layer", "memory/add": "a_layer", "summary": "f_layer", "category_logits": "p_layer"}
"""This project's dense layers to those of pykt."""


def new_pykt_dkvmn(num_items: int, dim: int, num_slots: int):
    """pykt's model with fresh weights and without dropout. Its keys, values and summary are all of size `dim`.

    Only one file of pykt is read: its package imports all of its models, which need much that this one does not.
    """
    folder = Path(importlib.util.find_spec("pykt").origin).parent
    spec = importlib.util.spec_from_file_location("pykt_dkvmn", folder / "models" / "dkvmn.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.DKVMN(num_items, dim, num_slots, dropout=0.0)


def new_dkvmn(num_items: int, dim: int, num_slots: int):
    """This project's model of the same network, built, with fresh weights and without dropout."""
    from models.deep_gpcm import DeepGPCM

    sizes = {"key_dim": dim, "value_dim": dim, "summary_dim": dim}
    published = {"response_embedding": "unordered", "head": "linear", "shared_embedding": False}
    model = DeepGPCM(num_items, 2, num_slots, **sizes, **published)
    model.build()
    return model


def named_weights(model) -> dict[str, np.ndarray]:
    """The weights of a Keras model by their paths below the model."""
    import keras

    return {_path(weight): keras.ops.convert_to_numpy(weight) for weight in model.weights}


def set_named_weights(model, weights: dict[str, np.ndarray]) -> None:
    """Give a Keras model weights that `named_weights` names."""
    model.set_weights([weights[_path(weight)] for weight in model.weights])


def weights_for_pykt(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """This project's weights under pykt's names, in pykt's shapes."""
    renamed = {PYKT_NAMES[name]: weights[name] for name in PYKT_NAMES}
    # A row for each item holds its vectors of both responses. pykt has a row for each vector, all wrong responses first.
    vectors = weights["response_embedding/vectors"]
    items, both = vectors.shape
    renamed["v_emb_layer.weight"] = vectors.reshape(items, 2, both // 2).swapaxes(0, 1).reshape(2 * items, both // 2)
    for name, layer in PYKT_LAYERS.items():
        renamed |= {f"{layer}.weight": weights[f"{name}/kernel"].T, f"{layer}.bias": weights[f"{name}/bias"]}
    return {name: np.ascontiguousarray(array) for name, array in renamed.items()}


def weights_from_pykt(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """pykt's weights under this project's names: the inverse of `weights_for_pykt`."""
    renamed = {name: state[pykt_name] for name, pykt_name in PYKT_NAMES.items()}
    vectors = renamed["response_embedding/vectors"]
    rows, dim = vectors.shape
    renamed["response_embedding/vectors"] = vectors.reshape(2, rows // 2, dim).swapaxes(0, 1).reshape(-1, 2 * dim)
    for name, layer in PYKT_LAYERS.items():
        renamed |= {f"{name}/kernel": state[f"{layer}.weight"].T, f"{name}/bias": state[f"{layer}.bias"]}
    return renamed


def _path(weight) -> str:
    return weight.path.split("/", 1)[1]
