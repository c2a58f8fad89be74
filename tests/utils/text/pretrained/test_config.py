"""config.json of an encoder: what is supported, and what each defect says."""

import json

import pytest

from tests.helpers.paths import FIXTURES
from utils.common.errors import UserError
from utils.text.pretrained.config import encoder_arguments, position_offset, read_config

BERT = json.loads((FIXTURES / "pretrained" / "bert" / "config.json").read_text())


def read(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps({name: value for name, value in (BERT | changes).items() if value is not ...}))
    config = read_config(folder)
    return encoder_arguments(config, file), position_offset(config)


def fails(folder, words, **changes):
    with pytest.raises(UserError) as caught:
        read(folder, **changes)
    message = str(caught.value)
    assert "\n" not in message and "config.json" in message and all(word in message for word in words), message


def test_the_positions_of_each_layout(tmp_path):
    assert read(tmp_path)[1] == 0 and read(tmp_path)[0]["max_length"] == 96
    for kind in ("roberta", "xlm-roberta", "camembert"):
        arguments, offset = read(tmp_path, model_type=kind, pad_token_id=1)
        assert offset == 2 and arguments["max_length"] == 94
    assert read(tmp_path, model_type="mpnet", pad_token_id="x")[1] == 2 and read(tmp_path, pad_token_id=[])[1] == 0
    assert read(tmp_path, model_type="roberta", pad_token_id=...)[1] == 2  # the value that transformers takes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_attention_heads": 5}, ["a width of 24 is not divisible by 5 attention heads"]),
        ({"num_attention_heads": 0}, ["num_attention_heads", "whole number above 0", "'0'"]),
        ({"hidden_size": None}, ["None", "whole number"]),
        ({"hidden_size": ...}, ["'hidden_size' is missing"]),
        ({"vocab_size": -3}, ["whole number above 0", "'-3'"]),
        ({"num_hidden_layers": True}, ["whole number", "'True'"]),
        ({"type_vocab_size": "2"}, ["'2'", "whole number"]),
        ({"max_position_embeddings": None}, ["whole number"]),
        ({"hidden_dropout_prob": 1.5}, ["hidden_dropout_prob must be a number from 0 to 1"]),
        ({"model_type": "gpt2"}, ["'gpt2' is not supported", "distilbert", "xlm-roberta", "camembert"]),
        ({"model_type": None}, ["model_type is missing; add it", "xlm-roberta"]),
        ({"model_type": ...}, ["model_type is missing; add it"]),
        ({"model_type": ["bert"]}, ["is not supported"]),
        ({"hidden_act": "swish9"}, ["'swish9' is not supported", "gelu_new"]),
        ({"hidden_act": {}}, ["is not supported"]),
        ({"position_embedding_type": "relative_key"}, ["relative_key"]),
        ({"is_decoder": True}, ["is_decoder"]),
        ({"quantization_config": {"load_in_8bit": True}}, ["quantised"]),
        ({"model_type": "roberta", "pad_token_id": -1}, ["pad_token_id"]),
        ({"model_type": "roberta", "pad_token_id": 200}, ["96 positions are too few"]),
    ],
)
def test_settings_that_cannot_be_used(tmp_path, changes, words):
    fails(tmp_path, words, **changes)


def test_a_file_that_is_no_settings(tmp_path):
    with pytest.raises(UserError, match=r"no config.json there; name a folder"):
        read_config(tmp_path)
    (tmp_path / "bert_config.json").write_text("{}")
    with pytest.raises(UserError, match="TensorFlow 1"):
        read_config(tmp_path)
    for content, words in (
        (b"{", "broken JSON"),
        (b"[]", "must be a JSON object"),
        ("é".encode("latin-1"), "not UTF-8"),
        (b"[" * 10**5, "nested too deeply"),
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n", "Git LFS pointer"),
    ):
        (tmp_path / "config.json").write_bytes(content)
        with pytest.raises(UserError, match=words) as caught:
            read_config(tmp_path)
        assert "config.json" in str(caught.value) and "\n" not in str(caught.value)
