"""The demo world's questions with graded answers.

No pretrained model knows these facts, and a question's own answers can be ranked by reading them. Among the answers of all
questions, 2.5 other sentences on average state the asked fact as well, but only the question's own count as relevant. So a perfect
reader reaches an MRR of about 0.58 and an NDCG@10 of 0.57 there.
"""

from __future__ import annotations

import random

from utils.demo import phrases
from utils.demo.world import Fact, World, build_world
from utils.ranking.records import Candidate, Query

NUM_PEOPLE, NUM_PLACES = 220, 80
GROUP_SIZE = 5
"""Subjects per group. Answers are drawn from the group alone, so splits that keep groups whole share no sentence."""
QUESTIONS_PER_SUBJECT = 5


def demo_rankings(seed: int = 0) -> list[Query]:
    """Make 1,500 questions about the demo world's facts, each with seven answers in random order.

    - grade 3: a sentence that states the fact;
    - grade 1: a sentence about the same subject with another relation;
    - grade 0: four sentences about other subjects with the same relation, and one with a different relation.

    Subjects come in groups of five, which are the questions' `group`. All answers are about the group's subjects, so a split that
    keeps groups whole shares no subject and no sentence with another. Every sentence names its subject in full.

    Args:
        seed: decides everything.
    """
    world, rng = build_world(seed, NUM_PEOPLE, NUM_PLACES), random.Random(f"rankings {seed}")
    queries = []
    for kind, names in (("people", world.people), ("places", world.places)):
        for start in range(0, len(names), GROUP_SIZE):
            group = names[start : start + GROUP_SIZE]
            for subject in group:
                for fact in rng.sample(_facts_about(world, subject), QUESTIONS_PER_SUBJECT):
                    others = [name for name in group if name != subject]
                    queries.append(_make_query(rng, world, fact, others, len(queries), f"{kind} {start // GROUP_SIZE}"))
    return queries


def _make_query(rng: random.Random, world: World, fact: Fact, others: list[str], number: int, group: str) -> Query:
    questions, query_id = phrases.RELATIONS[fact.relation].questions, f"demo-{number:05d}"
    text = rng.choice([template for templates in questions.values() for template in templates])
    other_facts = [other for subject in others for other in _facts_about(world, subject)]
    graded_facts = [
        (fact, 3.0),
        (rng.choice([other for other in _facts_about(world, fact.subject) if other.relation != fact.relation]), 1.0),
        *((other, 0.0) for other in other_facts if other.relation == fact.relation),
        (rng.choice([other for other in other_facts if other.relation != fact.relation]), 0.0),
    ]
    rng.shuffle(graded_facts)
    candidates = tuple(
        Candidate(f"{query_id}-{place}", _sentence(rng, stated), grade)
        for place, (stated, grade) in enumerate(graded_facts)
    )
    return Query(query_id, text.format(s=fact.subject), candidates, f"demo world, question {number + 1:,}", group)


def _facts_about(world: World, subject: str) -> list[Fact]:
    """All facts except marriages: a sentence about the wife is also about the husband, so its grade would not be clear."""
    return [fact for fact in world.facts_about(subject) if fact.relation != "married_to"]


def _sentence(rng: random.Random, fact: Fact) -> str:
    relation = phrases.RELATIONS[fact.relation]
    return rng.choice(relation.sentences + relation.test_sentences).format(s=fact.subject, o=fact.object)
