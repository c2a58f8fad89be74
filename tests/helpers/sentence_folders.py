"""The encoders of fixtures/make_sentence_encoders.py: their texts, their references, and how a copy is changed."""

import json
from pathlib import Path

import numpy as np

from tests.helpers.paths import FIXTURES

SENTENCES = FIXTURES / "sentences"
KINDS = ["bert", "mpnet", "roberta", "xlm_roberta", "camembert"]
TEXTS = [
    "The Mill at the river burned down, in May 1843.",
    "Où est née l'élève? Schön fällt der Schnee.",
    "A text that has more than sixteen tokens, for it goes on and on about the mill, the river and the snow of 1843.",
    "水車は川の 近く.",
    "Mill?",
]


def references(kind: str = "bert") -> dict[str, np.ndarray]:
    """What sentence-transformers and transformers make of `TEXTS`."""
    with np.load(SENTENCES / kind / "expected.npz") as stored:
        return dict(stored)


def write(file: Path, value) -> None:
    """Write JSON."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(value))


def module(number: int, kind: str, path="") -> dict:
    """A step of modules.json as older versions of sentence-transformers write it."""
    return {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}


def set_steps(folder: Path, *steps) -> None:
    """Write modules.json with a Transformer and these steps, each a kind, or a kind and a folder."""
    steps = [(step, "") if isinstance(step, str) else step for step in ("Transformer", *steps)]
    write(folder / "modules.json", [module(number, *step) for number, step in enumerate(steps)])
