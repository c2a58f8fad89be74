"""Memories with distractors: what they hold, and what they may be drawn from."""

import dataclasses

import numpy as np
import pytest

from utils.memnet.memories import MemoryDrawer, draw_memories
from utils.memnet.questions import questions_from_templates
from utils.memnet.records import Fact, KnowledgeBase

NAMES = ["Ada Brown", "Bob Brown", "Cid Stone", "Dora Stone", "Eve Brown", "Finn Marsh", "Gus Hill"]
BASE = KnowledgeBase.of(
    [Fact(name, relation, f"{name[0]}-{relation}") for name in NAMES for relation in ("born", "year", "job")]
    + [Fact("Ada Brown", "job", "baker")]
)
TEMPLATES = {relation: {"train": [f"tell the {relation} of {{s}}"]} for relation in ("born", "year", "job")}
QUESTIONS = questions_from_templates(BASE, TEMPLATES, NAMES)


def draw(question, count, seed=0, allowed=None):
    return MemoryDrawer(BASE, allowed).draw(np.random.default_rng(seed), question, count)


@pytest.mark.parametrize("count", [1, 5, 12])
def test_a_memory_holds_the_answers_and_as_many_distractors(count):
    for number, question in enumerate(QUESTIONS):
        memory = draw(question, count, number)
        gold = BASE.gold(question, memory)
        assert len(memory) == len(set(memory)) == count + len(gold) and len(gold) == len(question.answers)
        others = [BASE.facts[place] for place in memory if place not in gold]
        assert not any(fact.subject == question.subject and fact.relation == question.relation for fact in others)


def test_distractors_are_of_all_kinds():
    question = QUESTIONS[0]
    others = [BASE.facts[number] for seed in range(50) for number in draw(question, 9, seed)]
    subjects = {fact.subject for fact in others}
    assert "Ada Brown" in subjects and {"Bob Brown", "Eve Brown"} <= subjects and "Gus Hill" in subjects
    fraction = np.mean(["Brown" in fact.subject and fact.subject != "Ada Brown" for fact in others])
    assert fraction > 2 / 7  # what chance gives
    places = {draw(question, 9, seed).index(0) for seed in range(50)}
    assert len(places) > 5  # the answer may stand anywhere


def test_only_allowed_facts_are_draw():
    allowed = [number for number, fact in enumerate(BASE.facts) if fact.subject in NAMES[:3]]
    memory = draw(QUESTIONS[0], 100, allowed=allowed)
    assert set(memory) == set(allowed)


def test_the_memory_of_a_question_of_two_steps_has_the_facts_of_both_and_of_ways_that_lead_elsewhere():
    base = KnowledgeBase.of(
        [
            *(
                Fact("Film", relation, f"{relation} {number}")
                for relation in ("actor", "writer")
                for number in range(3)
            ),
            *(Fact(f"{who} {number}", "born", f"town {number}") for who in ("actor", "writer") for number in range(3)),
            *(Fact(f"Other {number}", "born", "town 9") for number in range(40)),
        ]
    )
    (question,) = questions_from_templates(
        base, {"actor -> born": {"train": ["Where were actors of {s} born?"]}}, ["Film"]
    )
    memory = MemoryDrawer(base).draw(np.random.default_rng(0), question, 12)
    needed = {0, 1, 2, 6, 7, 8}
    assert needed <= set(memory) and len(memory) == len(set(memory)) == 18
    assert {9, 10, 11} & set(memory) and set(base.gold(question, memory)) == {6, 7, 8}
    # Facts that may not be seen in training are left out of the steps too.
    few = MemoryDrawer(base, set(range(len(base.facts))) - {0}).draw(np.random.default_rng(0), question, 12)
    assert {1, 2, 7, 8} <= set(few) and 0 not in few


def test_a_memory_that_the_data_gives_is_kept():
    questions = [QUESTIONS[0], dataclasses.replace(QUESTIONS[1], memory=(4, 2))]
    memories = draw_memories(MemoryDrawer(BASE), questions, 3, seed=5)
    assert len(memories[0]) == 3 + len(QUESTIONS[0].answers) and memories[1] == (4, 2)
    assert memories == draw_memories(MemoryDrawer(BASE), questions, 3, seed=5)
    assert memories != draw_memories(MemoryDrawer(BASE), questions, 3, seed=6)


def test_a_memory_about_two_subjects_holds_all_that_is_asked_of_each():
    base = KnowledgeBase.of([*BASE.facts, Fact("Gus Hill", "likes", "baker"), Fact("Gus Hill", "likes", "tea")])
    (question,) = questions_from_templates(base, {"job & likes": {"train": ["{s} and {t}"]}}, ["Ada Brown"])
    assert question.answers == ("baker",) and question.second_subject == "Gus Hill"
    for seed in range(20):
        memory = MemoryDrawer(base).draw(np.random.default_rng(seed), question, 6)
        facts = [base.facts[number] for number in memory]
        asked_for = [fact for fact in facts if (fact.subject, fact.relation) in question.keys]
        assert len(memory) == 10 and len(asked_for) == 4  # two jobs, and two things that are liked
        assert sorted(base.facts[number].subject for number in base.gold(question, memory)) == ["Ada Brown", "Gus Hill"]
