"""The demo world: the same on every machine, consistent, and written from templates that name what they state."""

from collections import Counter

import pytest

from utils.demo import phrases as demo_phrases
from utils.demo.world import Fact, build_world, demo_passages


def test_world_has_one_object_for_every_subject_and_relation():
    world = build_world(seed=3, num_people=41, num_places=17)
    assert (len(set(world.people)), len(set(world.places))) == (41, 17)
    assert len({(fact.subject, fact.relation) for fact in world.facts}) == len(world.facts)
    assert len(world.facts) == 41 * len(demo_phrases.PERSON_RELATIONS) - 1 + 17 * len(demo_phrases.PLACE_RELATIONS)
    assert max(Counter(person.split()[1] for person in world.people).values()) > 1
    known = set(world.people) | set(world.places)
    assert {fact.subject for fact in world.facts} == known
    for fact in world.facts:
        if fact.relation in ("born_in", "lives_in", "taught_by", "married_to", "mayor"):
            assert fact.object in known and fact.object != fact.subject


def test_marriage_goes_both_ways():
    world = build_world(num_people=7, num_places=3)
    married = {fact.subject: fact.object for fact in world.facts if fact.relation == "married_to"}
    assert len(married) == 6
    assert all(married[spouse] == person for person, spouse in married.items())


def test_facts_about_keeps_the_order_of_relations():
    world = build_world(num_people=5, num_places=3)
    facts = world.facts_about(world.places[0])
    assert [fact.relation for fact in facts] == list(demo_phrases.PLACE_RELATIONS)
    assert all(isinstance(fact, Fact) and fact.subject == world.places[0] for fact in facts)
    with pytest.raises(KeyError):
        world.facts_about("Nobody")


def test_the_same_seed_gives_the_same_world():
    assert build_world(5, 11, 7) == build_world(5, 11, 7) != build_world(6, 11, 7)


def test_a_world_too_small_is_refused():
    with pytest.raises(ValueError, match="at least 3 people"):
        build_world(num_people=2, num_places=5)


def test_every_template_names_its_subject_and_its_object():
    for phrases in demo_phrases.RELATIONS.values():
        for sentence in phrases.sentences + phrases.test_sentences:
            assert sentence.count("{s}") == sentence.count("{o}") == 1 and sentence.endswith(".")
        for question in sum(phrases.questions.values(), ()):
            assert question.count("{s}") == 1 and "{o}" not in question and question.endswith("?")


def test_passages_state_every_fact_in_order():
    world = build_world(seed=2, num_people=13, num_places=5)
    passages = demo_passages(world)
    assert passages == demo_passages(world) != demo_passages(world, seed=1)
    assert len(passages) == 18
    for subject, sentences in zip(world.people + world.places, passages, strict=True):
        text, position = " ".join(sentences), 0
        assert subject in sentences[0]
        for fact in world.facts_about(subject):
            position = text.index(fact.object, position)
