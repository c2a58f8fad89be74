"""What a model says about items and students: entries of results.json and plots."""

import keras
import pytest

from models.deep_gpcm import DeepGPCM
from models.dkt import DKT
from utils.tracing import parameters
from utils.tracing.features import cut
from utils.tracing.parameters import describe_parameters
from utils.tracing.predictor import TracingPredictor
from utils.tracing.splits import HeldOut, simulate

DATA = simulate("static", HeldOut(), students=20, items=5)


def describe(model, folder, length=200):
    model.build()
    predictor = TracingPredictor(model, DATA.item_numbers)
    pieces = {split: cut(part, DATA.item_numbers, length) for split, part in DATA.sequences.items() if split != "train"}
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


def test_a_student_in_several_pieces_counts_once(tmp_path, monkeypatch):
    drawn, model = [], DeepGPCM(6, 4, num_slots=3, key_dim=5, value_dim=7, summary_dim=4)
    monkeypatch.setattr(parameters, "plot_wright_map", lambda abilities, *_: drawn.append(abilities))
    predictor, details = describe(model, tmp_path, length=10)
    last_pieces = {
        split: [cut([sequence], DATA.item_numbers, 10)[-1] for sequence in DATA.sequences[split]]
        for split in ("validation", "test")
    }
    expected = {
        split: [output["ability"][-1] for output in predictor.outputs(part)] for split, part in last_pieces.items()
    }
    assert drawn[0] == pytest.approx(expected["test"], abs=1e-5)
    assert details["abilities"]["mean"] == pytest.approx(
        sum(expected["validation"]) / len(expected["validation"]), abs=1e-5
    )


@pytest.mark.parametrize("settings", [{"item_discrimination": False}, {"head": "graded"}])
def test_parameters_that_mean_something_else_are_not_compared(tmp_path, settings):
    model = DeepGPCM(6, 4, num_slots=3, key_dim=5, value_dim=7, summary_dim=4, **settings)
    assert describe(model, tmp_path)[1].keys() == {"abilities"}


def test_a_model_without_parameters_has_nothing_to_describe(tmp_path):
    assert describe(DKT(6, 4, hidden_dim=5), tmp_path)[1] == {} and not list(tmp_path.iterdir())
