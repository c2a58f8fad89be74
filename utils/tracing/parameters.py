"""What a trained model says about items and students, for plots and `results.json`."""

from __future__ import annotations

from pathlib import Path

from utils.tracing.plots import plot_parameters, plot_recovery
from utils.tracing.predictor import TracingPredictor
from utils.tracing.recovery import recover
from utils.tracing.splits import ResponseData

MIN_DEVIATION = 0.01
"""Standard errors need a prior of ability with at least this standard deviation."""


def describe_parameters(
    data: ResponseData, predictor: TracingPredictor, pieces: dict, outputs: dict, split: str, run_dir: Path
) -> dict:
    """Draw the parameters of items and students, and compare them with the truth where it is known.

    Args:
        data: the students.
        predictor: the trained model; `ability_deviation` is set to the standard deviation among the validation students, if they
            are among the outputs.
        pieces: split to pieces.
        outputs: split to the model's outputs for the pieces.
        split: the split to draw.
        run_dir: folder for the PNG files.

    Returns:
        entries of `details` in `results.json`, as far as the model has them: `skipped_cycles`, the fraction of later cycles that
        were skipped; `abilities`, their mean and deviation; `recovery`, from `utils.tracing.recovery.recover`.
    """
    details, settings = {}, predictor.model.get_config()
    if "skipped" in outputs[split][0]:
        details["skipped_cycles"] = {
            name: predictor.skipped_cycles(pieces[name], part) for name, part in outputs.items()
        }
    has_ability = "ability" in outputs[split][0]
    if has_ability and "validation" in outputs:
        abilities = predictor.last_abilities(outputs["validation"])
        predictor.ability_deviation = max(float(abilities.std()), MIN_DEVIATION)
        details["abilities"] = {"mean": float(abilities.mean()), "deviation": predictor.ability_deviation}
    students = [sequence.student for sequence in data.sequences[split]]
    plot_parameters(predictor, data.item_names, data.item_skills, pieces[split], outputs[split], students, run_dir)
    # Recovery is defined for the model that simulated the data: a partial credit model whose discrimination is the item's.
    is_comparable = has_ability and settings["item_discrimination"] and predictor.head == "gpcm"
    if data.truth is not None and split == "test" and is_comparable:
        abilities, items = predictor.last_abilities(outputs["test"]), predictor.item_parameters()
        pairs, details["recovery"] = recover(data, pieces["test"], items, abilities, predictor.ability_deviation)
        plot_recovery(pairs, run_dir / "recovery.png")
    return details
