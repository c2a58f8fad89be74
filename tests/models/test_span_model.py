"""Reading a trained span model, whichever it is."""

import keras
import pytest

from models.bert_qa import BertQA
from models.qa_transformer import QATransformer
from models.span_model import load_span_model

SIZE = {"hidden_dim": 6, "num_layers": 1, "num_heads": 2, "intermediate_dim": 5}


@pytest.mark.parametrize("model_class", [QATransformer, BertQA])
def test_either_is_read_and_a_damaged_file_is_told(tmp_path, model_class):
    model = QATransformer(11, **SIZE) if model_class is QATransformer else BertQA({"vocabulary_size": 11, **SIZE})
    model.build()
    file = tmp_path / "model.keras"
    model.save(file)
    assert type(load_span_model(file)) is model_class
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model\.keras"):
        load_span_model(file)


def test_another_model_is_told(tmp_path):
    file = tmp_path / "model.keras"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(file)
    with pytest.raises(ValueError, match="holds a Sequential, not a span model"):
        load_span_model(file)
