"""The published models in `zoo/`: each loads, is small, and its card says what its files say."""

import contextlib
import io
import json
import re

import keras
import pytest
from huggingface_hub import ModelCard

from models import load_model, model_classes
from tests.helpers.paths import ROOT
from utils.common.references import PUBLISHED_FILES, ZOO, published_models
from utils.training.model_card import NOTES_FILE, headline, model_card, read_notes, scored_split
from utils.training.zoo import MAX_MODEL_BYTES, write_table

pytestmark = pytest.mark.tensorflow(reason="the models run on both backends elsewhere")

MODELS = published_models()
MAX_ZOO_BYTES = 25 * 2**20


def results_of(name):
    return json.loads((ZOO / name / "results.json").read_text(encoding="utf-8"))


def test_all_tasks_have_a_published_model():
    assert {results_of(name)["task"] for name in MODELS} == {"squad", "memnet", "tracing", "vectors", "ranking"}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_loads_in_keras_and_has_the_parameters_that_its_card_tells(name):
    model_classes()
    model, by_keras = load_model(name), keras.saving.load_model(ZOO / name / "best.keras", compile=False)
    assert model.count_params() == by_keras.count_params() == results_of(name)["parameters"]


def test_the_models_are_small():
    sizes = {name: sum(path.stat().st_size for path in (ZOO / name).rglob("*") if path.is_file()) for name in MODELS}
    assert max(sizes.values()) <= MAX_MODEL_BYTES and sum(sizes.values()) <= MAX_ZOO_BYTES


@pytest.mark.parametrize("name", MODELS)
def test_a_card_is_made_of_its_results_and_notes(name):
    folder, results = ZOO / name, results_of(name)
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card == model_card(results, settings, read_notes(folder / NOTES_FILE), name)
    stored = {result.metric_type: result.metric_value for result in ModelCard(card).data.eval_results}
    metric = headline(results)["metric"]
    assert stored[metric] == results["metrics"][scored_split(results)][metric]
    assert "+changes" not in results["commit"] and "/work" not in card
    for title in ("## Use", "## Scores", "## What it is bad at", "## How the weights are stored", "## Licences"):
        assert title in card
    assert {path.name for path in folder.iterdir()} <= {*PUBLISHED_FILES, "examples", "export"}


def test_the_table_is_made_of_the_results(tmp_path):
    for name in MODELS:
        (tmp_path / name).mkdir()
        for file in ("results.json", "best.keras"):
            (tmp_path / name / file).symlink_to(ZOO / name / file)
    write_table(tmp_path)
    assert (tmp_path / "results.csv").read_text() == (ZOO / "results.csv").read_text()


@pytest.mark.parametrize("name", MODELS)
def test_the_code_of_a_card_runs(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    card = (ZOO / name / "README.md").read_text(encoding="utf-8")
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(re.search(r"```python\n(.*?)```", card, re.DOTALL)[1], {})
    assert output.getvalue().strip()


@pytest.fixture(scope="module")
def people():
    from utils.memnet.predictor import MemnetPredictor

    return MemnetPredictor.load("memnet-people")


@pytest.mark.parametrize(
    ("name", "file", "right", "silent"),
    [
        ("memnet-people", "questions", 52, 0),
        ("memnet-people", "surnames", 20, 0),
        ("memnet-people", "two_steps", 0, 9),
        ("memnet-people", "unanswerable", 0, 16),
        ("memnet-wikimovies", "questions", 34, 5),
        ("memnet-wikimovies", "unanswerable", 0, 6),
    ],
)
def test_natural_questions(name, file, right, silent):
    """What the cards of the memory networks say of questions that people would ask: right answers, and none."""
    from utils.memnet.predictor import MemnetPredictor

    path = ZOO / name / "examples" / f"{file}.jsonl"
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    answers = MemnetPredictor.load(name).answer([record["question"] for record in records])
    given = [answer["answers"][0]["answer"] if answer["answers"] else None for answer in answers]
    is_right = [text in record.get("answers", ()) for text, record in zip(given, records, strict=True)]
    assert (sum(is_right), given.count(None)) == (right, silent)


def test_facts_of_the_reader(people):
    own = people.with_facts([("Zorblax the Kind", "birth_year", "1312"), ("quantum whisk", "invented_by", "Ada Holt")])
    answers = own.answer(["When was Zorblax the Kind born?", "Who came up with the quantum whisk?"])
    assert [answer["answers"][0]["answer"] for answer in answers] == ["1312", "Ada Holt"]


def test_the_example_article_is_embedded_line_by_line():
    import numpy as np

    folder = ZOO / "vectors-wiki" / "examples"
    texts = (folder / "article.txt").read_text(encoding="utf-8").splitlines()
    with np.load(folder / "article.npz") as arrays:
        assert arrays["texts"].tolist() == texts and arrays["vectors"].shape == (len(texts), 384)
        np.testing.assert_allclose(np.linalg.norm(arrays["vectors"].astype("float32"), axis=1), 1, atol=2e-3)
