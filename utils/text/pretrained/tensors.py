"""Tensors of safetensors files, and advice for weights in other formats. Nothing is ever unpickled."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.text.pretrained.files import check_is_the_file, path_within, read_settings

MAX_HEADER_BYTES = 16 * 2**20
"""Bytes of a safetensors file's header; those of real checkpoints have at most a few MiB."""
FLOATS = ("F64", "F32", "F16", "BF16")
_CONVERT = "convert it where you trust it: AutoModel.from_pretrained(FOLDER{}).save_pretrained(FOLDER)"
_PICKLE = f"a pickle, which could run any code and is not read; {_CONVERT.format('')}"
_EXPORTED = "an exported graph; download model.safetensors of the model that it was made from"
_ADAPTER = (
    "an adapter without the model it belongs to; merge them with peft: "
    "AutoPeftModel.from_pretrained(FOLDER).merge_and_unload().save_pretrained(NEW_FOLDER)"
)
_OTHER_FORMATS = {
    "pytorch_model.bin": _PICKLE,
    "pytorch_model.bin.index.json": "the index of pytorch_model-*.bin, pickles, which could run any code and are not read; "
    + _CONVERT.format(""),
    "tf_model*.h5": f"the weights of TensorFlow; {_CONVERT.format(', from_tf=True')}, with transformers 4",
    "*.ckpt.index": "a checkpoint of TensorFlow 1; convert it with transformers 4: transformers-cli convert",
    "flax_model*.msgpack": f"the weights of Flax; {_CONVERT.format(', from_flax=True')}, with transformers 4",
    "adapter_model.*": _ADAPTER,
    **dict.fromkeys(("*.bin", "*.pt", "*.pth", "*.ckpt"), _PICKLE),
    **dict.fromkeys(("*.onnx", "onnx/*.onnx", "openvino*", "*.gguf"), _EXPORTED),
}
"""Other weight files, by pattern, and what to say of them where there is no model.safetensors."""
_NO_WEIGHTS = ("training_args.bin", "optimizer.pt", "scheduler.pt", "scaler.pt", "rng_state.pth")
"""Files that a training leaves beside the weights."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file.

    Args:
        file: the safetensors file.
        name: its name in the file.
        shape: its shape.
        kind: its number format, such as `F32`.
    """

    file: Path
    name: str
    shape: tuple[int, ...]
    kind: str


def stored_tensors(folder: Path, advice: str = "") -> dict[str, StoredTensor]:
    """The tensors of a folder, by name: those of model.safetensors, or of the files that its index names.

    Only the files' headers are read.

    Args:
        folder: the folder.
        advice: what to do where it has neither; empty: by what it has in their place.

    Raises:
        UserError: there is no such file, or it is damaged. For weights in another format the message says what to do.
    """
    file, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if file.is_file():
        return _read_header(file)
    if not index.is_file():
        raise UserError(f"{folder}: {advice or _advice(folder)}")
    places = read_settings(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise UserError(f"{index}: has no weight_map, which names the file of each tensor; download it again")
    parts = {part: path_within(folder, part, index) for part in dict.fromkeys(map(str, places.values()))}
    headers = {part: _read_header(path) for part, path in parts.items()}
    for name, part in places.items():
        if name not in headers[str(part)]:
            raise UserError(
                f"{parts[str(part)]}: lacks the tensor {str(name)[:100]!r}, which {index.name} names; download it again"
            )
    return {name: headers[str(part)][name] for name, part in places.items()}


def read_tensors(tensors: Iterable[StoredTensor]) -> list[np.ndarray]:
    """The values of tensors, float32.

    Raises:
        UserError: a value is no number or not finite, or a file is damaged.
    """
    import ml_dtypes  # noqa: F401 - adds bfloat16 to NumPy
    from safetensors import safe_open

    arrays, opened = [], {}
    for tensor in tensors:
        if tensor.kind not in FLOATS:
            raise UserError(
                f"{tensor.file}: the tensor {tensor.name[:100]!r} is stored as {tensor.kind}; quantised weights are not supported: "
                "name the original checkpoint"
            )
        try:
            if tensor.file not in opened:
                opened[tensor.file] = safe_open(tensor.file, framework="np")
            array = opened[tensor.file].get_tensor(tensor.name).astype(np.float32, copy=False)
        except Exception as error:  # the Rust side has several kinds
            raise _damaged(tensor.file, error) from None
        if not np.isfinite(array).all():
            raise UserError(
                f"{tensor.file}: the tensor {tensor.name[:100]!r} holds values that are not finite numbers; "
                "download the checkpoint again"
            )
        arrays.append(array)
    return arrays


def _read_header(file: Path) -> dict[str, StoredTensor]:
    """The tensors of one file. The library checks that they lie within the file, without overlap and without gaps."""
    from safetensors import safe_open

    if not file.is_file():
        raise UserError(f"{file.parent}: has no {file.name}; download the missing part of the checkpoint")
    check_is_the_file(file)
    with open(file, "rb") as opened:
        start = opened.read(8)
    size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if size > MAX_HEADER_BYTES:
        raise UserError(f"{file}: damaged or no safetensors file (a header of {size:,} bytes); download the file again")
    tensors = {}
    try:
        with safe_open(file, framework="np") as opened:
            for name in opened.keys():  # noqa: SIM118 - not a dict
                view = opened.get_slice(name)
                tensors[name] = StoredTensor(file, name, tuple(view.get_shape()), view.get_dtype())
    except Exception as error:  # the Rust side has several kinds
        raise _damaged(file, error) from None
    return tensors


def _damaged(file: Path, error: Exception) -> UserError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return UserError(f"{file}: damaged or cut short ({reason[:200]}); download the file again")


def _advice(folder: Path) -> str:
    """What to say of a folder without model.safetensors."""
    for pattern, advice in _OTHER_FORMATS.items():
        files = sorted(file for file in folder.glob(pattern) if file.name not in _NO_WEIGHTS)
        if files:
            return f"has no model.safetensors but {files[0].relative_to(folder)}, {advice}"
    others = sorted(file.name for file in folder.glob("*.safetensors"))
    if others:
        return f"has no model.safetensors but {', '.join(others[:3])}; rename the file of the whole model"
    return "has no model.safetensors; name a folder with the checkpoint's weights"
