"""The questions whose attention is drawn, and the picture."""

from types import SimpleNamespace

import numpy as np

from utils.common.evaluation import Evaluation
from utils.memnet.features import MemoryFeatures
from utils.memnet.metrics import SlotScores
from utils.memnet.plots import AttentionExample, attention_examples, attention_table, plot_test, plot_training
from utils.memnet.records import Fact, MemoryQuestion

FACTS = [Fact("Ada", "born_in", "Rome"), Fact("Bob", "born_in", "Oslo")]
CERTAINTY = np.array([0.9, 0.8, 0.7, 0.55, 0.6, 0.95, 0.85])
"""The probability of the first fact for each of seven questions."""


def read_answers(features, slots, n_best):
    """The answer Rome, and both facts by their weight."""
    return [
        {
            "answers": [{"answer": "Rome", "probability": float(scores[0])}],
            "facts": [
                {"subject": FACTS[place].subject, "relation": FACTS[place].relation, "object": FACTS[place].object}
                for place in np.argsort(-scores[:2])
            ],
            "no_answer_probability": None,
        }
        for scores in slots.scores
    ]


def examples_of(is_correct):
    """The examples among seven questions; number i asks "q{i}?"."""
    questions = [MemoryQuestion(f"q{i}", f"q{i}?", "Ada", ("Rome",)) for i in range(7)]
    memory, gold = np.tile([[0, 1, -1]], (7, 1)), np.tile([[True, False, False]], (7, 1))
    weights = np.stack([CERTAINTY, 1 - CERTAINTY, np.zeros(7)], axis=1)
    features, slots = MemoryFeatures(np.zeros((7, 2), int), memory, gold), SlotScores(weights, weights)
    predictor = SimpleNamespace(base=SimpleNamespace(facts=FACTS), read_answers=read_answers)
    return attention_examples(predictor, questions, features, slots, Evaluation({}, {"accuracy": np.array(is_correct)}))


def test_failures_come_last():
    examples = examples_of([1, 1, 0, 1, 0, 1, 0])
    assert [example.question for example in examples] == ["q0?", "q1?", "q3?", "q2?", "q4?"]
    assert [example.is_correct for example in examples] == [True, True, True, False, False]
    assert examples[0].facts == [("Ada / born_in / Rome", 0.9, True), ("Bob / born_in / Oslo", 1 - 0.9, False)]
    assert attention_table(examples)[1][0] == ("q0?", "Rome", True, "Ada / born_in / Rome", 0.9, True)


def test_the_least_certain_answers_stand_in_for_failures():
    assert [example.question for example in examples_of([1] * 7)][-2:] == ["q3?", "q4?"]
    assert [example.question for example in examples_of([1, 1, 1, 1, 1, 1, 0])][-2:] == ["q6?", "q3?"]


def test_pictures_have_a_panel_per_question(tmp_path):
    long = AttentionExample("Where $ is it? " * 20, "", 0.0, False, ("Rome " * 20,), [("a fact " * 30, 3e-9, False)])
    no_facts = AttentionExample("And nobody?", "", 0.0, False, ("Rome",), [])
    sizes = []
    for examples in ([], [long], [*examples_of([1, 1, 1, 0, 0, 1, 1]), long, no_facts]):
        plot_test(tmp_path, examples, "pointer, facts.tsv", "test")
        sizes.append((tmp_path / "attention.png").stat().st_size)
    assert 2_000 < sizes[0] < sizes[1] < sizes[2] < 150_000


def test_the_training_is_drawn_beside_baselines(tmp_path):
    rows = [{"epoch": 1, "loss": 1.0, "val_accuracy": 0.5, "val_gold_key_accuracy": 0.5}]
    plot_training(tmp_path, rows, {"bm25": {"validation": Evaluation({"accuracy": 0.25})}}, "pointer, demo")
    assert (tmp_path / "history.png").stat().st_size > 5_000
