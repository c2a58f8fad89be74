"""Splits of memory questions: what no split shares, what is unseen, and what is refused."""

import pytest

from utils.common.errors import UserError
from utils.memnet.demo import demo_people
from utils.memnet.records import Fact, KnowledgeBase
from utils.memnet.splits import split_subjects, split_templates

SMALL = {"max_templates": 0}
"""Settings of tests with few facts."""


@pytest.fixture(scope="module")
def demo():
    base, templates, subjects = demo_people(0)
    return split_templates(base, templates, subjects=subjects)


def test_the_demo_has_the_size_of_the_known_protocol(demo):
    people = {name: {question.subject for question in part} for name, part in demo.questions.items()}
    assert len(people["train"]) == 500 and len(people["test"] | people["test_unseen_value"]) == 100
    assert 8_500 < len(demo.questions["train"]) < 9_500 and 1_600 < len(demo.questions["test"]) < 1_900


def test_no_split_shares_a_subject_with_training(demo):
    trained = {question.subject for question in demo.questions["train"]}
    for name in ("validation", "test", "test_unseen_value", "test_unseen_template"):
        assert demo.questions[name] and trained.isdisjoint(question.subject for question in demo.questions[name])
    tested = {question.subject for question in demo.questions["test"]}
    assert tested.isdisjoint(question.subject for question in demo.questions["validation"])


def test_unseen_values_and_templates_are_unseen_and_the_others_are_not(demo):
    def pairs(name):
        return {(question.relation, answer) for question in demo.questions[name] for answer in question.answers}

    facts = [demo.base.facts[number] for number in demo.training_facts]
    training_pairs = {(fact.relation, fact.object) for fact in facts}
    assert pairs("test_unseen_value").isdisjoint(training_pairs) and pairs("test_unseen_value").isdisjoint(
        pairs("train")
    )
    assert (
        pairs("test") <= training_pairs
        and pairs("test_unseen_template") <= training_pairs
        and pairs("train") <= training_pairs
    )
    templates = {name: {question.template for question in part} for name, part in demo.questions.items()}
    assert templates["test_unseen_template"].isdisjoint(templates["train"])
    assert templates["test"] <= templates["train"] and templates["test_unseen_value"] <= templates["train"]


def some_facts(people=40, relations=("born", "year")):
    return KnowledgeBase.of(Fact(f"Person {n}", r, f"{r} {n % 20}") for n in range(people) for r in relations)


TEMPLATES = {"born": {"train": ["born {s}?", "birth {s}?", "cradle {s}?"]}, "year": {"train": ["year {s}?"]}}


def test_of_three_templates_the_last_is_kept_for_the_test():
    data = split_templates(some_facts(), TEMPLATES, **SMALL)
    assert {question.template for question in data.questions["test_unseen_template"]} == {"cradle {s}?"}
    assert {question.template for question in data.questions["train"]} == {"born {s}?", "birth {s}?", "year {s}?"}
    assert len({question.subject for question in data.questions["train"]}) == 28


def test_the_split_depends_on_its_seed_and_not_on_the_order_of_the_file():
    reversed_base = KnowledgeBase.of(reversed(some_facts().facts))
    texts = [
        {question.text for question in split_templates(base, TEMPLATES, seed=seed, **SMALL).questions["test"]}
        for base, seed in ((some_facts(), 0), (reversed_base, 0), (some_facts(), 1))
    ]
    assert texts[0] == texts[1] != texts[2]


def test_relations_and_templates_that_do_not_match_are_noted():
    data = split_templates(some_facts(relations=("born", "job")), TEMPLATES, **SMALL)
    assert any("year" in note for note in data.notes) and any("job" in note for note in data.notes)
    with pytest.raises(UserError, match="templates' relations"):
        split_templates(some_facts(relations=("job",)), TEMPLATES, **SMALL)


def test_too_few_subjects_are_refused():
    with pytest.raises(UserError, match="too few"):
        split_templates(some_facts(people=1), TEMPLATES, **SMALL)


def test_names_that_differ_in_capitals_alone_stay_together():
    subjects = [name for number in range(30) for name in (f"Ada {number}", f"ADA, {number}")]
    parts = split_subjects(subjects, validation_fraction=0.2, test_fraction=0.3, seed=0)
    for part in parts.values():
        assert sorted(name.upper().replace(",", "") for name in part)[::2] == sorted(
            {name.upper().replace(",", "") for name in part}
        )
    assert sorted(map(len, parts.values())) == [12, 18, 30]


def test_held_out_values_stand_in_no_training_fact_of_any_relation():
    facts = [Fact(f"p{number}", relation, str(number % 20)) for number in range(60) for relation in ("born", "died")]
    base = KnowledgeBase.of(facts)
    templates = {"born": {"train": ["When was {s} born?"]}}
    data = split_templates(base, templates, value_fraction=0.3, test_fraction=0.3)
    assert data.questions["test_unseen_value"]
    unseen = {answer for question in data.questions["test_unseen_value"] for answer in question.answers}
    assert unseen.isdisjoint(base.facts[number].object for number in data.training_facts)
    assert "values are held out for the test, and with them" in " ".join(data.notes)


def test_splits_without_questions_are_noted_and_left_out():
    data = split_templates(some_facts(people=200), TEMPLATES, value_fraction=0.0, **SMALL)
    assert "test_unseen_value" not in data.questions and "test_unseen_value: no questions" in data.notes
    assert {"train", "validation", "test"} <= set(data.questions)


def test_templates_may_ask_about_two_subjects_and_relations_may_have_signs_in_their_names():
    names = [f"Person {number}" for number in range(40)]
    facts = [Fact(name, "bed & breakfast", f"inn {number}") for number, name in enumerate(names)]
    facts += [Fact(name, "likes", f"game {number % 3}") for number, name in enumerate(names)]
    facts += [Fact(name, "visits", f"town {number % 5}") for number, name in enumerate(names)]
    templates = {
        "bed & breakfast": {"train": ["Where does {s} stay?"]},
        "likes & likes": {"train": ["What do {s} and {t} like?"]},
        "likes & visits": {"train": ["What does {s} like?"]},
        "likes -> bed & breakfast": {"train": ["Where is what {s} likes?"]},
    }
    data = split_templates(KnowledgeBase.of(facts), templates, **SMALL)
    assert not any("templates of relations that no fact has" in note for note in data.notes)
    (note,) = (note for note in data.notes if "left out" in note and "templates" in note)
    assert note.endswith("without {t} for the second subject are left out: likes & visits")
    trained = {question.subject for question in data.questions["train"]}
    pairs = [question for question in data.questions["train"] if question.second_subject]
    assert pairs and {question.second_subject for question in pairs} <= trained
    assert any(question.relation == "bed & breakfast" for question in data.questions["train"])
