"""How a folder of sentence-transformers turns the vectors of tokens into the vector of a text.

modules.json names the steps: a Transformer, a Pooling, then perhaps Dense layers and a Normalize. Each has its settings in a folder
of its own (1_Pooling/config.json). sentence_bert_config.json has the longest input.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.text.pretrained.files import read_flag, read_optional_settings, read_settings
from utils.text.pretrained.modules import encoder_folder, modules_by_name, read_modules
from utils.text.pretrained.tensors import read_tensors, stored_tensors

POOLINGS = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
"""The poolings of `models.text_encoder.TextEncoder` that a folder can name, in the order in which several are joined, and the
setting that stands for each."""
ACTIVATIONS = {
    "torch.nn.modules.activation.GELU": "gelu",
    "torch.nn.modules.activation.ReLU": "relu",
    "torch.nn.modules.activation.Sigmoid": "sigmoid",
    "torch.nn.modules.activation.SiLU": "silu",
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.linear.Identity": "linear",
}
_TRANSFORMER_SETTINGS = ("bert", "roberta", "distilbert", "camembert", "xlm-roberta")
_CONVERT = (
    "has no model.safetensors (a pickle, such as pytorch_model.bin, could run any code and is not read); convert it where you "
    "trust it: SentenceTransformer(FOLDER).save(NEW_FOLDER)"
)
_NO_LIMIT = 10**6
"""tokenizer_config.json has a number as large as 1e30 where no longest input is known."""


@dataclass(frozen=True)
class DenseLayer:
    """A layer after the pooling.

    Args:
        config: its arguments: `units`, `activation` and `use_bias`.
        weights: `kernel` and perhaps `bias`, float32.
    """

    config: dict
    weights: dict[str, np.ndarray]


@dataclass(frozen=True)
class SentenceSettings:
    """How the vectors of a text's tokens become one vector.

    Args:
        pooling: a pooling of `models.text_encoder.TextEncoder`, or several joined by `+`, such as `cls+mean`.
        dense: the layers after it.
        normalize: whether the vector is scaled to unit norm.
        max_length: the longest input in tokens, special tokens included; None where the folder does not say.
        lowercase: whether texts are lower-cased before the tokenizer reads them.
        prompt: what is put before every text.
        notes: lines on what should be known.
    """

    pooling: str
    dense: tuple[DenseLayer, ...]
    normalize: bool
    max_length: int | None
    lowercase: bool
    prompt: str
    notes: tuple[str, ...]


def read_sentence_settings(folder: Path, hidden_dim: int, positions: int) -> SentenceSettings:
    """Read how a folder wants the vectors of tokens to become one vector.

    A folder that does not say gets the mean of the tokens, of unit norm, and a note that says so.

    Args:
        folder: the folder of modules.json.
        hidden_dim: size of a token's vector.
        positions: the most tokens that the encoder can read.

    Raises:
        UserError: a file cannot be read, or names a step that is not supported.
    """
    notes: list[str] = []
    steps = read_modules(folder)
    if not steps:
        steps = modules_by_name(folder)
        names = ", ".join(path.name for _, path in steps)
        architectures = read_optional_settings(folder / "config.json").get("architectures")
        architecture = f", {str(architectures[0])[:80]!r}" if isinstance(architectures, list) and architectures else ""
        notes.append(
            f"{folder}: has no modules.json; its steps are taken from its folders {names}"
            if steps
            else f"{folder}: does not say how tokens become one vector (no modules.json{architecture}); "
            "the mean of the tokens is used"
        )
    pooling, dense, normalize = _read_steps(folder, steps, hidden_dim)
    place = encoder_folder(folder)
    files = [place / f"sentence_{kind}_config.json" for kind in _TRANSFORMER_SETTINGS]
    file = next(filter(Path.is_file, files), files[0])
    transformer = read_optional_settings(file)
    limits = (
        (file, transformer, "max_seq_length"),
        (
            place / "tokenizer_config.json",
            read_optional_settings(place / "tokenizer_config.json"),
            "model_max_length",
        ),
    )
    return SentenceSettings(
        pooling,
        dense,
        normalize,
        _longest_input(limits, positions, notes),
        bool(read_flag(file, transformer, "do_lower_case")),
        _default_prompt(folder, steps, notes),
        tuple(notes),
    )


def _read_steps(folder: Path, steps, hidden_dim: int) -> tuple[str, tuple[DenseLayer, ...], bool]:
    """The pooling, the layers after it, and whether the vector is normalised; the mean of unit norm where there are no steps."""
    if not steps:
        return "mean", (), True
    pooling, dense, normalize, size = "", [], False, hidden_dim
    for kind, path in steps:
        if kind in ("Transformer", "Dropout") and not pooling:
            continue
        if kind == "Pooling" and not pooling:
            pooling = _read_pooling(path / "config.json", hidden_dim)
            size = hidden_dim * len(pooling.split("+"))
        elif kind == "Dense" and pooling and not normalize:
            dense.append(_read_dense(path, size))
            size = dense[-1].config["units"]
        elif kind == "Normalize" and pooling and not normalize:
            normalize = True
        elif kind != "Dropout":
            raise UserError(
                f"{folder / 'modules.json'}: the step {kind[:80]!r} at this place is not supported; the steps must be a "
                "Transformer, a Pooling, then any Dense, then a Normalize or none"
            )
    if not pooling:
        raise UserError(f"{folder / 'modules.json'}: names no Pooling; name a checkpoint that makes vectors of texts")
    return pooling, tuple(dense), normalize


def _read_pooling(file: Path, hidden_dim: int) -> str:
    """The poolings that a Pooling's config.json names, joined by `+`."""
    settings = read_settings(file)
    size = settings.get("embedding_dimension", settings.get("word_embedding_dimension", hidden_dim))
    if size != hidden_dim:
        raise UserError(
            f"{file}: pools vectors of {str(size)[:80]}, but the encoder's have {hidden_dim}; it belongs to another checkpoint"
        )
    names = settings.get("pooling_mode")
    if names is None:  # until version 5 of sentence-transformers there is a flag for each
        named = [name for name in settings if name.startswith("pooling_mode_")]
        flags = [name for name in named if read_flag(file, settings, name)]
        if not flags and POOLINGS["mean"] not in named:  # sentence-transformers has it on by default
            flags = [POOLINGS["mean"]]
        names = [name for name, flag in POOLINGS.items() if flag in flags]
        names += [flag for flag in flags if flag not in POOLINGS.values()]
    if not names:
        raise UserError(f"{file}: turns every pooling off; set the one that the checkpoint was trained with to true")
    names = [names] if isinstance(names, str) else names
    names = [str(name).removesuffix("_tokens") for name in names] if isinstance(names, list) else [str(names)]
    if any(name not in POOLINGS for name in names):
        raise UserError(
            f"{file}: the pooling {', '.join(names)[:80]!r} is not supported; these are: {', '.join(POOLINGS)}"
        )
    return "+".join(names)


