"""A trained model that predicts responses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models import load_model
from utils.common.errors import UserError
from utils.common.inputs import as_texts
from utils.common.progress import with_progress
from utils.common.reading import Reading
from utils.common.references import model_folder
from utils.tracing.data import COMMON_FORMAT, ResponseFormat, read_responses
from utils.tracing.evaluation import Predictions
from utils.tracing.features import Piece, assemble, cut
from utils.tracing.item_response import ability_error, softmax
from utils.tracing.sequences import MAX_CATEGORIES, ResponseSequence, as_sequence
from utils.training.finished import checked_number, damaged_run_as_user_error, read_run, read_run_file

BATCH_SIZE = 64


class TracingPredictor:
    """Predicts how students will respond, from their responses so far.

        predictor = TracingPredictor.load("tracing-practice")
        predictor([[("17", 3), ("4", 0)]], ["5"])[0]["predictions"][0]["probabilities"]

    Args:
        model: a model of knowledge tracing.
        item_numbers: item to its number, from 1; all other items count as one unknown item.
        ability_deviation: standard deviation of ability among students, for standard errors; None for a model without ability.
        response_format: how the training files were read, for `read_histories`.
    """

    def __init__(
        self,
        model,
        item_numbers: dict[str, int],
        ability_deviation: float | None = None,
        response_format: ResponseFormat = COMMON_FORMAT,
    ):
        self.model = model
        self.item_numbers = item_numbers
        self.ability_deviation = ability_deviation
        self.response_format = response_format
        settings = model.get_config()
        self.num_categories = settings["num_categories"]
        self.head = settings.get("head")

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
        return cls(model, item_numbers, ability_deviation)

    def read_histories(self, path: str | Path) -> tuple[list[ResponseSequence], list[str]]:
        """Read students' responses so far, as the run read its training files.

        Args:
            path: the file, in any of the formats of training; its columns have the names of training or common ones.

        Returns:
            the students' sequences, and notes on how the file was understood and what was left out.

        Raises:
            UserError: the file cannot be read, or too many of its records cannot be used.
        """
        reading = Reading()
        (histories,), understood = read_responses([path], reading, self.response_format, needs_columns=False)
        if understood.credit_levels != self.response_format.credit_levels:
            raise UserError(f"{path}: has fractions of credit, but the run was trained on categories; give categories")
        return histories, reading.notes

    def __call__(self, histories: Sequence[Sequence[tuple[str, int]]], items: Sequence[str]) -> list[dict]:
        """Predict how students would respond next.

        Args:
            histories: each student's responses so far, `(item, response)` each, in order. A student without any is new.
            items: names of items; each student's response to each of them is predicted, as if it came next.

        Returns:
            a dict for each student, see `predict`; its `student` is the place in `histories`, from 0.

        Raises:
            TypeError, ValueError: a response is not a pair of an item and a category, or an item is not a text.
            UserError: a response is not one of the model's categories.
        """
        sequences = [as_sequence(str(number), history) for number, history in enumerate(histories)]
        return self.predict(sequences, as_texts(items, "items"))

    def predict(self, histories: Sequence[ResponseSequence], items: Sequence[str]) -> list[dict]:
        """Predict each student's response to each item, if it came next.

        Args:
            histories: each student's responses so far; a student without responses is new.
            items: names of items.

        Returns:
            a dict for each student: `student`, `num_responses`, `unknown_items` (items of the history that training did not have),
            and `predictions`, which holds a dict for each item: `item`, `is_known`, `probabilities` of the categories, and for a
            model with ability `ability` and `ability_error`, its standard error.

        Raises:
            UserError: a response is not one of the model's categories.
        """
        for history in histories:
            self._check(history)
        # A response to the item is needed to fill the step. It has no influence on its own prediction.
        pieces = [
            cut([ResponseSequence("", (*history.items, item), np.append(history.responses, 0))],
                self.item_numbers, len(history.items) + 1)[0]
            for history in histories for item in items
        ]  # fmt: skip
        outputs = iter(self.outputs(pieces))
        return [
            {
                "student": history.student,
                "num_responses": len(history.items),
                "unknown_items": sorted(set(history.items) - self.item_numbers.keys()),
                "predictions": [
                    {"item": item, "is_known": item in self.item_numbers, **self._last_step(next(outputs))}
                    for item in items
                ],
            }
            for history in histories
        ]

    def _check(self, history: ResponseSequence) -> None:
        largest = self.num_categories - 1
        if len(history.responses) and max(history.responses) > largest:
            place = history.place(int(np.argmax(history.responses)))
            raise UserError(
                f"{place}: a response is {max(history.responses)}, but the model knows 0 to {largest}; correct it"
            )

    def _last_step(self, outputs: dict[str, np.ndarray]) -> dict:
        prediction = {"probabilities": softmax(outputs["logits"][-1]).tolist()}
        if "ability" in outputs:
            prediction["ability"] = float(outputs["ability"][-1])
            prediction["ability_error"] = self.ability_errors(outputs, [len(outputs["ability"]) - 1])[0]
        return prediction

    def outputs(self, pieces: Sequence[Piece], names: Sequence[str] = ()) -> list[dict[str, np.ndarray]]:
        """The model's outputs for each piece, at its real steps.

        Args:
            pieces: the pieces, in any order.
            names: keep these outputs, as far as the model has them; all if left out.

        Returns:
            for each piece name to array `(steps, ...)`.
        """
        lengths = [len(piece.items) for piece in pieces]
        order, outputs = np.argsort(lengths, kind="stable"), [{} for _ in pieces]
        for start in with_progress(range(0, len(order), BATCH_SIZE), "predicting responses"):
            numbers = order[start : start + BATCH_SIZE]
            repeated = np.resize(numbers, min(BATCH_SIZE, len(order)))  # all batches of a length have one shape
            inputs, *_ = assemble([pieces[number] for number in repeated], max(lengths))
            batch = {name: np.asarray(array) for name, array in self.model.predict_on_batch(inputs).items()}
            for row, number in enumerate(numbers):
                outputs[number] = {
                    name: array[row, : lengths[number]] for name, array in batch.items() if not names or name in names
                }
        return outputs

    def predictions(self, pieces: Sequence[Piece], outputs: Sequence[dict] | None = None) -> Predictions:
        """The predictions of all scored responses of these pieces, piece after piece.

        Args:
            pieces: the pieces of a split.
            outputs: what `outputs` returns for them, if it is known.
        """
        outputs = self.outputs(pieces, ["logits"]) if outputs is None else outputs
        return Predictions(
            np.concatenate([softmax(o["logits"][p.first_scored :]) for p, o in zip(pieces, outputs, strict=True)]),
            np.concatenate([piece.responses[piece.first_scored :] for piece in pieces]),
            np.concatenate([piece.items[piece.first_scored :] for piece in pieces]),
            np.concatenate([np.full(len(piece.items) - piece.first_scored, piece.student) for piece in pieces]),
        )

    def item_parameters(self) -> dict[str, np.ndarray]:
        """The items' `discrimination`, `thresholds` and `address`, those that the model has, at the start of a history.

        Returns:
            name to array `(items, ...)`, in the order of the items' numbers.
        """
        numbers = np.sort(np.array(list(self.item_numbers.values()), np.int32))
        outputs = self.outputs(
            [Piece(numbers[place : place + 1], np.zeros(1, np.int32)) for place in range(len(numbers))]
        )
        names = [name for name in ("discrimination", "thresholds", "address") if name in outputs[0]]
        return {name: np.stack([output[name][0] for output in outputs]) for name in names}

    @staticmethod
    def last_abilities(outputs: Sequence[dict[str, np.ndarray]]) -> np.ndarray:
        """Each piece's ability before its last response, `(pieces,)`."""
        return np.array([output["ability"][-1] for output in outputs])

    @staticmethod
    def skipped_cycles(pieces: Sequence[Piece], outputs: Sequence[dict[str, np.ndarray]]) -> float:
        """The fraction of later cycles that a model with cycles skipped, as a mean over pieces."""
        skipped = [o["skipped"][p.first_scored :].mean() for p, o in zip(pieces, outputs, strict=True)]
        return float(np.mean(skipped))

    def ability_errors(self, outputs: dict[str, np.ndarray], steps: Sequence[int]) -> list[float]:
        """Standard error of a student's ability before the response of each of these steps.

        Args:
            outputs: of the student's piece, from `outputs`.
            steps: steps of the piece, from 0.
        """
        ability, discrimination, thresholds = (outputs[name] for name in ("ability", "discrimination", "thresholds"))
        return [
            ability_error(ability[step], discrimination[:step], thresholds[:step], self.ability_deviation, self.head)
            for step in steps
        ]


def _stored_format(stored: dict | None) -> ResponseFormat:
    """The format that a run has stored."""
    if stored is None:
        return ResponseFormat()
    columns = {str(column): str(name) for column, name in stored["columns"].items()}
    flags = {name: stored[name] is True for name in ("expand_skills", "answer_per_time")}
    levels = checked_number(stored, "credit_levels", 0, MAX_CATEGORIES)
    return ResponseFormat(columns, credit_levels=levels, **flags)
