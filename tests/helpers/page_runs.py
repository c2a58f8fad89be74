"""Run directories with small untrained models and examples, for the page."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import numpy as np

from tests.helpers import small_runs

TEXT = small_runs.CONTEXT + " A flood carried away two of its nine arches in 1843."
QUESTION = "Who built the bridge?"
SENTENCES = [
    "It rained.",
    "The river rose.",
    "The bridge fell.",
    "Mira came.",
    "She drew an arch.",
    "It was built.",
    "It stands.",
]
ANSWERS = ["Mira Holt built it.", "It is a stone bridge.", "Ask in a <mill>."]


def _with_examples(run: Path, folder: Path, **examples: str) -> Path:
    """A copy of a run with files in `examples/`, whose names have an underscore for their dot."""
    folder = folder / run.name
    shutil.copytree(run, folder)
    (folder / "examples").mkdir()
    for name, content in examples.items():
        (folder / "examples" / name.replace("_", ".")).write_text(content, encoding="utf-8")
    return folder


@cache
def page_runs(folder: Path) -> dict[str, Path]:
    """Task to run directory, all within a folder."""
    questions = {
        "data": [{"paragraphs": [{"context": TEXT, "qas": [{"id": "1", "question": QUESTION, "answers": []}]}]}]
    }
    answers = {"question": QUESTION, "answers": [{"text": text, "relevance": n} for n, text in enumerate(ANSWERS)]}
    runs = {
        "squad": _with_examples(small_runs.squad_run(), folder, text_txt=TEXT, questions_json=json.dumps(questions)),
        "memnet": _with_examples(
            small_runs.memnet_run(),
            folder,
            questions_jsonl='{"question": "Where was Ada Holt born?"}\n{"question": "Where was Bo Lind born?"}\n',
        ),
        "tracing": _with_examples(
            small_runs.ability_run(), folder, history_csv="student,item,response\na,q1,2\na,q2,0\na,q1,1\nb,q3,1\n"
        ),
        "vectors": _with_examples(small_runs.vectors_run(), folder, article_txt="\n".join(SENTENCES) + "\n"),
        "ranking": _with_examples(small_runs.ranking_run(), folder, answers_jsonl=json.dumps(answers) + "\n"),
    }
    vectors = np.random.default_rng(0).normal(size=(len(SENTENCES), 4)).astype(np.float32)
    np.savez(runs["vectors"] / "examples" / "article.npz", vectors=vectors, document=np.zeros(len(SENTENCES), int))
    return runs
