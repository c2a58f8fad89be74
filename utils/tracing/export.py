"""Export a model of knowledge tracing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from utils.training.export_folder import ModelToExport, write_export
from utils.training.signature import Signature, Tensor

STEPS = ("batch", "steps")
PADDING = "on the right, with 0 in all inputs. A step's outputs depend neither on its own response nor on what follows."
USAGE = """
from answer import Answerer

answerer = Answerer()
(student,) = answerer([[("17", 3), ("4", 0)]], ["5", "17"])  # (item, response) so far, and the items to predict
student["predictions"][0]["probabilities"]
answerer.item_parameters()  # of models with discrimination, thresholds or a memory
"""


def export_tracing(predictor, folder: Path) -> dict:
    """Write a predictor's model to a folder that needs nothing else.

    Args:
        predictor: a `TracingPredictor`.
        folder: the folder to write.

    Returns:
        what became of each format, see `write_export`.
    """
    settings = predictor.model.get_config()
    num_items, num_categories = settings["num_items"], settings["num_categories"]
    examples = [_example(*sizes, num_items, num_categories) for sizes in ((1, 5), (3, 21))]
    outputs = _outputs(num_categories, settings.get("num_slots"))
    signature = Signature(_inputs(num_categories), {name: outputs[name] for name in predictor.model(examples[0])})
    return write_export(
        folder,
        task="tracing",
        models=[ModelToExport(predictor.model, signature, examples)],
        settings={
            "num_categories": num_categories,
            "head": predictor.head,
            "ability_deviation": predictor.ability_deviation,
            "credit_levels": predictor.response_format.credit_levels,
        },
        files={"items.json": json.dumps(predictor.item_numbers, ensure_ascii=False, indent=1) + "\n"},
        padding=PADDING,
        usage=USAGE,
    )


def _inputs(num_categories: int) -> dict[str, Tensor]:
    return {
        "item_ids": Tensor(STEPS, "number of the item in `items.json`; 0 for any other item"),
        "responses": Tensor(STEPS, f"category of the response, 0 to {num_categories - 1}; 0 at the step to predict"),
        "padding_mask": Tensor(STEPS, "1 for a step, 0 for padding"),
    }


def _outputs(num_categories: int, num_slots: int | None) -> dict[str, Tensor]:
    """What each output of the models of this task is."""
    return {
        "logits": Tensor((*STEPS, num_categories), "logits of the categories of each step's response", "float32"),
        "ability": Tensor(STEPS, "the student's ability before the response", "float32"),
        "ability_error": Tensor(STEPS, "standard deviation of that ability, given the responses before", "float32"),
        "discrimination": Tensor(STEPS, "discrimination of the item", "float32"),
        "thresholds": Tensor((*STEPS, num_categories - 1), "thresholds of the item", "float32"),
        "address": Tensor((*STEPS, num_slots), "weights of the item over the slots", "float32"),
        "skipped": Tensor(STEPS, "fraction of the later cycles that left the step as it was", "float32"),
    }


def _example(batch: int, steps: int, num_items: int, num_categories: int) -> dict[str, np.ndarray]:
    """Random responses; all but the first student's have padding."""
    rng = np.random.default_rng(batch)
    mask = np.arange(steps) < steps - 2 * np.arange(batch)[:, None]
    inputs = {
        "item_ids": rng.integers(0, num_items, mask.shape) * mask,
        "responses": rng.integers(0, num_categories, mask.shape) * mask,
        "padding_mask": mask,
    }
    return {name: array.astype(np.int32) for name, array in inputs.items()}
