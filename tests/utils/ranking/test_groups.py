"""Questions that must stay in one split: near duplicates, and questions that share an answer."""

import time
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from tests.helpers.ranking_questions import question
from utils.ranking.groups import near_duplicates, question_groups
from utils.text.words import split_words


def test_near_duplicates_have_most_words_in_common():
    texts = [
        "How do I boil an egg for breakfast?",
        "something else",
        "how do I boil, for breakfast, an EGG",  # the same words
        "How do I boil an egg for breakfast today?",  # 8 of 9
        "How do I fry an egg today?",  # 6 of 9 with the one before
        "???",
        "",
        "???",
        "something",  # a half
    ]
    assert near_duplicates(texts) == [0, 1, 0, 0, 2, 3, 4, 3, 5]
    assert near_duplicates(["a b c d e f g h i j", "a b c d e f g x y z"]) == [0, 1]  # 7 of 13
    assert near_duplicates(["a b c d e f g h i j", "a b c d e f g"]) == [0, 0]  # 7 of 10, exactly
    assert near_duplicates(["a b", "b a c", "c"]) == [0, 1, 2] and near_duplicates([]) == []
    assert near_duplicates(["a b", "a b c", "c"], 0.6) == [0, 0, 1]


def test_words_after_the_first_hundred_do_not_count():
    start = " ".join(f"w{number}" for number in range(100))
    assert near_duplicates([start, start + " and much more" * 50 + " x y z" * 90]) == [0, 0]


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.9])
def test_no_pair_is_missed(threshold):
    """Against all pairs, in texts of few words and skewed frequencies, so that many pairs are near the threshold."""
    rng = np.random.default_rng(0)
    texts = []
    for _ in range(300):
        words = (rng.zipf(1.4, rng.integers(1, 15)) % 60).tolist()
        texts.append(" ".join(map(str, words)))
        if rng.random() < 0.4:
            texts.append(" ".join(map(str, [*words[1:], rng.integers(60)])))
    groups = near_duplicates(texts, threshold)
    sets = [set(split_words(text)) for text in texts]
    expected = list(range(len(texts)))
    for one, other in combinations(range(len(texts)), 2):
        if len(sets[one] & sets[other]) >= threshold * len(sets[one] | sets[other]) - 1e-9:
            first, second = expected[one], expected[other]
            expected = [first if group == second else group for group in expected]
    seen = {}
    assert groups == [seen.setdefault(group, len(seen)) for group in expected]
    assert 20 < len(seen) < len(texts) - 20


def test_many_texts_are_quick():
    rng = np.random.default_rng(0)
    texts = [" ".join(map(str, rng.zipf(1.15, 40) % 30_000)) for _ in range(5_000)]
    start = time.process_time()
    groups = near_duplicates(texts + texts[:100])
    assert groups[5_000:] == groups[:100] and time.process_time() - start < 5


def test_groups_are_of_like_questions_shared_answers_and_given_names():
    queries = [
        question(0, "where is the old stone bridge of the town"),
        question(1, "where is the old stone bridge of the village"),  # 8 of 10
        question(2, answers=("shared", "a")),
        question(3, answers=("b", "shared")),
        question(4, "where is the old stone bridge of the city", group="x"),
        question(5, "where is the old stone bridge of the isle", group="y"),  # alike, but groups are given
        question(6, group="x"),
    ]
    assert question_groups(queries) == [0, 0, 1, 1, 2, 3, 2]


def test_text_without_spaces_is_compared():
    assert near_duplicates(["怎么运送冰箱比较好", "怎么运送冰箱比较好?", "今天天气很好我们去公园"]) == [0, 0, 1]


def test_wrong_answers_that_connect_nearly_all_questions_keep_none_together():
    """As where wrong answers were drawn from the right ones of other questions."""
    queries = [question(number, answers=(f"yes {number}", f"yes {(number + 1) % 10}")) for number in range(10)]
    assert question_groups(queries) == list(range(10))
    queries[3] = question(3, answers=("yes 7", "no"))
    assert question_groups(queries) == [0, 1, 2, 3, 4, 5, 6, 3, 7, 8]


def test_documents_of_a_collection_keep_no_questions_together():
    queries = [question(number, answers=("shared", f"own {number}")) for number in range(6)]
    assert question_groups(queries) == [0] * 6
    documents = [
        replace(query, candidates=tuple(replace(candidate, is_document=True) for candidate in query.candidates))
        for query in queries
    ]
    assert question_groups(documents) == list(range(6))
