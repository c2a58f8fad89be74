"""Read pretrained encoders in Hugging Face's format (config.json and model.safetensors), from a folder or the hub.

Supported are BERT and encoders of its layout (MiniLM, BERT-tiny to large), DistilBERT, ELECTRA and RoBERTa. Pickles are never
loaded. Span models put one separator between question and paragraph for all of these, although RoBERTa was pretrained with two.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from utils.common.errors import UserError

FILES = ["config.json", "*.safetensors", "model.safetensors.index.json", "tokenizer.json", "vocab.txt"]
FILES += ["tokenizer_config.json"]

# For each architecture: the variable path of each tensor of the encoder, and the prefixes of heads that are not read.
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
_TABLES = {
    "embeddings.word_embeddings.weight": "token_embedding/embeddings",
    "embeddings.position_embeddings.weight": "position/table",
    "embeddings.token_type_embeddings.weight": "segment_embedding/embeddings",
}
_DENSE = {"weight": "kernel", "bias": "bias"}
_NORM = {"weight": "gamma", "bias": "beta", "gamma": "gamma", "beta": "beta"}  # old checkpoints have the last two
_LAYERS = {
    "bert": "encoder.layer",
    "roberta": "encoder.layer",
    "electra": "encoder.layer",
    "distilbert": "transformer.layer",
}
_HEADS = {
    "bert": ("pooler.", "cls.", "classifier.", "dropout."),
    "roberta": ("pooler.", "lm_head.", "classifier."),
    "electra": ("discriminator_predictions.", "generator_predictions.", "generator_lm_head.", "classifier."),
    "distilbert": ("vocab_transform.", "vocab_layer_norm.", "vocab_projector.", "pre_classifier.", "classifier."),
}
_BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")


@dataclass(frozen=True)
class Checkpoint:
    """A pretrained encoder.

    Args:
        folder: where it was read.
        architecture: its `model_type`, such as `bert`.
        encoder: constructor arguments of `components.bert_encoder.BertEncoder`.
        weights: path of each variable within the encoder to its array, float32.
        span_head: `kernel` and `bias` of the question-answering head; empty if the checkpoint has none.
        heads: names of the tensors of other heads, which are not used.
    """

    folder: Path
    architecture: str
    encoder: dict
    weights: dict[str, np.ndarray]
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


def checkpoint_folder(name_or_folder: str | Path) -> Path:
    """The folder of a checkpoint.

    Args:
        name_or_folder: a folder, or a name on the Hugging Face hub (`distilbert-base-uncased`, `owner/name`). A checkpoint of
            the hub is downloaded on first use.

    Raises:
        UserError: there is neither such a folder nor such a name on the hub, or no network.
    """
    folder, name = Path(name_or_folder), str(name_or_folder)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise UserError(f"{name}: is a file; name the checkpoint's folder")
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", name):
        raise UserError(f"{name}: no such folder; name one with config.json and model.safetensors")
    from huggingface_hub import snapshot_download

    try:
        local_copy = Path(snapshot_download(name, allow_patterns=FILES))
        if not list(local_copy.glob("*.safetensors")):
            raise UserError(
                f"{name}: has no model.safetensors on the hub; convert it where you trust it: "
                "AutoModel.from_pretrained(NAME).save_pretrained(FOLDER, safe_serialization=True), and name the folder"
            )
        return local_copy
    except UserError:
        raise
    except Exception as error:  # the hub's errors come from several libraries
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{name}: no such folder, and cannot be downloaded from the hub ({type(error).__name__}: {reason[:300]}); "
            "check the name and the network, or name a folder with config.json and model.safetensors"
        ) from None


def read_checkpoint(folder: str | Path) -> Checkpoint:
    """Read an encoder. Every tensor must be a weight of the encoder or belong to a known head.

    Raises:
        UserError: a file is missing or damaged, the architecture is not supported, or a tensor is missing, unknown or of the
            wrong shape. The message names it.
    """
    folder = Path(folder)
    config = _read_config(folder / "config.json")
    kind = config["model_type"]
    encoder = _encoder_arguments(config, folder / "config.json")
    weights, span_head, heads, unknown = {}, {}, [], []
    for name, array in _read_tensors(folder).items():
        if not np.isfinite(array).all():
            raise UserError(
                f"{folder}: the tensor {name} holds values that are not finite numbers; download the checkpoint again"
            )
        inner = name.removeprefix(f"{kind}.")
        path = variable_path(kind, inner)
        if path:
            weights[path] = array
        elif inner in ("qa_outputs.weight", "qa_outputs.bias") and len(array) == 2:
            span_head[_DENSE[inner.rpartition(".")[2]]] = array.T
        elif inner.startswith((*_HEADS[kind], "qa_outputs.")):
            heads.append(name)
        elif inner not in _BUFFERS:
            unknown.append(name)
    if unknown:
        raise UserError(
            f"{folder}: {_count_and_names(unknown, 'tensor')} not known in a {kind} encoder; check model_type in config.json"
        )
    weights = _fuse(weights, kind, config)
    _check_shapes(weights, encoder, folder)
    if span_head and (len(span_head) < 2 or span_head["kernel"].shape != (encoder["hidden_dim"], 2)):
        shapes = ", ".join(f"{name} {array.shape}" for name, array in sorted(span_head.items()))
        raise UserError(
            f"{folder}: its question-answering head ({shapes}) does not fit its config.json; download the checkpoint again"
        )
    return Checkpoint(folder, kind, encoder, weights, span_head, tuple(sorted(heads)))


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


def _check_shapes(weights: dict[str, np.ndarray], encoder: dict, folder: Path) -> None:
    """Check that the weights are exactly those of an encoder with these arguments, in name and shape."""
    dim, inner, width = encoder["hidden_dim"], encoder["intermediate_dim"], encoder["embedding_dim"]
    expected = {
        "token_embedding/embeddings": (encoder["vocabulary_size"], width),
        "position/table": (encoder["max_length"], width),
        "embedding_norm/gamma": (width,),
        "embedding_norm/beta": (width,),
    }
    if encoder["num_segments"]:
        expected["segment_embedding/embeddings"] = (encoder["num_segments"], width)
    if width != dim:
        expected |= {"embedding_projection/kernel": (width, dim), "embedding_projection/bias": (dim,)}
    dense = {
        "attention/qkv_": (dim, 3 * dim),
        "attention/output/": (dim, dim),
        "expand/": (dim, inner),
        "contract/": (inner, dim),
    }
    for block in (f"block_{number}/" for number in range(encoder["num_layers"])):
        for part, shape in dense.items():
            expected |= {f"{block}{part}kernel": shape, f"{block}{part}bias": shape[1:]}
        for part in ("attention_norm/", "ffn_norm/"):
            expected |= {f"{block}{part}gamma": (dim,), f"{block}{part}beta": (dim,)}
    problems = []
    for problem, names in (
        ("missing", expected.keys() - weights.keys()),
        ("unexpected", weights.keys() - expected.keys()),
    ):
        problems += [f"{_count_and_names(sorted(names), 'weight')} {problem}"] if names else []
    for name in sorted(expected.keys() & weights.keys()):
        if weights[name].shape != expected[name]:
            problems.append(f"{name} has shape {weights[name].shape}, but config.json asks for {expected[name]}")
    if problems:
        raise UserError(
            f"{folder}: does not fit its config.json: {'; '.join(problems[:3])}; download the checkpoint again"
        )


def check_vocabulary(tokenizer, checkpoint: Checkpoint) -> None:
    """Check that a tokenizer belongs to a checkpoint: each token has an embedding, and at most 63 embeddings have no token.

    Some checkpoints pad their embeddings to a multiple of 64.

    Raises:
        UserError: the tokenizer has too many or too few tokens, or a token without an embedding.
    """
    tokens, rows = tokenizer.get_vocab_size(), checkpoint.encoder["vocabulary_size"]
    largest = max(tokenizer.get_vocab().values())
    if not rows - 64 < tokens <= rows or largest >= rows:
        raise UserError(
            f"{checkpoint.folder}: the tokenizer has {tokens:,} tokens up to id {largest:,} and the model {rows:,} embeddings; "
            "they do not belong together: use the tokenizer files of this checkpoint"
        )


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


def _read_config(file: Path) -> dict:
    """A config.json of a supported architecture."""
    if not file.is_file():
        raise UserError(f"{file.parent}: no config.json there; name a folder in Hugging Face's format")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        kind = config.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{file}: cannot be read as JSON settings ({error}); download the checkpoint again") from None
    if not isinstance(kind, str) or kind not in _LAYERS:
        raise UserError(f"{file}: model_type {kind!r} is not supported; these are: {', '.join(sorted(_LAYERS))}")
    return config


def _encoder_arguments(config: dict, file: Path) -> dict:
    """BertEncoder's arguments from a Hugging Face config."""
    activations = {"gelu": "gelu", "relu": "relu", "silu": "silu"}
    activations |= dict.fromkeys(("gelu_new", "gelu_pytorch_tanh"), "gelu_tanh")
    kind = config["model_type"]
    if kind == "distilbert":
        names = ("dim", "n_layers", "n_heads", "hidden_dim", "dropout", "attention_dropout", "activation")
    else:
        names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
        names += ("hidden_dropout_prob", "attention_probs_dropout_prob", "hidden_act")
    try:
        dim, layers, heads, inner, dropout, attention_dropout, activation = (config[name] for name in names)
        positions = config["max_position_embeddings"]
        if kind == "roberta":  # its first position is the padding id + 1
            if type(config["pad_token_id"]) is not int:
                raise KeyError("pad_token_id")
            positions = positions - config["pad_token_id"] - 1
        arguments = {
            "vocabulary_size": config["vocab_size"],
            "hidden_dim": dim,
            "num_layers": layers,
            "num_heads": heads,
            "intermediate_dim": inner,
            "max_length": positions,
            "num_segments": 0 if kind == "distilbert" else config.get("type_vocab_size", 2),
            "embedding_dim": config.get("embedding_size", dim) if kind == "electra" else dim,
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "activation": activations[activation],
            "norm_epsilon": config.get("layer_norm_eps", 1e-12),
        }
    except (KeyError, TypeError) as error:
        raise UserError(f"{file}: {error} is missing or not supported; give the config of a {kind} encoder") from None
    for name, value in arguments.items():
        types = (int, float) if name in ("dropout", "attention_dropout", "norm_epsilon") else (int,)
        if name != "activation" and type(value) not in types:
            kind_of_number = "number" if float in types else "whole number"
            raise UserError(
                f"{file}: {name} must be a {kind_of_number}, but is {value!r}; download the checkpoint again"
            )
    if not 0 < heads <= dim or dim % heads:
        raise UserError(
            f"{file}: a width of {dim} is not divisible by {heads} attention heads; download the checkpoint again"
        )
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise UserError(
            f"{file}: position_embedding_type {config['position_embedding_type']!r} is not supported; "
            "name a checkpoint with absolute positions"
        )
    return arguments


