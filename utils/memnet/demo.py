"""The built-in data of the task: facts about invented people, and templates to ask about them."""

from __future__ import annotations

import numpy as np

from utils.demo import phrases
from utils.demo.world import build_world
from utils.memnet.records import Fact, KnowledgeBase

DEMO_RELATIONS = ("born_in", "birth_year", "studied_at", "occupation", "works_for")


def demo_people(
    seed: int, num_train: int = 500, num_validation: int = 50, num_test: int = 100
) -> tuple[KnowledgeBase, dict, dict[str, list[str]]]:
    """Facts about people of the demo world.

    Args:
        seed: decides everything.
        num_train: people that training asks about.
        num_validation: people for validation.
        num_test: people for the test.

    Returns:
        the facts of five relations; templates, relation to split to templates; and the people of each split.
    """
    world = build_world(f"memory {seed}", num_train + num_validation + num_test, 100)
    facts = [Fact(fact.subject, fact.relation, fact.object) for fact in world.facts if fact.relation in DEMO_RELATIONS]
    base = KnowledgeBase.of(facts)
    templates = {
        relation: {split: list(phrases.RELATIONS[relation].questions[split]) for split in ("train", "test")}
        for relation in DEMO_RELATIONS
    }
    order = np.random.default_rng(seed).permutation(len(world.people))
    people = [world.people[place] for place in order]
    subjects = {
        "train": people[:num_train],
        "validation": people[num_train : num_train + num_validation],
        "test": people[num_train + num_validation :],
    }
    return base, templates, subjects
