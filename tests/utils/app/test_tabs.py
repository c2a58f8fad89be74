"""What the tabs answer and show, without Gradio and without a browser."""

import contextlib
import types
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.helpers.page_runs import ANSWERS, QUESTION, SENTENCES, TEXT, page_runs
from tests.helpers.small_runs import abstaining_memnet_run
from utils.app import memnet, ranking, squad, tracing, vectors
from utils.app.page_model import PageModel, describe
from utils.common.errors import UserError

TABS = {
    "squad": squad.SquadTab,
    "memnet": memnet.MemnetTab,
    "tracing": tracing.TracingTab,
    "vectors": vectors.VectorsTab,
    "ranking": ranking.RankingTab,
}
MODULES = {"squad": squad, "memnet": memnet, "tracing": tracing, "vectors": vectors, "ranking": ranking}
HOSTILE = "<script>alert(1)</script>\x00\u202e ${1+1} {{x}} '\"&"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return page_runs(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def tabs(runs):
    """Task to its tab, with a small model."""
    tabs = {task: TABS[task](PageModel(task, str(runs[task]), MODULES[task].load)) for task in TABS}
    with ThreadPoolExecutor(1) as executor:
        for tab in tabs.values():
            tab.model.start(executor)
    return tabs


def rows(html, name):
    """The texts of the cells of a table, row by row."""
    root = ElementTree.fromstring(f"<div>{html}</div>")
    table = next(table for table in root.iter("table") if f"qkv-{name}" in table.get("class").split())
    return [["".join(cell.itertext()) for cell in row.iter("td")] for row in table.find("tbody")]


def test_squad_highlights_its_answer(tabs, runs):
    assert squad.read_example(runs["squad"]) == ([QUESTION], TEXT)
    result = tabs["squad"].answer(QUESTION, TEXT, 3)
    assert len(result["answers"]) == 3
    for entry in result["answers"]:
        assert TEXT[entry["start"] :].startswith(entry["text"])
    html = tabs["squad"].show(QUESTION, TEXT)
    best = ElementTree.fromstring(f"<div>{html}</div>").find(".//mark[@class='qkv-best']")
    assert best.text == result["answers"][0]["text"]
    assert [row[1] for row in rows(html, "answers")][:3] == [entry["text"] for entry in result["answers"]]
    assert rows(html, "answers")[0][2] == f"{result['answers'][0]['probability']:.3f}"


def test_memnet_answers_from_added_facts_too(tabs, runs):
    assert memnet.read_example(runs["memnet"]) == (["Where was Ada Holt born?", "Where was Bo Lind born?"], "")
    question = "Where was Ada Holt born?"
    result = tabs["memnet"].answer(question)
    assert [(fact["object"], fact["is_added"]) for fact in result["facts"]] == [("Arnwick", False)]
    result = tabs["memnet"].answer(question, "Ada Holt / born_in / Elsewhere\n\nAda Holt|born_in|Arnwick", 5)
    assert {fact["object"]: fact["is_added"] for fact in result["facts"]} == {"Elsewhere": True, "Arnwick": True}
    assert sum(fact["weight"] for fact in result["facts"]) == pytest.approx(1, abs=1e-5)
    html = tabs["memnet"].show(question, "Ada Holt / born_in / Elsewhere")
    assert "Elsewhere yours" in [row[2] for row in rows(html, "facts")]
    for line in ("Ada Holt / born_in", "a / b / c / d", " / b / c"):
        with pytest.raises(UserError, match=r"facts, line 2: .*; write subject / relation / object"):
            tabs["memnet"].answer(question, f"Ada / b / c\n{line}")
    with pytest.raises(UserError, match="facts: has 201 lines"):
        tabs["memnet"].answer(question, "a / b / c\n" * 201)


def test_memnet_says_what_no_fact_has(tabs):
    html = tabs["memnet"].show("zyx zyx", "")
    assert "No fact is about: zyx" in html and "No fact shares a word" in html


def test_memnet_says_why_it_does_not_answer():
    tab = memnet.MemnetTab(PageModel("memnet", str(abstaining_memnet_run()), memnet.load))
    with ThreadPoolExecutor(1) as executor:
        tab.model.start(executor)
    assert "No fact answers this (probability 1.00)" in tab.show("Where does Ada Holt work?", "")
    html = tab.show("Where were Ada Holt and Bo Holt born?", "")
    assert "The subjects of this question have nothing in common." in html and "No fact answers" not in html


def test_tracing_draws_ability_and_the_next_item(tabs):
    tab = tabs["tracing"]
    with tab.model.predictor() as predictor:
        responses = tracing.read_example(predictor, tab.model.folder)
        assert responses == "q1: 2\nq2: 0\nq1: 1"
        sequence = tracing.ResponseSequence("a", ("q1", "q2", "q1"), np.array([2, 0, 1]))
        (expected,) = predictor.predict([sequence], ["q3"])[0]["predictions"]
    result = tab.answer(responses, "q3")
    assert result["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)
    assert len(result["abilities"]) == 4 == len(result["ability_errors"])
    assert result["abilities"][-1] == pytest.approx(expected["ability"], abs=1e-6)
    assert result["ability_errors"][-1] == pytest.approx(expected["ability_error"], abs=1e-6)
    html = tab.show(responses, "q3")
    assert len(ElementTree.fromstring(f"<div>{html}</div>").findall(".//circle")) == 4
    assert [row[1] for row in rows(html, "categories")] == [f"{value:.3f}" for value in result["probabilities"]]
    assert "unknown item: other" in tab.show("other: 1", "q3")


def test_tracing_adds_and_takes_back_responses(tabs):
    tab = tabs["tracing"]
    assert tab.next_item("q1: 0\nq2: 0\nq3: 0") == "q4"
    responses, item, choice, html = tab.respond("q1: 0\n", "q4", "2")
    assert (responses, choice) == ("q1: 0\nq4: 2", None) and item in ("q2", "q3") and "after 2 responses" in html
    assert tab.undo(responses)[:2] == ("q1: 0", "q4")
    assert tab.undo("")[0] == "" and tab.start_again()[0] == ""
    for text, reason in (("q1", "line 1: is no item with a category"), ("q1: 3", "category 3 must be 0 to 2")):
        with pytest.raises(UserError, match=reason):
            tab.answer(text, "q1")


def test_vectors_ranks_what_may_follow(tabs):
    result = tabs["vectors"].answer(2)
    assert [entry["text"] for entry in result["context"]] == SENTENCES[:2]
    for weight in ("influence", "attention"):
        assert sum(entry[weight] for entry in result["context"]) == pytest.approx(1, abs=1e-5)
    assert {entry["sentence"] for entry in result["ranked"]} == {3, 4, 5, 6, 7}
    similarities = [entry["similarity"] for entry in result["ranked"]]
    assert similarities == sorted(similarities, reverse=True)
    assert result["next"]["text"] == SENTENCES[2]
    assert result["ranked"][result["next"]["rank"] - 1]["sentence"] == 3
    html = tabs["vectors"].show(2)
    assert [row[1] for row in rows(html, "context")] == [SENTENCES[1], SENTENCES[0]]
    assert f"{SENTENCES[2]} next" in [row[1] for row in rows(html, "sentences")]
    assert "The article ends here" in tabs["vectors"].show(7)
    with pytest.raises(UserError, match="sentence: must be a whole number from 1 to 7"):
        tabs["vectors"].answer(8)
    with pytest.raises(UserError, match="no sentence encoder"):
        tabs["vectors"].answer(1, "One. Two.")


def test_ranking_stands_beside_bm25(tabs, runs):
    assert ranking.read_example(runs["ranking"]) == ([QUESTION], tuple(ANSWERS))
    result = tabs["ranking"].answer(QUESTION)
    assert sorted(entry["text"] for entry in result["ranked"]) == sorted(ANSWERS)
    with tabs["ranking"].model.predictor() as predictor:
        (expected,) = predictor.rank([QUESTION], [ANSWERS])
    assert [entry["text"] for entry in result["ranked"]] == [entry["text"] for entry in expected]
    assert [entry["score"] for entry in result["ranked"]] == pytest.approx(
        [entry["score"] for entry in expected], abs=1e-5
    )
    by_text = {entry["text"]: entry for entry in result["ranked"]}
    assert by_text[ANSWERS[2]]["bm25"] == 0 and by_text[ANSWERS[2]]["bm25_rank"] is None
    assert {by_text[text]["bm25_rank"] for text in ANSWERS[:2]} == {1, 2}
    by_bm25 = result["ranked_by_bm25"]
    assert {entry["text"] for entry in by_bm25} == set(ANSWERS[:2]) and by_bm25[0]["bm25"] >= by_bm25[1]["bm25"] > 0
    assert all(result["ranked"][entry["rank"] - 1] == entry for entry in by_bm25)


def test_ranking_shows_what_bm25_alone_puts_first():
    collection = [f"text {number}" for number in range(12)]
    scores = np.linspace(1, 0, 12)
    bm25 = types.SimpleNamespace(scores=lambda question: np.arange(12.0))
    predictor = types.SimpleNamespace(embed_questions=lambda questions: [np.array([1.0])], lexical=None)
    tab = ranking.RankingTab(
        types.SimpleNamespace(predictor=lambda: contextlib.nullcontext(predictor), caption=lambda: "")
    )
    tab.indexes = lambda predictor, texts: (scores[:, None], bm25, None, None)
    html = tab.show("question", "\n".join(collection))
    assert [row[:2] for row in rows(html, "ranking")] == [[str(number + 1), f"text {number}"] for number in range(10)]
    assert rows(html, "ranking")[9][3] == "9.00 (3)" and rows(html, "ranking")[0][3] == "no word"
    assert [row[:2] for row in rows(html, "ranking-bm25")] == [["12", "text 11"], ["11", "text 10"]]


@pytest.mark.parametrize(
    ("task", "arguments"),
    [
        ("squad", (HOSTILE, HOSTILE)),
        ("memnet", (HOSTILE, f"{HOSTILE} / {HOSTILE} / {HOSTILE}")),
        ("tracing", (f"{HOSTILE}: 1", HOSTILE)),
        ("ranking", (HOSTILE, f"{HOSTILE}\n{HOSTILE}{HOSTILE}")),
    ],
)
def test_hostile_text_is_answered_and_shown_as_text(tabs, task, arguments):
    html = tabs[task].show(*arguments)
    assert "<script" not in html and "\x00" not in html and "\u202e" not in html
    root = ElementTree.fromstring(f"<div>{html}</div>")
    for rank in root.iter("sup"):
        rank.text = ""
    assert "<script>alert(1)</script>" in "".join(root.itertext())


@pytest.mark.parametrize("task", TABS)
@pytest.mark.parametrize("value", [None, 7, ["a"], {}, "x" * 20_001, "\ud800", ""])
def test_no_value_of_a_client_gets_past_the_checks(tabs, task, value):
    with pytest.raises(UserError):
        tabs[task].answer("nan" if task == "vectors" else value, value)


def test_a_model_that_cannot_be_loaded_leaves_a_line(tmp_path, capsys):
    def without_package(folder):
        raise ModuleNotFoundError("No module named 'nothing'", name="nothing")

    def broken(folder):
        raise RuntimeError("broken")

    run = str(page_runs(tmp_path)["memnet"])
    for reference, load, line in (
        ("no-such-model", memnet.load, "no published model of that name"),
        (run, without_package, "the package nothing is missing"),
        (run, broken, "cannot be loaded; the page's log says why"),
    ):
        tab = memnet.MemnetTab(PageModel("memnet", reference, load))
        with ThreadPoolExecutor(1) as executor:
            tab.model.start(executor)
        with pytest.raises(UserError, match=line):
            tab.answer("Where?")
    assert "memnet: no-such-model: " in capsys.readouterr().err


def test_a_model_is_described_by_what_its_results_hold():
    results = {
        "parameters": 1200,
        "headline": {"metric": "nll", "title": "NLL", "digits": 3},
        "metrics": {"test": {"nll": 0.5}},
    }
    assert describe("runs/a", results) == "runs/a: 1,200 parameters, NLL 0.500 on its test data"
    for damage in (
        {"parameters": "many"},
        {"headline": {"metric": "nll", "title": "NLL", "digits": 10**9}},
        {"metrics": None},
    ):
        assert describe("runs/a", {**results, **damage}) in (
            "runs/a: 1,200 parameters",
            "runs/a: NLL 0.500 on its test data",
        )
    assert describe("runs/a", {}) == "runs/a"
