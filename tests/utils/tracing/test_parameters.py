"""What a model says about items and students: entries of results.json and plots."""

import keras
import pytest

from models.deep_gpcm import DeepGPCM
from models.dkt import DKT
from utils.tracing.features import cut
from utils.tracing.parameters import describe_parameters
from utils.tracing.predictor import TracingPredictor
from utils.tracing.splits import HeldOut, simulate

DATA = simulate("static", HeldOut(), students=20, items=5)


def describe(model, folder):
    model.build()
    predictor = TracingPredictor(model, DATA.item_numbers)
    pieces = {split: cut(part, DATA.item_numbers, 200) for split, part in DATA.sequences.items() if split != "train"}
    outputs = {split: predictor.outputs(part) for split, part in pieces.items()}
    return predictor, describe_parameters(DATA, predictor, pieces, outputs, "test", folder, "a, b")


def test_a_model_with_ability_is_compared_with_the_truth(tmp_path):
    keras.utils.set_random_seed(3)
    predictor, details = describe(DeepGPCM(6, 4, num_slots=3, key_dim=5, value_dim=7, summary_dim=4), tmp_path)
    assert details.keys() == {"abilities", "recovery"}
    assert predictor.ability_deviation == details["abilities"]["deviation"] > 0
    assert details["recovery"].keys() >= {"r_theta", "r_alpha", "r_beta", "coverage_95"}
    plots = {path.stem for path in tmp_path.glob("*.png")}
    assert plots == {"addresses", "item_curves", "wright_map", "abilities", "recovery"}


@pytest.mark.parametrize("settings", [{"item_discrimination": False}, {"head": "graded"}])
def test_parameters_that_mean_something_else_are_not_compared(tmp_path, settings):
    model = DeepGPCM(6, 4, num_slots=3, key_dim=5, value_dim=7, summary_dim=4, **settings)
    assert describe(model, tmp_path)[1].keys() == {"abilities"}


def test_a_model_without_parameters_has_nothing_to_describe(tmp_path):
    assert describe(DKT(6, 4, hidden_dim=5), tmp_path)[1] == {} and not list(tmp_path.iterdir())
