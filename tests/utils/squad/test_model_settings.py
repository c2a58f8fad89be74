"""The values of settings that are left out."""

from pathlib import Path

import pytest

from train_squad import Config
from utils.common.errors import UserError
from utils.squad.model_settings import with_model_settings


def settings(**given):
    return with_model_settings(Config(run_dir=Path("unused"), **given))


def test_minilm_starts_from_its_checkpoint_at_its_learning_rate():
    config = settings(model="minilm")
    assert (config.init_from, config.learning_rate) == ("sentence-transformers/all-MiniLM-L6-v2", 2e-4)
    assert config.word_vectors is None and config.num_layers is None  # they come with the checkpoint


def test_what_is_named_stays():
    config = settings(model="minilm", init_from="my-folder", learning_rate=1e-4)
    assert (config.init_from, config.learning_rate) == ("my-folder", 1e-4)
    config = settings(num_layers=5)
    assert (config.num_layers, config.hidden_dim, config.context_query_attention) == (5, 128, True)


def test_the_shape_of_a_checkpoint_cannot_be_changed():
    with pytest.raises(UserError, match="leave out --num-layers"):
        settings(model="minilm", num_layers=5)
