"""The demo data of the task."""

import numpy as np
import pytest

from utils.demo.world import build_world
from utils.vectors.demo import demo_documents, demo_vectors, hashed_words


def test_hashed_words_share_what_texts_share():
    a, b, c = hashed_words(["The cat sat.", "the cat ran", "seven green ideas"], 64)
    assert a @ a == pytest.approx(1) and a @ b > 0.3 > abs(a @ c)


def test_a_document_is_a_town_with_the_people_who_live_there():
    world = build_world(0, num_people=12, num_places=3)
    documents = demo_documents(world, 0)
    assert list(documents) == list(world.places)
    for town, sentences in documents.items():
        residents = [fact.subject for fact in world.facts if (fact.relation, fact.object) == ("lives_in", town)]
        assert town in sentences[0] and all(resident in " ".join(sentences) for resident in residents)
        assert 3 * (1 + len(residents)) < len(sentences) <= 7 + 10 * len(residents)


def test_chance_finds_few_next_sentences():
    """Documents are so long that five guesses are seldom right."""
    data = demo_vectors(0)
    lengths = np.diff(data.starts)
    assert np.median(lengths) > 30 and len(lengths) == len(data.names) == 300
    assert len(data.texts) == len(data.vectors) == data.starts[-1]
    np.testing.assert_allclose(np.linalg.norm(data.vectors, axis=1), 1, rtol=1e-5)
