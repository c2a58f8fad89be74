"""The predictor: what it answers, that batches change nothing, and the message for each run that cannot be loaded."""

import json

import keras
import numpy as np
import pytest

from models.kv_memnet import KVMemNet
from tests.helpers.small_runs import abstaining_memnet_run, two_step_memnet_run
from utils.common.errors import UserError
from utils.common.files import write_json
from utils.memnet.answering import answer_lines
from utils.memnet.data import write_facts
from utils.memnet.demo import demo_people
from utils.memnet.features import MemoryFeatures, open_vocabulary, save_vocabulary
from utils.memnet.metrics import SlotScores
from utils.memnet.predictor import MemnetPredictor
from utils.memnet.records import Fact
from utils.memnet.splits import split_templates


@pytest.fixture(scope="module")
def data():
    base, templates, subjects = demo_people(0, num_train=20, num_validation=3, num_test=5)
    return split_templates(base, templates, subjects=subjects, max_templates=2)


@pytest.fixture(scope="module")
def run_dir(data, tmp_path_factory):
    """A run directory with a model whose weights are those of its beginning."""
    run_dir = tmp_path_factory.mktemp("predictor") / "run"
    run_dir.mkdir()
    vocabulary = open_vocabulary(data.base, data.questions["train"])
    save_vocabulary(run_dir / "vocabulary.json", vocabulary)
    write_facts(run_dir / "facts.tsv", data.base)
    write_json(run_dir / "config.json", {"candidates": 13, "retrieval": "words"})
    write_json(run_dir / "results.json", {"task": "memnet"})
    keras.utils.set_random_seed(0)
    model = KVMemNet(len(vocabulary), hidden_dim=64)
    model.build()
    model.save(run_dir / "best.keras")
    return run_dir


def assert_same(answers, expected):
    """The same texts in the same order, with equal numbers up to the precision of float32."""
    assert len(answers) == len(expected)
    for one, other in zip(answers, expected, strict=True):
        assert one["unknown_words"] == other["unknown_words"] and one["num_candidates"] == other["num_candidates"]
        for name, number in (("answers", "probability"), ("facts", "weight")):
            assert [row[number] for row in one[name]] == pytest.approx([row[number] for row in other[name]], rel=1e-4)


def test_names_are_found_without_training(run_dir, data):
    predictor = MemnetPredictor.load(run_dir)
    questions = data.questions["test"]
    answers = predictor.answer([question.text for question in questions], n_best=2)
    for question, answer in zip(questions, answers, strict=True):
        assert answer["question"] == question.text and answer["num_candidates"] == 13
        assert len(answer["answers"]) == len(answer["facts"]) == 2
        assert answer["facts"][0]["weight"] >= answer["facts"][1]["weight"]
        assert answer["answers"][0]["probability"] >= answer["answers"][1]["probability"]
    attended = [
        answer["facts"][0]["subject"] == question.subject for question, answer in zip(questions, answers, strict=True)
    ]
    assert sum(attended) > 0.9 * len(attended)


@pytest.mark.parametrize("retrieval", ["words", "vectors"])
def test_a_batch_of_two_equals_two_calls(run_dir, data, retrieval):
    if retrieval == "vectors":
        pytest.importorskip("faiss")
    predictor = MemnetPredictor.load(run_dir)
    predictor.retrieval = retrieval
    short, long = data.questions["test"][0].text, f"please tell me now: {data.questions['test'][1].text}"
    assert_same(predictor.answer([short, long]), [*predictor.answer([short]), *predictor.answer([long])])


def test_given_facts_are_the_only_ones_that_answer(run_dir):
    predictor = MemnetPredictor.load(run_dir)
    zed, nowhere = Fact("Zed Quill", "occupation", "jester"), Fact("Bo Quarry", "born_in", "Nowhere")
    answers = predictor.answer(["Where was Bo Quarry born?", "Zed?"], facts=[[zed, nowhere, zed], [zed]], n_best=5)
    assert [answer["num_candidates"] for answer in answers] == [2, 1]
    assert answers[0]["answers"][0]["answer"] == "Nowhere" and answers[1]["answers"][0]["answer"] == "jester"
    assert answers[1]["answers"][0]["probability"] == pytest.approx(1) and len(answers[1]["facts"]) == 1
    with pytest.raises(UserError, match="no facts to answer from"):
        predictor.answer(["Who?"], facts=[[]])


