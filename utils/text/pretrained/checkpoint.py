"""Read pretrained encoders in Hugging Face's format (config.json and model.safetensors).

Supported are BERT and encoders of its layout (MiniLM, BERT-tiny to large), DistilBERT, ELECTRA, MPNet, RoBERTa, XLM-RoBERTa and
CamemBERT.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.text.pretrained.config import LAYOUTS, encoder_arguments, position_offset, read_config, special_ids
from utils.text.pretrained.layout import BUFFERS, SPAN_HEAD, encoder_weights, expected_shapes, is_head, variable_path
from utils.text.pretrained.tensors import StoredTensor, read_tensors, stored_tensors


@dataclass(frozen=True)
class Checkpoint:
    """A pretrained encoder.

    Args:
        folder: where its config.json is.
        architecture: its `model_type`, such as `bert`.
        encoder: constructor arguments of `components.bert_encoder.BertEncoder`.
        weights: path of each variable within the encoder to its array, float32.
        special_ids: ids of special tokens that its config.json names: `pad_token_id`, and in the layouts of RoBERTa and MPNet
            `bos_token_id` and `eos_token_id`.
        span_head: `kernel` and `bias` of the question-answering head; empty if the checkpoint has none.
        heads: names of the tensors of other heads, which are not used.
    """

    folder: Path
    architecture: str
    encoder: dict
    weights: dict[str, np.ndarray]
    special_ids: dict[str, int] = field(default_factory=dict)
    span_head: dict[str, np.ndarray] = field(default_factory=dict)
    heads: tuple[str, ...] = ()

    @property
    def checksum(self) -> str:
        """A checksum of everything that a model takes from it: the encoder's settings and weights, and the span head's."""
        digest = hashlib.sha256(json.dumps([self.architecture, self.encoder], sort_keys=True).encode())
        for arrays in (self.weights, self.span_head):
            for name in sorted(arrays):
                digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
        return digest.hexdigest()[:16]


def read_checkpoint(folder: str | Path) -> Checkpoint:
    """Read an encoder. Every tensor must be a weight of the encoder or belong to a known head.

    The shapes are checked before any values are read, so a file cannot ask for more memory than config.json.

    Raises:
        UserError: a file is missing or damaged, the architecture is not supported, or a tensor is missing, unknown or of the
            wrong shape. The message names it.
    """
    folder = Path(folder)
    config = read_config(folder)
    kind, encoder = config["model_type"], encoder_arguments(config, folder / "config.json")
    layout, num_unused_positions = LAYOUTS[kind], position_offset(config)
    tensors, span_head, heads, unknown = {}, {}, [], []
    for name, tensor in stored_tensors(folder).items():
        inner = name.removeprefix(f"{kind}.").removeprefix(f"{layout}.")
        path = variable_path(layout, inner)
        if path:
            tensors[path] = tensor
        elif inner in SPAN_HEAD and tensor.shape[:1] == (2,):
            span_head[SPAN_HEAD[inner]] = tensor
        elif is_head(layout, inner):
            heads.append(name)
        elif inner not in BUFFERS:
            unknown.append(name)
    if unknown:
        raise UserError(
            f"{folder}: {_count_and_names(unknown, 'tensor')} not known in a {kind} encoder; check model_type in config.json"
        )
    _check_tensors(tensors, encoder, num_unused_positions, folder)
    _check_span_head(span_head, encoder["hidden_dim"], folder)
    return Checkpoint(
        folder,
        kind,
        encoder,
        encoder_weights(dict(zip(tensors, read_tensors(tensors.values()), strict=True)), num_unused_positions),
        special_ids(config),
        {name: array.T for name, array in zip(span_head, read_tensors(span_head.values()), strict=True)},
        tuple(sorted(heads)),
    )


def assign(layer, arrays: dict[str, np.ndarray]) -> None:
    """Set the variables of a layer.

    Args:
        layer: built layer.
        arrays: path of each variable within the layer to its value.

    Raises:
        ValueError: a variable has no array, an array has no variable, or shapes differ.
    """
    variables = {f"/{variable.path}".split(f"/{layer.name}/", 1)[1]: variable for variable in layer.weights}
    if variables.keys() != arrays.keys():
        raise ValueError(
            f"{layer.name}: its variables and the arrays differ: {sorted(variables.keys() ^ arrays.keys())}"
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def check_width(checkpoint: Checkpoint, dim: int) -> None:
    """Check that the token embeddings have at least `dim` columns, because they can only be reduced to fewer.

    Raises:
        UserError: they have fewer.
    """
    columns = checkpoint.encoder["embedding_dim"]
    if columns < dim:
        raise UserError(
            f"{checkpoint.folder}: its embeddings have {columns} columns, less than --hidden-dim {dim}; lower --hidden-dim"
        )


def reduced_embeddings(checkpoint: Checkpoint, dim: int) -> np.ndarray:
    """The token embeddings in their `dim` directions of largest variance (principal components).

    Returns:
        float32 `(tokens, dim)`, with a standard deviation of 1.

    Raises:
        UserError: the token embeddings have fewer than `dim` columns.
    """
    check_width(checkpoint, dim)
    table = checkpoint.weights["token_embedding/embeddings"]
    deviations = table - table.mean(axis=0)
    _, axes = np.linalg.eigh(deviations.T @ deviations)  # in order of increasing variance
    reduced = deviations @ axes[:, ::-1][:, :dim]
    return (reduced / reduced.std()).astype(np.float32)


def _check_tensors(tensors: dict[str, StoredTensor], encoder: dict, num_unused_positions: int, folder: Path) -> None:
    """Check that the tensors are exactly those of an encoder with these arguments, in name and shape."""
    if encoder["num_layers"] > len(tensors):
        raise UserError(
            f"{folder}: config.json asks for {encoder['num_layers']:,} layers, but the file has {len(tensors):,} tensors of an "
            "encoder; download the checkpoint again"
        )
    expected = expected_shapes(encoder, num_unused_positions)
    missing, unexpected = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    problems = [f"{_count_and_names(missing, 'weight')} missing"] if missing else []
    if unexpected:
        problems.append(f"{_count_and_names([tensors[path].name for path in unexpected], 'tensor')} unexpected")
    problems += [
        f"{tensor.name[:100]!r} has shape {tensor.shape}, but config.json asks for {expected[path]}"
        for path, tensor in tensors.items()
        if path in expected and tensor.shape != expected[path]
    ]
    if problems:
        raise UserError(
            f"{folder}: does not fit its config.json: {'; '.join(problems[:3])}; download the checkpoint again"
        )


def _check_span_head(span_head: dict[str, StoredTensor], dim: int, folder: Path) -> None:
    """Check that a question-answering head, where there is one, has a kernel and a bias that fit the encoder."""
    shapes = {name: tensor.shape for name, tensor in span_head.items()}
    if shapes and shapes != {"kernel": (2, dim), "bias": (2,)}:
        described = ", ".join(f"{name} {shape}" for name, shape in sorted(shapes.items()))
        raise UserError(
            f"{folder}: its question-answering head ({described}) does not fit its config.json; download the checkpoint again"
        )


def _count_and_names(names, noun: str) -> str:
    """`2 tensors (a, b)`, with at most three names."""
    names = list(names)
    others = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)} {noun}{'s' if len(names) > 1 else ''} ({', '.join(repr(name[:100]) for name in names[:3])}{others})"
