"""A trained model that predicts responses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models import load_model
from utils.common.errors import UserError
from utils.common.onnx_model import OnnxModel
from utils.common.reading import MAX_BAD_FRACTION, Reading
from utils.common.references import model_folder
from utils.tracing.answering import TracingAnswerer
from utils.tracing.data import COMMON_FORMAT, ResponseFormat, read_responses
from utils.tracing.evaluation import Predictions
from utils.tracing.features import Piece
from utils.tracing.item_response import softmax
from utils.tracing.names import plain_name, with_plain_names
from utils.tracing.sequences import MAX_CATEGORIES, ResponseSequence
from utils.training.finished import checked_number, damaged_run_as_user_error, read_run, read_run_file


class TracingPredictor(TracingAnswerer):
    """Predicts how students will respond, from their responses so far, see `TracingAnswerer`.

        predictor = TracingPredictor.load("tracing-practice")
        predictor([[("17", 3), ("4", 0)]], ["5"])[0]["predictions"][0]["probabilities"]

    Args:
        model: a model of knowledge tracing.
        item_numbers: item to its number, from 1; all other items count as one unknown item.
        ability_deviation: standard deviation of ability among students, for standard errors; None for a model without ability.
        response_format: how the training files were read, for `read_histories`.
        skill_of_item: item to the name of its skill, for `utils.tracing.mastery`; items that are not among them are skills of their
            own.
    """

    def __init__(
        self,
        model,
        item_numbers: dict[str, int],
        ability_deviation: float | None = None,
        response_format: ResponseFormat = COMMON_FORMAT,
        skill_of_item: dict[str, str] | None = None,
    ):
        settings = model.get_config()
        super().__init__(model, item_numbers, settings["num_categories"], settings.get("head"), ability_deviation)
        self.response_format = response_format
        self.skill_of_item = skill_of_item or {}

    @classmethod
    def load(cls, run_dir: str | Path) -> TracingPredictor:
        """Load the model of a finished run.

        Args:
            run_dir: the run directory, the name of a published model, or `hf://owner/name`.

        Raises:
            UserError: the run has not finished, is one of another task, or a file of it is damaged.
        """
        _, results = read_run(run_dir, "tracing")
        with damaged_run_as_user_error(run_dir):
            abilities = results["details"].get("abilities")
            has_deviation = bool(abilities) and abilities["deviation"] is not None
            deviation = checked_number(abilities, "deviation", 0, 1e9, float) if has_deviation else None
            predictor = cls.load_best_epoch(run_dir, deviation)
            predictor.response_format = _stored_format(results["data"].get("format"))
            return predictor

    @classmethod
    def load_best_epoch(cls, run_dir: str | Path, ability_deviation: float | None = None) -> TracingPredictor:
        """Load the best epoch of a run whose results are not written yet."""
        run_dir = model_folder(run_dir)
        item_numbers, model = read_run_file(run_dir, "items.json"), load_model(run_dir)
        highest = model.get_config()["num_items"] - 1
        for item in item_numbers:
            checked_number(item_numbers, item, 1, highest)
        item_numbers = with_plain_names(item_numbers)
        return cls(model, item_numbers, ability_deviation, skill_of_item=_skill_names(run_dir, model, item_numbers))

    def read_histories(
        self, path: str | Path, max_bad_fraction: float = MAX_BAD_FRACTION
    ) -> tuple[list[ResponseSequence], list[str]]:
        """Read students' responses so far, as the run read its training files.

        Args:
            path: the file, in any of the formats of training; its columns have the names of training or common ones.
            max_bad_fraction: fraction of its records that may be unusable.

        Returns:
            the students' sequences, and notes on how the file was understood and what was left out.

        Raises:
            UserError: the file cannot be read, or too many of its records cannot be used.
        """
        reading = Reading(max_bad_fraction)
        (histories,), understood = read_responses([path], reading, self.response_format, needs_columns=False)
        if understood.credit_levels != self.response_format.credit_levels:
            raise UserError(f"{path}: has fractions of credit, but the run was trained on categories; give categories")
        return histories, reading.notes

    def predictions(self, pieces: Sequence[Piece], outputs: Sequence[dict] | None = None) -> Predictions:
        """The predictions of all scored responses of these pieces, piece after piece.

        Args:
            pieces: the pieces of a split.
            outputs: what `outputs` returns for them, if it is known.
        """
        outputs = self.outputs(pieces, ["logits"]) if outputs is None else outputs
        ends = np.cumsum([len(piece.items) - piece.first_scored for piece in pieces])
        # Filled piece by piece: a list of the parts beside the whole would take twice the memory.
        probabilities = np.empty((int(ends[-1]), self.num_categories))
        for piece, output, end in zip(pieces, outputs, ends.tolist(), strict=True):
            start = end - len(piece.items) + piece.first_scored
            probabilities[start:end] = softmax(output["logits"][piece.first_scored :])
        return Predictions(
            probabilities,
            np.concatenate([piece.responses[piece.first_scored :] for piece in pieces]),
            np.concatenate([piece.items[piece.first_scored :] for piece in pieces]),
            np.repeat(np.array([piece.student for piece in pieces], np.int32), np.diff(ends, prepend=0)),
        )

    @staticmethod
    def last_abilities(pieces: Sequence[Piece], outputs: Sequence[dict[str, np.ndarray]]) -> np.ndarray:
        """Each student's ability before the last response, `(students,)`.

        Args:
            pieces: of whole sequences, in order.
            outputs: their `ability`.
        """
        last = {piece.student: output["ability"][-1] for piece, output in zip(pieces, outputs, strict=True)}
        return np.array(list(last.values()))

    def errors_by_items(self, piece: Piece, output: dict[str, np.ndarray], items: dict[str, np.ndarray]) -> np.ndarray:
        """Standard error of ability before each response of a piece, `(steps,)`, as from `ability_errors`, from outputs without
        the items' parameters, which would take much memory for all students.

        Args:
            piece: the piece; responses to items that training does not have carry no information.
            output: its `ability`, and `ability_error` if the model has it.
            items: from `item_parameters`.
        """
        known = piece.items > 0
        rows = np.maximum(piece.items - 1, 0)
        discrimination = np.where(known, items["discrimination"][rows], 0.0)
        parameters = {"discrimination": discrimination, "thresholds": items["thresholds"][rows]}
        return np.array(self.ability_errors({**output, **parameters}, range(len(piece.items))))

    @staticmethod
    def skipped_cycles(pieces: Sequence[Piece], outputs: Sequence[dict[str, np.ndarray]]) -> float:
        """The fraction of later cycles that a model with cycles skipped, as a mean over pieces."""
        skipped = [o["skipped"][p.first_scored :].mean() for p, o in zip(pieces, outputs, strict=True)]
        return float(np.mean(skipped))

    def use_onnx(self, path: str | Path) -> None:
        """Let an exported model answer from now on, such as `export/model_int8.onnx`."""
        self.run = OnnxModel(path, ("logits",)).outputs

    def export(self, folder: Path) -> dict:
        """Write the model to a folder that needs nothing else, see `utils.tracing.export`."""
        from utils.tracing.export import export_tracing

        return export_tracing(self, folder)


def _skill_names(run_dir: Path, model, item_numbers: dict[str, int]) -> dict[str, str]:
    """Item to the name of its skill; a run of an earlier version has numbers alone. Empty where skills are unknown."""
    if (run_dir / "skills.json").is_file():
        skills = read_run_file(run_dir, "skills.json")
        return {item if item in item_numbers else plain_name(item): str(skill) for item, skill in skills.items()}
    skills = model.get_config().get("item_skills")
    return {item: f"skill {skills[number]}" for item, number in item_numbers.items()} if skills else {}


def _stored_format(stored: dict | None) -> ResponseFormat:
    """The format that a run has stored."""
    if stored is None:
        return ResponseFormat()
    columns = {str(column): str(name) for column, name in stored["columns"].items()}
    flags = {name: stored[name] is True for name in ("expand_skills", "answer_per_time")}
    levels = checked_number(stored, "credit_levels", 0, MAX_CATEGORIES)
    return ResponseFormat(columns, credit_levels=levels, **flags)
