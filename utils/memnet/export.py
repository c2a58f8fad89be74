"""Export a model that answers questions from facts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from utils.memnet.data import facts_as_table
from utils.memnet.evaluation import STEPS
from utils.memnet.evidence import FEATURES
from utils.memnet.features import NUM_HASHES, Vocabulary
from utils.training.export_folder import ModelToExport, write_export
from utils.training.signature import Signature, Tensor

INPUTS = {
    "question_ids": Tensor(
        ("batch", "question_words"), "the question as ids of words, see `Vocabulary` in `answer.py`"
    ),
    "key_ids": Tensor(
        ("batch", "slots", "key_words"), "subject and relation of each fact of the memory as ids of words"
    ),
    "value_ids": Tensor(("batch", "slots", "value_words"), "object of each fact as ids of words"),
    "memory_mask": Tensor(("batch", "slots"), "1 for a slot that holds a fact, 0 for an empty one"),
}
OUTPUTS = {
    "scores": Tensor(("batch", "slots"), "logits of the slots' objects as answers; -1e9 for an empty slot", "float32"),
    "address": Tensor(("batch", "slots"), "logits of the attention over the slots; -1e9 for an empty slot", "float32"),
}
EVIDENCE = Tensor(
    ("batch", "slots", len(FEATURES)),
    "how the question names the subject of each fact, see `subject_evidence` in `answer.py`",
    "float32",
)
NUMBERS = {
    "subject_numbers": Tensor(("batch", "slots"), "number of each fact's subject, -1 for an empty slot"),
    "object_numbers": Tensor(
        ("batch", "slots"), "number of each fact's object among the same names, -2 for an empty slot"
    ),
}
LOGARITHMS = {
    name: Tensor(("batch", "slots"), f"logarithm of the slots' weights after the {name} step", "float32")
    for name in STEPS
}
PADDING = "on the right, with 0: words behind those of a text, and slots behind those that hold a fact."
USAGE = """
from answer import Answerer

answerer = Answerer()  # answers from facts.tsv
(result,) = answerer(["Where was Ada Lovelace born?"])
result["answers"], result["facts"]
answerer(["Who built the bridge?"], [("the bridge", "built_by", "Mira Holt")])  # answers from these facts
"""
RETRIEVAL_NOTE = """
# The training's retrieval, by vectors, is not part of the export: candidates are found by their words.
"""


def export_memnet(predictor, folder: Path) -> dict:
    """Write a predictor's model and facts to a folder that needs nothing else.

    Args:
        predictor: a `MemnetPredictor`.
        folder: the folder to write.

    Returns:
        what became of each format, see `write_export`.
    """
    if predictor.retrieval != "words":
        print(f"{folder / 'answer.py'}: finds candidates by their words, not by vectors as the run does")
    inputs = INPUTS | ({"evidence": EVIDENCE} if predictor.has_evidence else {})
    outputs = OUTPUTS
    takes_two_steps = predictor.facts.subject_numbers is not None
    if takes_two_steps:
        inputs, outputs = inputs | NUMBERS, OUTPUTS | LOGARITHMS
    examples = _examples(predictor.vocabulary, predictor.has_evidence, takes_two_steps)
    return write_export(
        folder,
        task="memnet",
        models=[ModelToExport(predictor.model, Signature(inputs, outputs), examples)],
        settings={
            "num_candidates": predictor.num_candidates,
            "is_pointer": predictor.is_pointer,
            "has_evidence": predictor.has_evidence,
            "num_hops": predictor.num_hops,
        },
        files={
            "vocabulary.json": json.dumps(predictor.vocabulary.as_dict(), ensure_ascii=False, indent=1) + "\n",
            "facts.tsv": facts_as_table(predictor.known_facts),
        },
        padding=PADDING,
        usage=USAGE if predictor.retrieval == "words" else USAGE + RETRIEVAL_NOTE,
    )


def _examples(vocabulary: Vocabulary, has_evidence: bool, takes_two_steps: bool) -> list[dict[str, np.ndarray]]:
    """Random memories of two sizes, of words that are learned and words that are hashed; all but the first row have padding."""
    rng = np.random.default_rng(0)
    highest = len(vocabulary) + (NUM_HASHES if vocabulary.hashed else 0)

    def ids(*shape):
        learned, others = (rng.integers(1, limit, shape) for limit in (len(vocabulary), highest))
        return np.where(rng.random(shape) < 0.5, learned, others)

    examples = []
    for batch, slots, words in ((1, 8, 3), (3, 24, 7)):
        texts = {
            "question_ids": ids(batch, words + 5),
            "key_ids": ids(batch, slots, words),
            "value_ids": ids(batch, slots, words + 1),
        }
        mask = np.arange(slots) < slots - 2 * np.arange(batch)[:, None]
        for number, text in enumerate(texts.values()):
            text[1:, ..., -1 - number :] = 0
        for name in ("key_ids", "value_ids"):
            texts[name] *= mask[..., None]
        example = {name: array.astype(np.int32) for name, array in {**texts, "memory_mask": mask}.items()}
        if has_evidence:
            example["evidence"] = rng.random((batch, slots, len(FEATURES)), np.float32) * mask[..., None]
        if takes_two_steps:
            for number, name in enumerate(NUMBERS, start=1):
                example[name] = np.where(mask, rng.integers(1, 5, mask.shape), -number).astype(np.int32)
        examples.append(example)
    return examples
