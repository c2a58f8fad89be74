"""Files of a finished run: predictions."""

import json

from utils.memnet.records import MemoryQuestion
from utils.memnet.report import write_predictions


def test_predictions_name_the_fact_that_the_answer_rests_on(tmp_path):
    questions = [MemoryQuestion(name, f"{name}?", "Darwin", ("England",)) for name in ("a", "b")]
    year = {"subject": "Darwin", "relation": "year", "object": "1809", "weight": 0.4}
    land = {"subject": "Darwin", "relation": "land", "object": "England", "weight": 0.35}
    answers = [
        {"answers": [{"answer": "England", "probability": 0.6}], "facts": [year], "supporting_fact": land},
        {"answers": [], "facts": [year], "supporting_fact": None},
    ]
    write_predictions(tmp_path, questions, answers)
    answered, abstained = json.loads((tmp_path / "predictions.json").read_text())
    assert answered["answer"] == "England" and answered["fact"] == "Darwin / land / England"
    assert abstained["answer"] is None and "fact" not in abstained
