"""The values of the settings of train_squad.py that the command line leaves out: each model has its own."""

from __future__ import annotations

from dataclasses import replace

from utils.common.errors import UserError
from utils.squad.initial_run import shape_of_run
from utils.text.pretrained import MINILM
from utils.training.settings import as_flag

PLAIN = {
    "hidden_dim": 128,
    "num_layers": 4,
    "num_heads": 4,
    "intermediate_dim": 512,
    "match_features": False,
    "match_bias": False,
    "relative_positions": False,
    "convolution_width": 0,
    "context_query_attention": False,
    "word_vectors": "random",
    "dropout": 0.1,
    "epochs": 3,
    "learning_rate": 1e-3,
    "length_penalty": 0.4,
}
MATCHING = PLAIN | {
    "num_layers": 3,
    "match_features": True,
    "match_bias": True,
    "relative_positions": True,
    "convolution_width": 7,
    "context_query_attention": True,
    "word_vectors": "text",
}
PRETRAINED = {"dropout": 0.1, "epochs": 3, "learning_rate": 5e-5, "ema": 0.0, "length_penalty": 0.2}
MODELS = {
    "plain": PLAIN,
    "matching": MATCHING,
    "distilbert": PRETRAINED | {"init_from": "distilbert-base-uncased"},
    "bert": PRETRAINED | {"init_from": "bert-base-uncased"},
    "minilm": PRETRAINED | {"init_from": MINILM, "learning_rate": 2e-4},
}
SHAPE_SETTINGS = (
    *("hidden_dim", "num_layers", "num_heads", "intermediate_dim"),
    *("match_features", "match_bias", "relative_positions", "convolution_width", "context_query_attention"),
)
"""The settings that decide which weights an encoder has. Those that are left out are those of the run that it starts from."""
ENCODER_SETTINGS = (*SHAPE_SETTINGS, "dropout", "attention_dropout", "layer_dropout", "hashed_words")
"""The settings that are constructor arguments of `QATransformer`."""
MODEL_SETTINGS = tuple(PLAIN)  # a pretrained encoder brings those that PRETRAINED lacks


def with_model_settings(config):
    """Fill in the settings that the command line leaves out with those of the model.

    Args:
        config: `train_squad.Config`.

    Returns:
        a copy of it in which every setting of the model has a value.

    Raises:
        UserError: a setting that the model does not have.
    """
    settings = MODELS[config.model]
    is_pretrained = "word_vectors" not in settings
    not_applicable = [name for name in MODEL_SETTINGS if name not in settings and getattr(config, name) is not None]
    if not_applicable:
        flags = ", ".join(as_flag(name) for name in not_applicable)
        raise UserError(f"--model {config.model} takes its shape and embeddings from its checkpoint: leave out {flags}")
    if config.init_from and config.word_vectors in (None, "pretrained") and not is_pretrained:
        shape = shape_of_run(config.init_from, SHAPE_SETTINGS)
        settings = settings | shape | {"word_vectors": "pretrained"}
    return replace(config, **{name: value for name, value in settings.items() if getattr(config, name) is None})
