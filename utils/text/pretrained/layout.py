"""Which tensor of a checkpoint is which weight of `components.bert_encoder.BertEncoder`."""

from __future__ import annotations

import re

import numpy as np

from utils.text.pretrained.config import MAX_DISTANCE

_BERT_BLOCK = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "attention/output",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "expand",
    "output.dense": "contract",
    "output.LayerNorm": "ffn_norm",
}
_DISTILBERT_BLOCK = {
    "attention.q_lin": "query",
    "attention.k_lin": "key",
    "attention.v_lin": "value",
    "attention.out_lin": "attention/output",
    "sa_layer_norm": "attention_norm",
    "ffn.lin1": "expand",
    "ffn.lin2": "contract",
    "output_layer_norm": "ffn_norm",
}
_MPNET_BLOCK = {
    "attention.attn.q": "query",
    "attention.attn.k": "key",
    "attention.attn.v": "value",
    "attention.attn.o": "attention/output",
    "attention.LayerNorm": "attention_norm",
    "intermediate.dense": "expand",
    "output.dense": "contract",
    "output.LayerNorm": "ffn_norm",
}
_TABLES = {
    "embeddings.word_embeddings.weight": "token_embedding/embeddings",
    "embeddings.position_embeddings.weight": "position/table",
    "embeddings.token_type_embeddings.weight": "segment_embedding/embeddings",
    "encoder.relative_attention_bias.weight": "relative_position/table",
}
NUM_BUCKETS = 32
"""Distances with a bias of their own in MPNet: half of them to the left, half to the right."""
_DENSE = {"weight": "kernel", "bias": "bias"}
_NORM = {"weight": "gamma", "bias": "beta", "gamma": "gamma", "beta": "beta"}  # old checkpoints have the last two
_HEADS = {
    "bert": ("pooler.", "cls.", "classifier.", "dropout."),
    **dict.fromkeys(("roberta", "mpnet"), ("pooler.", "lm_head.", "classifier.")),
    "electra": ("discriminator_predictions.", "generator_predictions.", "generator_lm_head.", "classifier."),
    "distilbert": ("vocab_transform.", "vocab_layer_norm.", "vocab_projector.", "pre_classifier.", "classifier."),
}
BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")
"""Tensors that are no weights."""
SPAN_HEAD = {"qa_outputs.weight": "kernel", "qa_outputs.bias": "bias"}


def is_head(layout: str, name: str) -> bool:
    """Whether a tensor belongs to a known head."""
    return name.startswith((*_HEADS[layout], "qa_outputs."))


def variable_path(layout: str, name: str) -> str | None:
    """The path of the variable that a tensor belongs to, or None.

    The tensors of query, key and value still have paths of their own here; `encoder_weights` joins them.

    Args:
        layout: one of `utils.text.pretrained.config.LAYOUTS`, such as `bert`.
        name: the tensor's name, without a leading `bert.` and the like.
    """
    if name in _TABLES:
        return _TABLES[name]
    stem, _, last = name.rpartition(".")
    if stem == "embeddings.LayerNorm" and last in _NORM:
        return f"embedding_norm/{_NORM[last]}"
    if stem == "embeddings_project" and layout == "electra" and last in _DENSE:
        return f"embedding_projection/{_DENSE[last]}"
    stack = "transformer" if layout == "distilbert" else "encoder"
    blocks = {"distilbert": _DISTILBERT_BLOCK, "mpnet": _MPNET_BLOCK}.get(layout, _BERT_BLOCK)
    match = re.fullmatch(rf"{stack}\.layer\.(\d+)\.(.+)", stem)
    if not match:
        return None
    part = blocks.get(match[2])
    ending = (_NORM if part and part.endswith("norm") else _DENSE).get(last)
    return f"block_{match[1]}/{part}/{ending}" if part and ending else None


def expected_shapes(encoder: dict, num_unused_positions: int) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor that an encoder needs, by `variable_path`.

    Args:
        encoder: arguments of `BertEncoder`.
        num_unused_positions: rows before the first position in the table of positions.
    """
    dim, inner, width = encoder["hidden_dim"], encoder["intermediate_dim"], encoder["embedding_dim"]
    shapes = {
        "token_embedding/embeddings": (encoder["vocabulary_size"], width),
        "position/table": (encoder["max_length"] + num_unused_positions, width),
        "embedding_norm/gamma": (width,),
        "embedding_norm/beta": (width,),
    }
    if encoder["num_segments"]:
        shapes["segment_embedding/embeddings"] = (encoder["num_segments"], width)
    if encoder.get("max_distance"):
        shapes["relative_position/table"] = (NUM_BUCKETS, encoder["num_heads"])
    if width != dim:
        shapes |= {"embedding_projection/kernel": (dim, width), "embedding_projection/bias": (dim,)}
    dense = dict.fromkeys(("query", "key", "value", "attention/output"), (dim, dim))
    dense |= {"expand": (inner, dim), "contract": (dim, inner)}
    for block in (f"block_{number}" for number in range(encoder["num_layers"])):
        for part, shape in dense.items():
            shapes |= {f"{block}/{part}/kernel": shape, f"{block}/{part}/bias": shape[:1]}
        for part in ("attention_norm", "ffn_norm"):
            shapes |= {f"{block}/{part}/gamma": (dim,), f"{block}/{part}/beta": (dim,)}
    return shapes


def encoder_weights(tensors: dict[str, np.ndarray], num_unused_positions: int) -> dict[str, np.ndarray]:
    """The weights of the encoder, by the paths of its variables.

    Kernels are transposed, the tensors of query, key and value are joined, the unused first positions are dropped, and MPNet's bias
    gets a row for each distance.

    Args:
        tensors: the tensors of `expected_shapes`.
        num_unused_positions: rows before the first position in the table of positions.
    """
    weights = {path: array.T if path.endswith("kernel") else array for path, array in tensors.items()}
    for path in [path for path in weights if "/query/" in path]:
        block, _, ending = path.partition("/query/")
        parts = [weights.pop(f"{block}/{part}/{ending}") for part in ("query", "key", "value")]
        weights[f"{block}/attention/qkv_{ending}"] = np.concatenate(parts, axis=-1)
    weights["position/table"] = weights["position/table"][num_unused_positions:]
    if "relative_position/table" in weights:
        weights["relative_position/table"] = weights["relative_position/table"][_buckets()]
    return weights


def _buckets() -> np.ndarray:
    """The bucket of each distance from -`MAX_DISTANCE` to `MAX_DISTANCE` (Raffel et al. 2020, section 2.1).

    Each of the first distances has a bucket of its own; the others share buckets of logarithmic width.
    """
    distance = np.arange(-MAX_DISTANCE, MAX_DISTANCE + 1)
    per_side, away = NUM_BUCKETS // 2, np.abs(distance)
    exact = per_side // 2
    shared = np.log(np.maximum(away, 1) / exact) / np.log((MAX_DISTANCE + 1) / exact) * (per_side - exact)
    bucket = np.where(away < exact, away, np.minimum(exact + (shared + 1e-6).astype(int), per_side - 1))
    return bucket + np.where(distance > 0, per_side, 0)
