"""config.json of a pretrained encoder."""

from __future__ import annotations

from pathlib import Path

from utils.common.errors import UserError
from utils.text.pretrained.files import read_settings

LAYOUTS = {
    "bert": "bert",
    "camembert": "roberta",
    "distilbert": "distilbert",
    "electra": "electra",
    "mpnet": "mpnet",
    "roberta": "roberta",
    "xlm-roberta": "roberta",
}
"""The layout of each supported `model_type`: how its tensors are named and its positions are counted."""
MAX_DISTANCE = 127
"""The largest distance that MPNet's bias by relative position tells from larger ones."""
_SUPPORTED = ", ".join(LAYOUTS)
ACTIVATIONS = {"gelu": "gelu", "relu": "relu", "silu": "silu", "swish": "silu"}
ACTIVATIONS |= dict.fromkeys(("gelu_new", "gelu_pytorch_tanh"), "gelu_tanh")
SETTINGS = {
    "vocabulary_size": "vocab_size",
    "max_length": "max_position_embeddings",
    "num_segments": "type_vocab_size",
    "embedding_dim": "embedding_size",
    "norm_epsilon": "layer_norm_eps",
}
"""What config.json calls the arguments of an encoder, alike in all layouts."""
NAMED_BY_LAYOUT = (
    *("hidden_dim", "num_layers", "num_heads", "intermediate_dim"),
    *("dropout", "attention_dropout", "activation"),
)
"""The arguments whose names in config.json differ between layouts, in the order in which `encoder_arguments` reads them."""


def read_config(folder: Path) -> dict:
    """config.json of a supported encoder.

    Raises:
        UserError: there is none, it cannot be read, or asks for what is not supported.
    """
    file = folder / "config.json"
    if not file.is_file():
        other = " (bert_config.json is that of TensorFlow 1; convert the checkpoint with transformers)"
        has_tf1 = (folder / "bert_config.json").is_file()
        raise UserError(
            f"{folder}: no config.json there{other if has_tf1 else ''}; name a folder in Hugging Face's format"
        )
    config = read_settings(file)
    kind = config.get("model_type")
    if kind is None:
        raise UserError(
            f'{file}: model_type is missing; add it, such as "model_type": "bert", if it is one of: {_SUPPORTED}'
        )
    if not isinstance(kind, str) or kind not in LAYOUTS:
        raise UserError(f"{file}: model_type {str(kind)[:80]!r} is not supported; these are: {_SUPPORTED}")
    if config.get("position_embedding_type", "absolute") not in ("absolute", None):
        raise UserError(
            f"{file}: position_embedding_type {str(config['position_embedding_type'])[:80]!r} is not supported; "
            "name a checkpoint with absolute positions"
        )
    if config.get("is_decoder"):
        raise UserError(f"{file}: is_decoder is true, but only encoders are supported; name another checkpoint")
    if config.get("quantization_config"):
        raise UserError(f"{file}: the checkpoint is quantised, which is not supported; name the original checkpoint")
    return config


def position_offset(config: dict) -> int:
    """The rows of the table of positions that are not used: up to the padding id in RoBERTa's layout, two in MPNet's."""
    layout = LAYOUTS[config["model_type"]]
    if layout == "roberta":
        return config.get("pad_token_id", 1) + 1
    return 2 if layout == "mpnet" else 0


def special_ids(config: dict) -> dict[str, int]:
    """The ids of special tokens that a config.json names, as far as its kind of encoder uses them."""
    names = ["pad_token_id"] + (
        ["bos_token_id", "eos_token_id"] if LAYOUTS[config["model_type"]] in ("roberta", "mpnet") else []
    )
    return {name: config[name] for name in names if type(config.get(name)) is int}


def encoder_arguments(config: dict, file: Path) -> dict:
    """The arguments of `components.bert_encoder.BertEncoder`.

    Args:
        config: the content of config.json.
        file: the file, for messages.

    Raises:
        UserError: a setting is missing or cannot be used.
    """
    kind = config["model_type"]
    layout = LAYOUTS[kind]
    if layout == "distilbert":
        names = ("dim", "n_layers", "n_heads", "hidden_dim", "dropout", "attention_dropout", "activation")
    else:
        names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
        names += ("hidden_dropout_prob", "attention_probs_dropout_prob", "hidden_act")
    try:
        dim, layers, heads, inner, dropout, attention_dropout, activation = (config[name] for name in names)
        positions, vocabulary_size = config["max_position_embeddings"], config["vocab_size"]
    except KeyError as error:
        raise UserError(f"{file}: {error} is missing; give the config of a {kind} encoder") from None
    if activation not in list(ACTIVATIONS):
        raise UserError(
            f"{file}: the activation {str(activation)[:80]!r} is not supported; these are: {', '.join(ACTIVATIONS)}"
        )
    arguments = {
        "vocabulary_size": vocabulary_size,
        "hidden_dim": dim,
        "num_layers": layers,
        "num_heads": heads,
        "intermediate_dim": inner,
        "max_length": positions,
        "num_segments": 0 if layout in ("distilbert", "mpnet") else config.get("type_vocab_size", 2),
        "embedding_dim": config.get("embedding_size", dim) if layout == "electra" else dim,
        "dropout": dropout,
        "attention_dropout": attention_dropout,
        "activation": ACTIVATIONS[activation],
        "norm_epsilon": config.get("layer_norm_eps", 1e-12),
    }
    if layout == "mpnet":
        arguments["max_distance"] = MAX_DISTANCE
    settings = SETTINGS | dict(zip(NAMED_BY_LAYOUT, names, strict=True))
    _check_numbers(arguments | {"pad_token_id": config.get("pad_token_id", 1)}, settings, layout, file)
    if dim % heads:
        raise UserError(
            f"{file}: a width of {dim} is not divisible by {heads} attention heads; download the checkpoint again"
        )
    arguments["max_length"] -= position_offset(config)
    if arguments["max_length"] < 1:
        raise UserError(f"{file}: {positions} positions are too few; download the checkpoint again")
    return arguments


def _check_numbers(arguments: dict, settings: dict[str, str], layout: str, file: Path) -> None:
    """Check the types and ranges of numbers; the padding id counts in RoBERTa's layout alone.

    Args:
        arguments: the numbers.
        settings: the name of an argument in config.json, for messages, where it has another one there.
        layout: the layout of the config.
        file: the file, for messages.
    """
    for name, value in arguments.items():
        if name == "activation" or (name == "pad_token_id" and layout != "roberta"):
            continue
        if name in ("dropout", "attention_dropout", "norm_epsilon"):
            if type(value) not in (int, float) or not 0 <= value < 1:
                raise UserError(
                    f"{file}: {settings.get(name, name)} must be a number from 0 to 1, but is {str(value)[:80]!r}; correct it"
                )
        elif type(value) is not int or value < (0 if name in ("num_segments", "pad_token_id") else 1):
            raise UserError(
                f"{file}: {settings.get(name, name)} must be a whole number above 0, but is {str(value)[:80]!r}; download it again"
            )
