"""Reading pretrained checkpoints: every tensor has its place, and every defect its message (fixtures/make_pretrained.py)."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from components.bert_encoder import BertEncoder
from models.bert_qa import BertQA
from tests.helpers.paths import FIXTURES, ROOT
from utils.common.errors import UserError
from utils.text.pretrained.checkpoint import assign, read_checkpoint, reduced_embeddings

PRETRAINED = FIXTURES / "pretrained"
KINDS = ["bert", "distilbert", "electra", "roberta"]


def loaded(folder):
    checkpoint = read_checkpoint(folder)
    encoder = BertEncoder(**checkpoint.encoder, name="encoder")
    encoder.build()
    assign(encoder, checkpoint.weights)
    return encoder, checkpoint


@pytest.fixture
def copy(tmp_path):
    """A copy of the BERT checkpoint to break."""
    return Path(shutil.copytree(PRETRAINED / "bert", tmp_path / "bert"))


@pytest.mark.parametrize("kind", KINDS)
def test_heads_are_known_and_a_span_head_is_kept(kind):
    checkpoint = read_checkpoint(PRETRAINED / kind)
    assert bool(checkpoint.span_head) == (kind == "bert") and bool(checkpoint.heads) == (kind != "bert")
    if kind == "bert":
        model = BertQA(checkpoint.encoder)
        model.build()
        assign(model.encoder, checkpoint.weights)
        assign(model.span_head, checkpoint.span_head)
        tensors = load_file(PRETRAINED / kind / "model.safetensors")
        np.testing.assert_array_equal(model.span_head.kernel, tensors["qa_outputs.weight"].T)


def change(folder, **changes):
    """Edit config.json."""
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def tensors_of(folder, edit):
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_files_without_prefix_with_old_names_and_in_half_precision(copy):
    expected = read_checkpoint(copy).weights
    tensors = load_file(copy / "model.safetensors")
    renamed = {
        name.removeprefix("bert.").replace("LayerNorm.weight", "LayerNorm.gamma"): array.astype(np.float16)
        for name, array in tensors.items()
    }
    save_file(renamed, copy / "model.safetensors")
    weights = read_checkpoint(copy).weights
    assert weights.keys() == expected.keys()
    for name, array in expected.items():
        assert weights[name].dtype == np.float32
        np.testing.assert_allclose(weights[name], array, atol=2e-3)


def fails(folder, *words):
    with pytest.raises(UserError) as caught:
        loaded(folder)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


def test_a_checkpoint_in_bfloat16_is_read_before_keras_is_there(copy):
    import ml_dtypes

    tensors_of(copy, lambda tensors: tensors.update({k: v.astype(ml_dtypes.bfloat16) for k, v in tensors.items()}))
    code = f"from utils.text.pretrained.checkpoint import read_checkpoint as r; print(len(r({str(copy)!r}).weights))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == str(len(read_checkpoint(PRETRAINED / "bert").weights)), done.stderr


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vocab_size": 301}, ["word_embeddings.weight' has shape"]),
        ({"intermediate_size": 41}, ["intermediate.dense", "41"]),
        ({"num_hidden_layers": 3}, ["missing", "block_2/"]),
        ({"num_hidden_layers": 1}, ["unexpected", "encoder.layer.1."]),
        ({"num_hidden_layers": 10**9}, ["asks for 1,000,000,000 layers"]),
        ({"max_position_embeddings": 10**12}, ["position_embeddings.weight' has shape"]),
    ],
)
def test_a_config_that_does_not_fit(copy, changes, words):
    change(copy, **changes)
    fails(copy, str(copy), *words)


def test_missing_and_unknown_tensors_are_named(copy):
    tensors_of(copy, lambda tensors: tensors.pop("bert.encoder.layer.1.attention.self.key.weight"))
    fails(copy, "missing", "block_1/key/kernel")
    tensors_of(copy, lambda tensors: tensors.update({"bert.encoder.layer.0.adapter.weight": np.zeros(3, np.float32)}))
    fails(copy, "bert.encoder.layer.0.adapter.weight", "not known in a bert encoder")


def test_reduced_embeddings_keep_the_neighbourhoods():
    checkpoint = read_checkpoint(PRETRAINED / "bert")
    table = checkpoint.weights["token_embedding/embeddings"]
    whole, half = (reduced_embeddings(checkpoint, dim) for dim in (24, 12))
    assert whole.shape == (len(table), 24) and half.std() == pytest.approx(1, abs=1e-4)
    centred = table - table.mean(axis=0)
    for rows in (0, 7, 100):  # a rotation: distances stay as they were, up to one factor
        before, after = (np.linalg.norm(part - part[rows], axis=1) for part in (centred, whole))
        np.testing.assert_allclose(after, before * after.sum() / before.sum(), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(np.abs(np.corrcoef(half[:, 0], whole[:, 0])[0, 1]), 1, atol=1e-3)
    with pytest.raises(UserError, match="less than --hidden-dim 25"):
        reduced_embeddings(checkpoint, 25)


def test_the_real_minilm():
    """MiniLM-L6 where QKV_ZOO_MINILM names its folder: every tensor placed."""
    folder = os.environ.get("QKV_ZOO_MINILM")
    if not folder:
        pytest.skip("QKV_ZOO_MINILM is not set: it names a folder with all-MiniLM-L6-v2")
    encoder, checkpoint = loaded(folder)
    assert encoder.count_params() == 22_565_376 and len(checkpoint.heads) == 2


def test_a_span_head_of_another_shape_and_values_that_are_no_numbers(copy):
    tensors_of(copy, lambda tensors: tensors.update({"qa_outputs.weight": np.zeros((2, 12), np.float32)}))
    fails(copy, str(copy), "question-answering head", "kernel (2, 12)")
    tensors_of(copy, lambda tensors: tensors.pop("qa_outputs.weight"))
    fails(copy, str(copy), "question-answering head", "bias (2,)")
    tensors_of(copy, lambda tensors: tensors.pop("qa_outputs.bias"))
    name = "bert.embeddings.LayerNorm.bias"
    tensors_of(copy, lambda tensors: tensors.update({name: np.full_like(tensors[name], np.nan)}))
    fails(copy, name, "not finite numbers")


def test_positions_of_roberta_start_after_its_padding_id(tmp_path):
    folder = Path(shutil.copytree(PRETRAINED / "roberta", tmp_path / "roberta"))
    table = load_file(folder / "model.safetensors")["roberta.embeddings.position_embeddings.weight"]
    change(folder, pad_token_id=1)
    checkpoint = read_checkpoint(folder)
    assert checkpoint.encoder["max_length"] == len(table) - 2
    np.testing.assert_array_equal(checkpoint.weights["position/table"], table[2:])
    for kind in ("xlm-roberta", "camembert"):
        change(folder, model_type=kind)
        np.testing.assert_array_equal(read_checkpoint(folder).weights["position/table"], table[2:])
    change(folder, pad_token_id=None)
    fails(folder, "config.json", "pad_token_id")


def test_the_checksum_is_of_all_that_a_model_takes(copy):
    before = read_checkpoint(copy).checksum
    assert before == read_checkpoint(PRETRAINED / "bert").checksum
    change(copy, layer_norm_eps=1e-6)
    after = read_checkpoint(copy).checksum
    tensors_of(copy, lambda tensors: tensors.update({"qa_outputs.bias": tensors["qa_outputs.bias"] + 1}))
    assert len({before, after, read_checkpoint(copy).checksum}) == 3
