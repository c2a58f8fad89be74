"""Predict responses with a model of knowledge tracing, one that Keras trained or one that was exported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from utils.common.batching import round_up
from utils.common.errors import UserError, counted
from utils.common.inputs import as_texts
from utils.common.progress import with_progress
from utils.tracing.features import LENGTH_MULTIPLE, Piece, assemble, cut
from utils.tracing.item_response import ability_error, item_information, softmax
from utils.tracing.sequences import ResponseSequence, as_sequence

BATCH_SIZE = 64
MAX_SQUARED_STEPS = 2**24
"""A batch has fewer pieces where their number times the square of their steps is above this: attention needs that much memory."""


class TracingAnswerer:
    """Predicts how students will respond, from their responses so far.

    Args:
        model: gives the outputs of a batch; its `predict_on_batch` is that of a model of knowledge tracing.
        item_numbers: item to its number, from 1; all other items count as one unknown item.
        num_categories: categories of a response.
        head: how ability and an item's parameters become probabilities, `gpcm` or `graded`; None for a model without ability.
        ability_deviation: standard deviation of ability among students, for standard errors; None for a model without ability.
    """

    def __init__(
        self,
        model,
        item_numbers: dict[str, int],
        num_categories: int,
        head: str | None = None,
        ability_deviation: float | None = None,
    ):
        self.model = model
        self.item_numbers = item_numbers
        self.num_categories = num_categories
        self.head = head
        self.ability_deviation = ability_deviation

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
            model with ability `ability`, its standard error `ability_error`, and `information`, how much a response to the item
            would tell of the ability (`utils.tracing.item_response.item_information`).

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
            item = (outputs[name][-1] for name in ("ability", "discrimination", "thresholds"))
            prediction["information"] = float(item_information(*item, self.head))
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
        outputs = [{} for _ in pieces]
        for numbers, size in with_progress(_batches(lengths), "predicting responses"):
            repeated = np.resize(numbers, size)  # all batches of a length have one shape
            inputs, *_ = assemble([pieces[number] for number in repeated])
            batch = {name: np.asarray(array) for name, array in self.run(inputs).items()}
            for row, number in enumerate(numbers):
                # Copies: a view would keep the outputs of the whole batch in memory.
                outputs[number] = {
                    name: array[row, : lengths[number]].copy()
                    for name, array in batch.items()
                    if not names or name in names
                }
        return outputs

    def run(self, inputs: dict[str, np.ndarray]) -> dict:
        """The model's outputs for a batch, name to array."""
        return self.model.predict_on_batch(inputs)

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

    def ability_errors(self, outputs: dict[str, np.ndarray], steps: Sequence[int]) -> list[float]:
        """Standard error of a student's ability before the response of each of these steps.

        Args:
            outputs: of the student's piece, from `outputs`.
            steps: steps of the piece, from 0.
        """
        if "ability_error" in outputs:  # the model's own, see `components.ability_filter`
            return outputs["ability_error"][list(steps)].tolist()
        ability, discrimination, thresholds = (outputs[name] for name in ("ability", "discrimination", "thresholds"))
        return [
            ability_error(ability[step], discrimination[:step], thresholds[:step], self.ability_deviation, self.head)
            for step in steps
        ]


def _batches(lengths: Sequence[int]) -> list[tuple[np.ndarray, int]]:
    """The places of pieces that are predicted together, the longest first; and how many pieces a batch of their length has."""
    order, batches = np.argsort(lengths, kind="stable")[::-1], []
    while len(order):
        steps = round_up(lengths[order[0]], LENGTH_MULTIPLE)
        size = max(1, min(BATCH_SIZE, len(lengths), MAX_SQUARED_STEPS // steps**2))
        batches.append((order[:size], size))
        order = order[size:]
    return batches


def most_informative(predictions: Sequence[dict]) -> list[dict]:
    """Predictions of a student's responses, ordered by how much a response to the item would tell of the student.

    That is the item's `information` in units of what is not known: times the squared `ability_error`.

    Args:
        predictions: from `TracingAnswerer.predict`, of a model with ability.
    """
    return sorted(predictions, key=lambda prediction: -prediction["information"] * prediction["ability_error"] ** 2)


def answer_lines(student: dict) -> Iterator[str]:
    """What is printed of a student."""
    yield f"student {student['student']}, {counted(student['num_responses'], 'response')}"
    if student["unknown_items"]:
        yield f"  (not in training, treated as an unknown item: {', '.join(student['unknown_items'][:5])})"
    for prediction in student["predictions"]:
        line = "  ".join(f"{category}: {p:.3f}" for category, p in enumerate(prediction["probabilities"]))
        if "ability" in prediction:
            line += f"  (ability {prediction['ability']:.2f} ± {prediction['ability_error']:.2f}"
            line += f", information {prediction['information']:.2f})"
        unknown = "" if prediction["is_known"] else " (not in training, treated as an unknown item)"
        yield f"  item {prediction['item']}{unknown}: {line}"