def _read_dense(folder: Path, size: int) -> DenseLayer:
    """A Dense: its settings, and its weights from model.safetensors."""
    file = folder / "config.json"
    settings = read_settings(file)
    activation = settings.get("activation_function", "torch.nn.modules.activation.Tanh")
    if activation not in list(ACTIVATIONS):
        raise UserError(
            f"{file}: the activation {str(activation)[:80]!r} is not supported; these are: {', '.join(ACTIVATIONS)}"
        )
    places = [settings.get(name) or "sentence_embedding" for name in ("module_input_name", "module_output_name")]
    if settings.get("use_residual") or places != ["sentence_embedding"] * 2:
        raise UserError(
            f"{file}: a Dense with a residual, or of token vectors, is not supported; name another checkpoint"
        )
    units, use_bias = settings.get("out_features"), settings.get("bias", True) is True
    expected = {"linear.weight": (units, size)} | ({"linear.bias": (units,)} if use_bias else {})
    tensors = stored_tensors(folder, _CONVERT)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    if shapes != expected:
        raise UserError(
            f"{folder}: its weights {str(shapes)[:200]} are not those that config.json asks for, {expected}; download it again"
        )
    arrays = dict(zip(expected, read_tensors(tensors[name] for name in expected), strict=True))
    weights = {"kernel": arrays["linear.weight"].T}
    if use_bias:
        weights["bias"] = arrays["linear.bias"]
    return DenseLayer({"units": units, "activation": ACTIVATIONS[activation], "use_bias": use_bias}, weights)


def _longest_input(limits, positions: int, notes: list[str]) -> int | None:
    """The first limit that is set, at most what the encoder can read; None where none is set."""
    for file, settings, name in limits:
        length = _number(file, settings, name)
        if length is None or length > _NO_LIMIT:
            continue
        if length < 3:
            raise UserError(f"{file}: a longest input of {length} tokens is too short; correct it")
        if length > positions:
            notes.append(f"{file}: asks for {length:,} tokens, but the encoder reads {positions:,} at most")
        return min(int(length), positions)
    return None


def _number(file: Path, settings: dict, name: str) -> int | float | None:
    """A setting that is a number, also as a text; None where it is not set."""
    value = settings.get(name)
    try:
        number = float(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if value is not None and (type(number) not in (int, float) or number != number):
        raise UserError(f"{file}: {name} must be a number of tokens, but is {str(value)[:80]!r}; correct it")
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _default_prompt(folder: Path, steps, notes: list[str]) -> str:
    """The prompt that is put before every text, and a note where the folder has any."""
    file = folder / "config_sentence_transformers.json"
    settings = read_optional_settings(file)
    prompts, name = settings.get("prompts") or {}, settings.get("default_prompt_name")
    if not isinstance(prompts, dict) or any(not isinstance(text, str | None) for text in prompts.values()):
        raise UserError(f"{file}: prompts must be texts by name; correct it")
    prompts = {key: text for key, text in prompts.items() if text}
    if not prompts:
        return ""
    listed = ", ".join(f"{key} {text[:40]!r}" for key, text in list(prompts.items())[:5])
    prompt = prompts.get(name, "") if isinstance(name, str) else ""
    pooling = next((path for kind, path in steps if kind == "Pooling"), folder)
    if prompt and read_optional_settings(pooling / "config.json").get("include_prompt") is False:
        raise UserError(
            f"{file}: a default prompt that the pooling leaves out is not supported; remove default_prompt_name"
        )
    notes.append(f"{file}: has prompts ({listed}); {name if prompt else 'none'} of them is the default")
    return prompt
