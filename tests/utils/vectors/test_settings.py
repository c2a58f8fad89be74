from pathlib import Path

from train_vectors import MODELS, Config
from utils.vectors.settings import OWN_SETTINGS, fill_in_own_settings


def test_settings_of_0_are_filled_in_and_others_kept():
    for model in MODELS:
        config = Config(Path("unused"), model=model)
        fill_in_own_settings(config)
        assert config.context_length == OWN_SETTINGS[model]["context_length"] > 0
        assert model == "amn" or config.num_layers > 0
        config = Config(Path("unused"), model=model, context_length=7, num_layers=3)
        fill_in_own_settings(config)
        assert (config.context_length, config.num_layers) == (7, 3)


def test_the_help_names_each_models_own_settings():
    text = Path("train_vectors.py").read_text()
    for name, described in (
        ("context_length", "0 is the model's own: {amn} of `amn`, {lstm} of"),
        ("hidden_dim", "0 means {lstm} of `lstm` and {transformer} of `transformer`"),
        ("num_layers", "0 means {lstm} of `lstm` and `gru`, and {transformer} of `transformer`"),
    ):
        values = {model: own.get(name) for model, own in OWN_SETTINGS.items()}
        assert described.format(**values) in text
