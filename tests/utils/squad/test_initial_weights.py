"""The weights that training starts from: a checkpoint's encoder, its embeddings, or embeddings learned from the text."""

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.paths import FIXTURES
from utils.common.errors import UserError
from utils.squad.data import Question
from utils.squad.features import build_features
from utils.squad.initial_weights import read_initial_checkpoint, set_initial_weights
from utils.squad.tokenizer import prepare_tokenizer

PRETRAINED = str(FIXTURES / "pretrained" / "bert")


def small_model(vocabulary_size):
    from models.qa_transformer import QATransformer

    model = QATransformer(vocabulary_size, hidden_dim=12, num_layers=1, num_heads=2, intermediate_dim=7, max_length=96)
    model.build()
    return model


def test_a_pretrained_encoder_is_copied_whole():
    from models.bert_qa import BertQA

    checkpoint = read_initial_checkpoint(PRETRAINED, None, max_length=96, hidden_dim=None)
    model = BertQA(checkpoint.encoder)
    model.build()
    set_initial_weights(model, None, checkpoint, None)
    for variable in model.encoder.weights:
        np.testing.assert_array_equal(variable, checkpoint.weights[variable.path.split("encoder/", 1)[1]])
    np.testing.assert_array_equal(model.span_head.kernel, checkpoint.span_head["kernel"])


def test_pretrained_embeddings_are_reduced():
    from utils.text.pretrained.checkpoint import reduced_embeddings

    checkpoint = read_initial_checkpoint(PRETRAINED, "pretrained", max_length=384, hidden_dim=12)
    model = small_model(checkpoint.encoder["vocabulary_size"])
    set_initial_weights(model, "pretrained", checkpoint, None)
    expected = model.embedding_scale * reduced_embeddings(checkpoint, 12)
    np.testing.assert_allclose(model.token_embedding.embeddings, expected, rtol=1e-6)


def test_embeddings_from_the_text_and_random_ones(tmp_path):
    from utils.text.word_vectors import cooccurrence_vectors

    questions = [
        Question(f"{n}", "", f"Town {n} lies by the sea, and town {n} is old.", "Where?", ()) for n in range(9)
    ]
    tokenizer = prepare_tokenizer(tmp_path, questions, vocabulary_size=80)
    features = build_features(questions, tokenizer, max_length=384, doc_stride=128, labelled=False)
    model = small_model(tokenizer.get_vocab_size())
    random = np.array(model.token_embedding.embeddings)
    set_initial_weights(model, "random", None, features)
    np.testing.assert_array_equal(model.token_embedding.embeddings, random)
    set_initial_weights(model, "text", None, features)
    texts = [tokenizer.encode(q.context, add_special_tokens=False).ids for q in questions]
    texts += [tokenizer.encode(q.question, add_special_tokens=False).ids for q in questions]
    expected = model.embedding_scale * cooccurrence_vectors(texts, tokenizer.get_vocab_size(), 12)
    np.testing.assert_allclose(model.token_embedding.embeddings, expected, rtol=1e-6)


def test_a_checkpoint_must_fit_the_settings():
    assert read_initial_checkpoint(None, "random", max_length=384, hidden_dim=12) is None
    with pytest.raises(UserError, match="positions for 96 tokens; give at most 96"):
        read_initial_checkpoint(PRETRAINED, None, max_length=97, hidden_dim=None)
    with pytest.raises(UserError, match="its embeddings have 24 columns"):
        read_initial_checkpoint(PRETRAINED, "pretrained", max_length=384, hidden_dim=128)


def test_the_tokenizer_is_kept_with_the_run(tmp_path):
    questions = [Question("q", "", "Town 1 lies by the sea.", "Where?", ())]
    trained = prepare_tokenizer(tmp_path, questions, vocabulary_size=40)
    assert (tmp_path / "tokenizer.json").exists()
    resumed = prepare_tokenizer(tmp_path, [], source=Path(PRETRAINED), resume=True)
    assert resumed.get_vocab() == trained.get_vocab()
    named = prepare_tokenizer(tmp_path, [], source=Path(PRETRAINED))
    assert named.get_vocab() != trained.get_vocab()
