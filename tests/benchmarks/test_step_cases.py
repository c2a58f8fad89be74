"""The models and batches of benchmarks/step_cases.py fit one another, and the data of other benchmarks that nothing else runs."""

import json

import numpy as np
import pytest
from keras import ops

from benchmarks.ranking_scripts import measure
from benchmarks.step_cases import CASES

SIZES = {
    "squad": {"batch_size": 2, "length": 12, "hidden_dim": 8, "num_layers": 1, "num_heads": 2, "intermediate_dim": 8},
    "memnet": {"batch_size": 3, "slots": 4},
    "tracing": {"batch_size": 2, "length": 5, "num_items": 7},
    "vectors": {"batch_size": 4, "dim": 6},
    "ranking": {"batch_size": 2, "query_length": 5, "candidate_length": 6, "hidden_dim": 8, "num_heads": 2},
}


@pytest.mark.parametrize("task", CASES)
def test_a_model_answers_its_batch(task):
    case = CASES[task](**SIZES[task])
    outputs = case.model(case.batch[0])
    outputs = outputs if isinstance(outputs, dict) else {"output": outputs}
    assert case.examples == SIZES[task]["batch_size"]
    for value in outputs.values():
        assert len(value) == case.examples and np.isfinite(ops.convert_to_numpy(value)).all()


def test_words_of_any_script_and_plain_ones_are_compared(tmp_path):
    entries = [{"context": "The bridges of stone.", "qas": [{"question": "Which bridge is it?"}]}]
    entries += [{"context": "A town of wood.", "qas": [{"question": "Where is the wooden town?"}]}]
    (tmp_path / "a.json").write_text(json.dumps({"data": [{"title": "A", "paragraphs": entries}]}))
    case = measure(tmp_path / "a.json")
    assert case["questions"] == case["paragraphs"] == 2 and case["mrr"] >= 0.8 and 0 < case["mrr_of_plain_words"] <= 1
