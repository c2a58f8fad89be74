"""Safetensors files, whole and in parts, damaged and hostile ones, and advice for other formats."""

import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.helpers.paths import ROOT
from utils.common.errors import UserError
from utils.text.pretrained.tensors import MAX_HEADER_BYTES, read_tensors, stored_tensors

ARRAYS = {name: np.arange(6, dtype=np.float32).reshape(2, 3) + number for number, name in enumerate("abcd")}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 440449768\n"


def fails(folder, *words):
    with pytest.raises(UserError) as caught:
        read_tensors(stored_tensors(folder).values())
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


def write_parts(folder, **changes):
    """The arrays in two files, and an index of them."""
    places = {"a": "one.safetensors", "b": "two.safetensors", "c": "one.safetensors", "d": "two.safetensors"}
    for part in set(places.values()):
        save_file({name: ARRAYS[name] for name, place in places.items() if place == part}, folder / part)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places | changes}))
    return index


def write_header(folder, header: dict | bytes, data=b"", size=None):
    """A safetensors file of one's own making."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    content = struct.pack("<Q", len(text) if size is None else size) + text + data
    (folder / "model.safetensors").write_bytes(content)


def test_whole_and_in_parts(tmp_path):
    write_parts(tmp_path)
    for _ in range(2):
        tensors = stored_tensors(tmp_path)
        assert {name: tensor.shape for name, tensor in tensors.items()} == dict.fromkeys("abcd", (2, 3))
        for name, array in zip(tensors, read_tensors(tensors.values()), strict=True):
            np.testing.assert_array_equal(array, ARRAYS[name])
        save_file(ARRAYS, tmp_path / "model.safetensors")


def test_an_index_that_cannot_be_used(tmp_path):
    write_parts(tmp_path, e="one.safetensors")
    fails(tmp_path, "one.safetensors", "lacks the tensor 'e'")
    write_parts(tmp_path, e="three.safetensors")
    fails(tmp_path, "has no three.safetensors", "missing part")
    write_parts(tmp_path, e="../one.safetensors")
    fails(tmp_path, "index.json", "not within its folder")
    write_parts(tmp_path, e="/etc/passwd")
    fails(tmp_path, "index.json", "not within its folder")
    write_parts(tmp_path)
    (tmp_path / "two.safetensors").write_text(POINTER)
    fails(tmp_path, "two.safetensors", "Git LFS pointer")
    for content in ("{}", '{"weight_map": []}', "[]", "{"):
        (tmp_path / "model.safetensors.index.json").write_text(content)
        fails(tmp_path, "index.json")


def test_files_that_are_cut_short(tmp_path):
    save_file(ARRAYS, tmp_path / "model.safetensors")
    whole = (tmp_path / "model.safetensors").read_bytes()
    for size in (0, 5, 100, len(whole) - 1):
        (tmp_path / "model.safetensors").write_bytes(whole[:size])
        fails(tmp_path, "model.safetensors", "damaged or cut short")
    (tmp_path / "model.safetensors").write_text(POINTER)
    fails(tmp_path, "model.safetensors", "Git LFS pointer", "git lfs pull")
    (tmp_path / "model.safetensors").write_text("<!DOCTYPE html><html>")
    fails(tmp_path, "model.safetensors", "web page")


def tensor(begin, end, shape=(2,), kind="F32"):
    return {"dtype": kind, "shape": list(shape), "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("header", "size", "words"),
    [
        ({"a": tensor(0, 8)}, 2**62, "a header of 4,611,686,018,427,387,904 bytes"),
        ({"a": tensor(0, 8)}, MAX_HEADER_BYTES + 1, "a header of"),
        ({"a": tensor(0, 8)}, 2**20, "damaged"),
        ({"a": tensor(0, 2**40, (2**38,))}, None, "damaged"),
        ({"a": tensor(0, 8), "b": tensor(4, 12)}, None, "damaged"),
        ({"a": tensor(4, 12)}, None, "damaged"),
        ({"a": tensor(8, 0)}, None, "damaged"),
        ({"a": tensor(-8, 8)}, None, "damaged"),
        ({"a": tensor(0, 8, (2**63, 2**63))}, None, "damaged"),
        ({"a": tensor(0, 8, (5,))}, None, "damaged"),
        ({"a": tensor(0, 8, kind="X9")}, None, "damaged"),
        ({"a": tensor(0, 16, kind="I64")}, None, "stored as I64"),
        ({"a": tensor(0, 16, (16,), kind="F8_E4M3")}, None, "stored as F8_E4M3"),
        (b"[" * 1000, None, "damaged"),
        (b"\xff" * 64, None, "damaged"),
    ],
)
def test_headers_that_claim_too_much(tmp_path, header, size, words):
    write_header(tmp_path, header, b"\0" * 16, size)
    fails(tmp_path, "model.safetensors", words)


def test_a_large_header_needs_little_memory(tmp_path):
    many = {f"tensor number {number}": tensor(0, 0, (0,)) for number in range(100_000)}
    write_header(tmp_path, many)
    assert (tmp_path / "model.safetensors").stat().st_size < MAX_HEADER_BYTES
    code = (
        "import resource, numpy; from pathlib import Path; from utils.text.pretrained.tensors import stored_tensors\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"print(len(stored_tensors(Path({str(tmp_path)!r}))), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    count, kibibytes = map(int, done.stdout.split())
    assert count == len(many) and kibibytes < 500_000, done.stderr


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["pytorch_model.bin"], ["pytorch_model.bin, a pickle", "save_pretrained(FOLDER)"]),
        (
            ["pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"],
            ["pytorch_model.bin.index.json", "pickles", "save_pretrained(FOLDER)"],
        ),
        (["tf_model.h5"], ["tf_model.h5", "TensorFlow", "from_tf=True", "transformers 4"]),
        (["flax_model.msgpack"], ["flax_model.msgpack", "Flax", "from_flax=True"]),
        (["bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001"], ["bert_model.ckpt.index", "TensorFlow 1"]),
        (["model.onnx"], ["model.onnx", "exported"]),
        (["onnx/model.onnx"], ["onnx/model.onnx", "exported"]),
        (["model.gguf"], ["model.gguf", "exported"]),
        (["adapter_model.safetensors"], ["adapter_model.safetensors", "merge_and_unload"]),
        (["checkpoint.pt", "training_args.bin"], ["checkpoint.pt", "pickle"]),
        (["training_args.bin"], ["no model.safetensors; name a folder"]),
        (["my_model.safetensors"], ["my_model.safetensors", "rename"]),
        ([], ["no model.safetensors; name a folder"]),
    ],
)
def test_weights_in_other_formats_get_advice_of_their_own(tmp_path, names, words):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"PK")
    fails(tmp_path, "has no model.safetensors", *words)


def test_values_that_are_no_numbers(tmp_path):
    save_file({"a": np.array([1, np.inf], np.float16)}, tmp_path / "model.safetensors")
    fails(tmp_path, "the tensor 'a' holds values that are not finite numbers")
