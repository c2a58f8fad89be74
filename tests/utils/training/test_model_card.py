"""The model card of a run."""

import pytest
from huggingface_hub import ModelCard

from tests.helpers.finished_runs import RESULTS, SETTINGS
from utils.common.errors import UserError
from utils.training.model_card import model_card, read_notes

NOTES = {
    "license": "apache-2.0",
    "language": "en",
    "pipeline_tag": "table-question-answering",
    "tags": ["people"],
    "datasets": ["owner/people"],
    "dataset": {"name": "people: and works", "type": "people"},
    "metrics": ["accuracy", "mrr", "unknown"],
    "summary": "Answers questions.",
    "usage": "print(1)\n",
    "scores": "Scored again later.\n",
    "weaknesses": "- Names.",
    "licences": "Ours.",
}


def test_the_head_is_what_the_hub_reads():
    data = ModelCard(model_card(RESULTS, SETTINGS, NOTES, "people-small")).data
    assert (data.library_name, data.license, data.language) == ("keras", "apache-2.0", "en")
    assert data.tags == ["qkv-zoo", "memnet", "pointer", "people"] and data.datasets == ["owner/people"]
    assert data.model_name == "people-small" and data.pipeline_tag == "table-question-answering"
    scores = {result.metric_type: result for result in data.eval_results}
    assert {name: result.metric_value for name, result in scores.items()} == {"accuracy": 0.87, "mrr": 0.9}
    assert scores["mrr"].dataset_name == "people: and works" and scores["mrr"].dataset_split == "test"
    assert scores["mrr"].task_type == "table-question-answering" and scores["mrr"].source_url == "results.json"


def test_a_score_that_is_not_defined_is_not_in_the_head():
    metrics = {**RESULTS["metrics"], "test": {**RESULTS["metrics"]["test"], "accuracy": None}}
    data = ModelCard(model_card({**RESULTS, "metrics": metrics}, SETTINGS, NOTES, "people-small")).data
    assert [result.metric_type for result in data.eval_results] == ["mrr"]


def test_the_text_has_scores_beside_baselines_and_how_it_was_trained():
    card = model_card(RESULTS, SETTINGS, NOTES, "people-small")
    assert "| **this model** | 0.8700 (0.8100 to 0.9200) | 0.9000 |" in card
    assert "| bm25 | 0.4000 | 0.5000 |" in card and "| majority value | 0.0400 |  |" in card
    for line in ("| seed | 3 |", "| commit | 0123456789ab |", "| examples | train 900, validation 70, test 110 |"):
        assert line in card
    assert "```python\nprint(1)\n```" in card and "Scores of the weights as trained on 110 examples" in card
    assert "`results.json` has all metrics.\n\nScored again later.\n\n## What it is bad at" in card
    order = [card.index(title) for title in ("# people-small", "## Use", "## Scores", "## What it is bad at", "## Lic")]
    assert order == sorted(order)


def test_without_notes_the_run_has_a_card_of_its_own():
    card = model_card(RESULTS, SETTINGS)
    assert "# memnet-pointer" in card and "| test | accuracy |" in card
    assert "## Use" not in card and "## What it is bad at" not in card
    assert ModelCard(card).data.eval_results[0].dataset_name == "facts.tsv"
    assert 'model = load_model("mine")' in model_card(RESULTS, SETTINGS, name="mine")


def test_what_storing_cost_is_a_table():
    tried = [
        {"weights": "float32", "bytes": 4_000, "score": 0.91},
        {"weights": "float16", "bytes": 2_000, "score": 0.9099},
    ]
    stored = {"weights": "float16", "split": "validation", "tried": tried}
    card = model_card({**RESULTS, "details": {"stored_weights": stored}}, SETTINGS)
    assert "| weights | bytes | accuracy, validation |" in card
    assert "| float32 | 4,000 | 0.9100 |\n| **float16** | 2,000 | 0.9099 |" in card
    assert "Scores of the stored weights" in card


def test_an_entry_of_the_notes_that_is_left_empty_is_missing(tmp_path):
    (tmp_path / "card.yaml").write_text("summary:\ntags: [a]\ntraining:\n")
    notes = read_notes(tmp_path / "card.yaml")
    assert notes == {"tags": ["a"]} and model_card(RESULTS, SETTINGS, notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("summary: [", "is no YAML"),
        ("summary: a\nsumary: b", "has sumary; a card's notes are license"),
        ("- a", "has no entries"),
    ],
)
def test_notes_that_are_wrong_are_one_line(tmp_path, text, message):
    (tmp_path / "card.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_notes(tmp_path / "card.yaml")
