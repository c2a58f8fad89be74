"""The demo world's questions with graded answers: no pretrained model knows them, and a question's own can be ranked by reading.

Among the answers of all questions, other sentences state the asked fact too (4.5 in the mean), of which only the question's own
count: who reads perfectly reaches an MRR of about 0.5 there, and an NDCG@10 of 0.54.
"""

from __future__ import annotations

import random

from utils.demo import phrases as words
from utils.demo.world import Fact, World, build_world
from utils.ranking.records import Candidate, Query

PEOPLE, PLACES = 220, 80
GROUP = 5
"""Subjects of one kind that a group has: candidates are drawn from it alone, so that splits by group share no sentence."""

QUESTIONS = 5
"""About each subject, of different relations."""


def demo_rankings(seed: int = 0) -> list[Query]:
    """1,500 questions about the demo world's facts, each with seven answers in random order.

    - grade 3: a sentence that states the fact;
    - grade 1: one on the same subject, of another relation;
    - grade 0: four on others, of the same relation, and one on another, of any other relation.

    Subjects come in groups of five, which is the questions' `group`: all sentences are about the group's subjects, so a split that
    keeps groups whole has no name of a subject and no sentence on two sides. Every sentence names its subject in full.

    Args:
        seed: decides everything.
    """
    world, rng = build_world(seed, PEOPLE, PLACES), random.Random(f"rankings {seed}")
    queries = []
    for kind, names in (("people", world.people), ("places", world.places)):
        for start in range(0, len(names), GROUP):
            group = names[start : start + GROUP]
            for subject in group:
                for fact in rng.sample(_facts(world, subject), QUESTIONS):
                    others = [name for name in group if name != subject]
                    queries.append(_query(rng, world, fact, others, len(queries), f"{kind} {start // GROUP}"))
    return queries


def _query(rng: random.Random, world: World, fact: Fact, others: list[str], number: int, group: str) -> Query:
    phrases, name = words.RELATIONS[fact.relation], f"demo-{number:05d}"
    asked = rng.choice([template for part in phrases.questions.values() for template in part])
    of_others = [other for subject in others for other in _facts(world, subject)]
    graded = [
        (fact, 3.0),
        (rng.choice([other for other in _facts(world, fact.subject) if other.relation != fact.relation]), 1.0),
        *((other, 0.0) for other in of_others if other.relation == fact.relation),
        (rng.choice([other for other in of_others if other.relation != fact.relation]), 0.0),
    ]
    rng.shuffle(graded)
    candidates = tuple(
        Candidate(f"{name}-{place}", _told(rng, told), grade) for place, (told, grade) in enumerate(graded)
    )
    return Query(name, asked.format(s=fact.subject), candidates, f"demo world, question {number + 1:,}", group)


def _facts(world: World, subject: str) -> list[Fact]:
    """But for marriages: a sentence on the wife is one on the husband, so neither its grade nor its group would be clear."""
    return [fact for fact in world.facts_about(subject) if fact.relation != "married_to"]


def _told(rng: random.Random, fact: Fact) -> str:
    phrases = words.RELATIONS[fact.relation]
    return rng.choice(phrases.sentences + phrases.test_sentences).format(s=fact.subject, o=fact.object)
