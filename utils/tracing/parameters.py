"""What a trained model says about items and students, for plots and `results.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.tracing.features import Piece
from utils.tracing.item_response import PROBABILITIES
from utils.tracing.parameter_plots import (
    MAX_STUDENTS,
    StudentCurve,
    plot_abilities,
    plot_addresses,
    plot_item_curves,
    plot_recovery,
    plot_wright_map,
)
from utils.tracing.predictor import TracingPredictor
from utils.tracing.recovery import Link, link_to_truth, recover, true_abilities
from utils.tracing.splits import ResponseData

MIN_DEVIATION = 0.01
"""Standard errors need a prior of ability with at least this standard deviation."""


def describe_parameters(
    data: ResponseData,
    predictor: TracingPredictor,
    pieces: dict[str, Sequence[Piece]],
    outputs: dict[str, Sequence[dict]],
    split: str,
    run_dir: Path,
    model_and_data: str,
) -> dict:
    """Draw the parameters of items and students, and compare them with the truth where it is known.

    Args:
        data: the students.
        predictor: the trained model; `ability_deviation` is set to the standard deviation among the validation students, if they
            are among the outputs.
        pieces: split to pieces.
        outputs: split to `ability`, `ability_error` and `skipped` of the model's outputs for the pieces, as far as it has them.
        split: the split to draw.
        run_dir: folder for the PNG files.
        model_and_data: the model's name and the data's, for the titles.

    Returns:
        entries of `details` in `results.json`, as far as the model has them: `skipped_cycles`, the fraction of later cycles that
        were skipped; `abilities`, their mean and deviation; `recovery`, from `utils.tracing.recovery.recover`.
    """
    details, settings, items = {}, predictor.model.get_config(), predictor.item_parameters()
    if "skipped" in outputs[split][0]:
        details["skipped_cycles"] = {
            name: predictor.skipped_cycles(pieces[name], part) for name, part in outputs.items()
        }
    has_ability = "ability" in outputs[split][0]
    if has_ability and "validation" in outputs:
        abilities = predictor.last_abilities(pieces["validation"], outputs["validation"])
        predictor.ability_deviation = max(float(abilities.std()), MIN_DEVIATION)
        details["abilities"] = {"mean": float(abilities.mean()), "deviation": predictor.ability_deviation}
    # The truth is that of a partial credit model whose discrimination is the item's.
    has_truth = (
        data.truth is not None
        and has_ability
        and settings.get("item_discrimination", True)
        and predictor.head == "gpcm"
    )
    abilities = predictor.last_abilities(pieces[split], outputs[split]) if has_ability else None
    plot_items(items, data, predictor, abilities, run_dir, f"{model_and_data}, {split}")
    if has_ability:
        link = link_to_truth(data, items) if has_truth else None
        curves = student_curves(data, predictor, pieces[split], split, link)
        on_scale = "the scale of the simulation" if has_truth else "the model's scale"
        title = f"Ability of students, on {on_scale}\n{model_and_data}, {split}"
        plot_abilities(curves, data.num_categories, run_dir / "abilities.png", title)
    if has_truth and split == "test":
        abilities = [output["ability"] for output in outputs["test"]]
        errors = [
            predictor.errors_by_items(piece, output, items)
            for piece, output in zip(pieces["test"], outputs["test"], strict=True)
        ]
        pairs, details["recovery"] = recover(data, "test", pieces["test"], abilities, errors, items)
        title = f"True and estimated parameters\n{model_and_data}, {split}"
        plot_recovery(pairs, run_dir / "recovery.png", title)
    return details


def plot_items(
    items: dict[str, np.ndarray],
    data: ResponseData,
    predictor: TracingPredictor,
    abilities: np.ndarray | None,
    run_dir: Path,
    conditions: str,
) -> None:
    """Draw the items' addresses, curves and thresholds, as far as the model has them.

    Args:
        items: from `predictor.item_parameters()`.
        data: the students.
        predictor: the trained model.
        abilities: the last abilities of the students of the split that is drawn, `(students,)`; None for a model without ability.
        run_dir: folder for the PNG files.
        conditions: model, data and split, for the titles.
    """
    if "address" in items:
        skills = data.item_skills[1:] if data.item_skills else None
        plot_addresses(items["address"], run_dir / "addresses.png", f"Memory slots of the items\n{conditions}", skills)
    if "thresholds" in items:
        curves = items["discrimination"], items["thresholds"], PROBABILITIES[predictor.head]
        title = f"Responses by ability, for items from easy to hard\n{conditions}"
        plot_item_curves(data.item_names, *curves, run_dir / "item_curves.png", title)
        title = f"Students and items on one scale\n{conditions}"
        plot_wright_map(abilities, items["thresholds"], run_dir / "wright_map.png", title)


def student_curves(
    data: ResponseData,
    predictor: TracingPredictor,
    pieces: Sequence[Piece],
    split: str,
    link: Link | None,
) -> list[StudentCurve]:
    """The abilities of the first students of a split whose responses are in one piece.

    Args:
        data: the students.
        predictor: the trained model.
        pieces: those of the split.
        split: the split's name.
        link: from the model's scale to that of the truth; None where no truth is comparable.
    """
    num_pieces = Counter(piece.student for piece in pieces)
    whole = [number for number, piece in enumerate(pieces) if num_pieces[piece.student] == 1][:MAX_STUDENTS]
    drawn = [pieces[number] for number in whole]
    true_of, skills_of = true_abilities(data, split) if link else ([], [])
    curves = []
    for piece, output in zip(drawn, predictor.outputs(drawn) if drawn else [], strict=True):
        ability, truth = output["ability"], None
        errors = np.array(predictor.ability_errors(output, range(len(piece.items))))
        if link:
            ability, errors = link.on_true_scale(ability, skills_of[piece.student]), link.slope * errors
            truth = true_of[piece.student]
        name = data.sequences[split][piece.student].student
        curves.append(StudentCurve(name, ability, errors, piece.responses, truth))
    return curves
