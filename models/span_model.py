"""Read a trained span model, whichever it is."""

import keras

from models.bert_qa import BertQA
from models.qa_transformer import QATransformer


def load_span_model(path) -> QATransformer | BertQA:
    """Read a `.keras` file of a span model, in Keras' safe mode: no code that it may carry is run.

    Raises:
        ValueError: the file holds something else, or is damaged.
    """
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    if not isinstance(model, (QATransformer, BertQA)):
        raise ValueError(f"{path}: holds a {type(model).__name__}, not a span model")
    return model