@pytest.mark.parametrize("make_run", [abstaining_memnet_run, two_step_memnet_run])
def test_an_answer_does_not_depend_on_the_facts_of_other_questions(make_run):
    predictor = MemnetPredictor.load(make_run())
    own = [Fact("Nora Quill", "born_in", "Leeds"), Fact("Tom Quill", "born_in", "York"), Fact("York", "born_in", "Zed")]
    others = [Fact(f"P{number} Quill", "born_in", f"Town {number}") for number in range(40)]
    questions = ["Where was Nora Quill born?", "Where was P3 Quill born?", "Where was Tom P3 Quill born?"]
    memories = [own, [*others, own[1]], own]
    expected = [predictor.answer([question], [memory])[0] for question, memory in zip(questions, memories, strict=True)]
    answers = predictor.answer(questions, memories)
    assert_same(answers, expected)
    assert expected[0]["answers"][0]["answer"] == "Leeds" and "p3" in expected[2]["unknown_words"]
    for answer, other in zip(answers, expected, strict=True):
        texts = [[entry["answer"] for entry in one["answers"]] for one in (answer, other)]
        assert texts[0] == texts[1]
        assert answer["no_answer_probability"] == pytest.approx(other["no_answer_probability"], abs=1e-5)


def test_a_question_that_shares_no_word_with_a_fact_has_no_answer(run_dir):
    (answer,) = MemnetPredictor.load(run_dir).answer(["Qwxyz zzyqq?"])
    assert answer["answers"] == answer["facts"] == [] and answer["num_candidates"] == 0
    assert answer["unknown_words"] == ["qwxyz", "zzyqq"]
    assert MemnetPredictor.load(run_dir).answer([]) == []


def test_facts_of_a_file_take_the_place_of_the_run_s(run_dir, tmp_path):
    (tmp_path / "own.tsv").write_text("Zed Quill\toccupation\tjester\nZed Quill\tborn_in\t\n")
    predictor = MemnetPredictor.load(run_dir, [tmp_path / "own.tsv"])
    assert len(predictor.base.facts) == 1 and "its object is empty (line 2)" in predictor.notes[0]
    assert predictor.answer(["What is Zed Quillon's profession?"])[0]["unknown_words"] == ["quillon"]


def test_a_run_that_cannot_be_loaded_is_one_line(run_dir, tmp_path):
    with pytest.raises(UserError, match="no finished run there"):
        MemnetPredictor.load(tmp_path)
    for name in ("config.json", "vocabulary.json", "best.keras"):
        damaged = tmp_path / f"without-{name}"
        damaged.mkdir()
        for file in run_dir.iterdir():
            (damaged / file.name).write_bytes(file.read_bytes() if file.name != name else b"{")
        with pytest.raises(UserError, match="damaged run") as caught:
            MemnetPredictor.load(damaged)
        assert str(damaged) in str(caught.value) and "\n" not in str(caught.value)
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text("{}")
    (other / "results.json").write_text(json.dumps({"task": "squad"}))
    with pytest.raises(UserError, match="is a run of the task 'squad'"):
        MemnetPredictor.load(other)


def test_a_call_answers_from_own_facts_or_from_others(run_dir, data):
    predictor = MemnetPredictor.load(run_dir)
    questions = [question.text for question in data.questions["test"]][:3]
    assert predictor(questions, n_best=2) == predictor.answer(questions, n_best=2)
    facts = [("Ada Holt", "born_in", "Arnwick"), ["Bo Lind", "born_in", "Skel"], Fact("Bo Lind", "born_in", "Skel")]
    (answer,) = predictor(["Where was Ada Holt born?"], facts)
    assert [fact["object"] for fact in answer["facts"]] == ["Arnwick"] and answer["answers"][0]["answer"] == "Arnwick"
    for wrong, message in (([("Ada", "born_in")], "a field is missing"), ([], "no facts to answer from")):
        with pytest.raises(ValueError, match=message):
            predictor(questions, wrong)


def test_a_model_that_learned_to_abstain_does_not_answer_from_other_facts():
    predictor = MemnetPredictor.load(abstaining_memnet_run())
    born, works, other, unknown = predictor(
        ["Where was Ada Holt born?", "Where does Ada Holt work?", "Where was Cid Holt born?", "Qwxyz?"], n_best=5
    )
    # Each of the two places has half of the weight, which is what there is to say: both are right.
    assert {entry["answer"] for entry in born["answers"][:2]} == {"Arnwick", "Wick"}
    assert born["answers"][1]["probability"] > 0.4 and born["no_answer_probability"] < 0.1
    total = sum(entry["probability"] for entry in born["answers"])
    assert total + born["no_answer_probability"] == pytest.approx(1)
    for answer in (works, other):
        assert answer["answers"] == [] and len(answer["facts"]) == 3 and answer["no_answer_probability"] > 0.5
        weights = sum(fact["weight"] for fact in answer["facts"])
        assert weights + answer["no_answer_probability"] == pytest.approx(1)
    assert [line for line in answer_lines(works) if "no fact answers" in line] == [
        f"{works['no_answer_probability']:.3f}  (no fact answers)"
    ]
    assert unknown["answers"] == unknown["facts"] == [] and unknown["no_answer_probability"] == pytest.approx(1)
    (given,) = predictor(["Where does Ada Holt work?"], [("Ada Holt", "job", "the mill")])
    assert given["answers"][0]["answer"] == "the mill"


