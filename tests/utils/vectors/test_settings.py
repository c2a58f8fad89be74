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
    for name, models in (("context_length", ("amn", "lstm")), ("num_layers", ("lstm", "transformer"))):
        described = text.split(f"    {name}: int = 0\n")[1].split('"""')[1]
        assert all(str(OWN_SETTINGS[model][name]) in described for model in models)