def _read_tensors(folder: Path) -> dict[str, np.ndarray]:
    """All tensors of a folder as float32, from model.safetensors or from the files that its index names."""
    import ml_dtypes  # noqa: F401 - adds bfloat16 to NumPy
    from safetensors import SafetensorError, safe_open

    file, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if index.is_file() and not file.is_file():
        try:
            files = sorted({folder / part for part in json.loads(index.read_text())["weight_map"].values()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{index}: cannot be read ({error}); download the checkpoint again") from None
    else:
        files = [file]
    if not file.is_file() and (folder / "pytorch_model.bin").is_file():
        raise UserError(
            f"{folder}: has only pytorch_model.bin, a pickle, which could run any code and is not read; convert it where you "
            "trust it: AutoModel.from_pretrained(FOLDER).save_pretrained(FOLDER, safe_serialization=True)"
        )
    tensors = {}
    for part in files:
        if not part.is_file():
            raise UserError(f"{folder}: has no {part.name}; name a folder with the checkpoint's weights")
        try:
            with safe_open(part, framework="np") as file_of_tensors:
                for name in file_of_tensors.keys():  # noqa: SIM118 - not a dict
                    tensors[name] = file_of_tensors.get_tensor(name)
        except (SafetensorError, OSError, TypeError) as error:
            raise UserError(f"{part}: damaged or cut short ({error}); download the file again") from None
    return {
        name: array.astype(np.float32, copy=False) if array.dtype.kind != "i" else array for name, array in tensors.items()
    }  # fmt: skip


def variable_path(kind: str, name: str) -> str | None:
    """The path of the variable that a tensor belongs to, or None.

    The tensors of query, key and value still have paths of their own here; `_fuse` joins them.

    Args:
        kind: the `model_type`, such as `bert`.
        name: the tensor's name, without a leading `bert.` and the like.
    """
    if name in _TABLES:
        return _TABLES[name]
    stem, _, last = name.rpartition(".")
    if stem == "embeddings.LayerNorm" and last in _NORM:
        return f"embedding_norm/{_NORM[last]}"
    if stem == "embeddings_project" and kind == "electra" and last in _DENSE:
        return f"embedding_projection/{_DENSE[last]}"
    match = re.fullmatch(rf"{re.escape(_LAYERS[kind])}\.(\d+)\.(.+)", stem)
    if not match:
        return None
    part = (_DISTILBERT_BLOCK if kind == "distilbert" else _BERT_BLOCK).get(match[2])
    ending = (_NORM if part and part.endswith("norm") else _DENSE).get(last)
    return f"block_{match[1]}/{part}/{ending}" if part and ending else None


def _fuse(weights: dict[str, np.ndarray], kind: str, config: dict) -> dict[str, np.ndarray]:
    """The weights in the encoder's layout.

    Kernels are transposed, the tensors of query, key and value are joined, and RoBERTa's unused first positions are dropped.
    """
    fused = {name: array.T if name.endswith("kernel") else array for name, array in weights.items()}
    for name in [name for name in fused if "/query/" in name]:
        block, _, ending = name.partition("/query/")
        parts = [fused.pop(f"{block}/{part}/{ending}", None) for part in ("query", "key", "value")]
        if all(part is not None for part in parts):
            fused[f"{block}/attention/qkv_{ending}"] = np.concatenate(parts, axis=-1)
    if kind == "roberta" and "position/table" in fused:
        fused["position/table"] = fused["position/table"][config["pad_token_id"] + 1 :]
    return fused


def _count_and_names(names, noun: str) -> str:
    """`2 tensors (a, b)`, with at most three names."""
    names = list(names)
    others = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)} {noun}{'s' if len(names) > 1 else ''} ({', '.join(names[:3])}{others})"