def test_the_supporting_fact_has_the_answer_as_its_object(run_dir):
    predictor = MemnetPredictor.load(run_dir).with_facts(
        [("Darwin", "year", "1809"), ("Newton", "land", "England"), ("Darwin", "land", "England")]
    )
    address = np.array([[0.4, 0.25, 0.35], [0.5, 0.3, 0.2], [0.0, 0.0, 0.0]])
    memory = np.array([[0, 1, 2], [0, 1, -1], [-1, -1, -1]])
    features = MemoryFeatures(np.zeros((3, 1), int), memory, np.zeros(memory.shape, bool))
    scores = np.where(memory >= 0, np.log(np.maximum(address, 1e-9)), -np.inf)
    two, one, none = predictor.read_answers(features, SlotScores(scores, address), n_best=1)
    assert two["answers"][0]["answer"] == "England" and two["facts"][0]["object"] == "1809"
    assert two["supporting_fact"] == {"subject": "Darwin", "relation": "land", "object": "England", "weight": 0.35}
    assert one["supporting_fact"] == one["facts"][0] and none["supporting_fact"] is None
    (abstains, *_) = predictor.read_answers(features, SlotScores(scores, address, np.array([0.9, 0, 1])), n_best=1)
    assert abstains["answers"] == [] and abstains["supporting_fact"] is None and abstains["facts"]


def test_why_a_question_is_left_unanswered():
    predictor = MemnetPredictor.load(abstaining_memnet_run())
    facts = [("Ada Holt", "born_in", "Arnwick"), ("Bo Lind", "born_in", "Skel"), ("Cy Dane", "born_in", "Skel")]
    questions = ["Where was Ada Holt born?", "Where does Ada Holt work?", "Where were Ada Holt and Bo Lind born?"]
    answered, no_fact, apart, common = predictor([*questions, "Where were Cy Dane and Bo Lind born?"], facts)
    assert answered["no_answer_reason"] is common["no_answer_reason"] is None
    assert common["answers"][0]["answer"] == "Skel"
    assert no_fact["no_answer_reason"] == "no fact answers" and no_fact["no_answer_probability"] > 0.5
    assert apart["answers"] == [] and apart["no_answer_probability"] < 0.1
    lines = list(answer_lines(apart))
    assert "(the subjects have nothing in common)" in lines and not [
        line for line in lines if "no fact answers" in line
    ]


def test_a_model_that_did_not_learn_to_abstain_says_so(run_dir):
    (answer,) = MemnetPredictor.load(run_dir).answer(["Where was Zed Quill born?"])
    assert answer["no_answer_probability"] is answer["no_answer_reason"] is None


def test_a_second_step_retrieves_facts_about_the_objects_of_the_first_one():
    predictor = MemnetPredictor.load(two_step_memnet_run())
    questions = ["Where was the author of Emma born?", "Who is the author of Dracula?", "Where was Bram Stoker born?"]
    answers = predictor(questions)
    assert [answer["answers"][0]["answer"] for answer in answers] == ["Steventon", "Bram Stoker", "Dublin"]
    assert [answer["num_candidates"] for answer in answers] == [2, 2, 1]
    through = {"subject": "Emma", "relation": "author", "object": "Jane Austen"}
    assert [answer["facts"][0]["through"] for answer in answers] == [through, None, None]
    assert [answer["supporting_fact"] for answer in answers] == [answer["facts"][0] for answer in answers]
    lines = list(answer_lines(answers[0]))
    assert lines[-2].endswith("  Emma / author / Jane Austen, Jane Austen / born_in / Steventon")
    others = [("Ulysses", "author", "Joyce"), ("Joyce", "born_in", "Rathgar"), ("Joyce", "author", "Ulysses")]
    (answer,) = predictor(["Where was the author of Ulysses born?"], others)
    assert answer["answers"][0]["answer"] == "Rathgar" and answer["facts"][0]["through"]["object"] == "Joyce"
