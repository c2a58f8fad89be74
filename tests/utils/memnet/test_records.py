"""Facts, and what should be known about a knowledge base."""

import unicodedata

import pytest

from utils.memnet.records import BadFactError, Fact, KnowledgeBase, MemoryQuestion, fact_from

BASE = KnowledgeBase.of(
    [
        Fact("Ada", "born", "London"),
        Fact("Ada", "knew", "Babbage"),
        Fact("Ada", "knew", "Mary"),
        Fact("Bob", "born", "Rome"),
        Fact("Ada", "knew", "Mary"),
    ]
)


def test_gold_facts_have_subject_relation_and_answer():
    question = MemoryQuestion("1", "?", "Ada", ("Babbage", "Mary"), "knew")
    assert BASE.gold(question, range(4)) == [1, 2]
    loose = MemoryQuestion("2", "?", "Ada", ("Rome",))
    assert BASE.gold(loose, range(4)) == [3] and BASE.gold(loose, [0, 1]) == []


def test_facts_have_names_with_single_spaces():
    assert fact_from(["a \u00a0 b", "r", 1815]) == fact_from(("a b", "r", 1815.0)) == Fact("a b", "r", "1815")
    assert fact_from(["a", "r", 0.5]).object == "0.5" and fact_from(["a", "r", 0]).object == "0"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (["a", "r"], "a field is missing"),
        (["a", None, "x"], "a field is missing"),
        (["a", "r", "x", "y"], "more fields than columns"),
        (["a", "r", " "], "its object is empty"),
        (["a", "r", float("nan")], "its object is empty"),
        (["a", "r", {"b": 1}], "its object is empty"),
        (["a", "r", "\ud83d"], "half a character"),
        (["a" * 1001, "r", "x"], "longer than 1,000 characters"),
    ],
)
def test_fields_that_are_no_fact_say_why(fields, words):
    with pytest.raises(BadFactError, match=words) as caught:
        fact_from(fields)
    assert caught.value.is_natural == ("object is empty" in words)


def test_objects_are_found_in_other_capital_letters_and_unicode_forms():
    base = KnowledgeBase.of([Fact("a", "r", "Köln"), Fact("b", "r", "KÖLN"), Fact("c", "r", "ＡＢＣ")])
    assert base.objects_like(unicodedata.normalize("NFD", "köln")) == ["Köln", "KÖLN"]
    assert base.objects_like("abc") == ["ＡＢＣ"] and base.objects_like("Koln") == []


def test_notes_say_what_the_model_cannot_tell_apart():
    assert BASE.notes == [
        "several objects for 1 pair of subject and relation (such as 'Ada', 'knew'): each counts as a correct answer"
    ]
    base = KnowledgeBase.of(Fact(name, "r", "x") for name in ("Yahoo", "Yahoo!", "C", "C++", "?", "…"))
    assert base.notes == [
        "no question can name 2 subjects without words (such as '?')",
        "2 subjects have the words of another one (such as 'Yahoo' and 'Yahoo!'): the model cannot tell them apart",
    ]


@pytest.mark.parametrize("name", ["Q42", "/m/02mjmr", "/c/en/dog", "http://example.org/Ada", "01332730"])
def test_names_that_are_ids_are_told(name):
    base = KnowledgeBase.of([Fact(name, "born_in", "Brom"), Fact("Bo", "born_in", "Oslo"), Fact(name + "1", "x", "y")])
    assert f"2 of 3 subjects are ids or addresses (such as '{name}')" in base.notes[0]
    assert not KnowledgeBase.of([Fact(name, "x", "y"), Fact("Bo", "x", "y")]).notes


def test_of_facts_with_correct_objects_those_whose_relation_fits_the_answers_are_likely():
    films = [("acted_in", "A"), ("acted_in", "B"), ("acted_in", "C"), ("wrote", "B"), ("wrote", "Z")]
    base = KnowledgeBase.of([*(Fact("Ada", *film) for film in films), Fact("Bob", "tag", "A")])
    question = MemoryQuestion("1", "?", "Ada", ("A", "B", "C"))
    assert base.gold(question, range(6)) == [0, 1, 2, 3, 5] and base.likely_gold(question, range(6)) == [0, 1, 2]
    assert base.likely_gold(question, [3, 4]) == [3] and base.likely_gold(question, [4]) == []
    known = MemoryQuestion("2", "?", "Ada", ("B",), "wrote")
    assert base.likely_gold(known, range(6)) == base.gold(known, range(6)) == [3]
    assert base.without_answer(question, [5, 4, 3, 2]) == []  # Z is another film that Ada wrote
    assert base.without_answer(known, range(6)) == [0, 1, 2, 5]


def test_two_subjects_have_a_relation_each_and_answers_are_objects_of_both():
    base = KnowledgeBase.of(
        [
            Fact("Ada", "plays", "chess"),
            Fact("Ada", "likes", "tea"),
            Fact("Bo", "likes", "chess"),
            Fact("Bo", "plays", "tea"),
        ]
    )
    question = MemoryQuestion("1", "?", "Ada", ("chess",), "plays & likes", second_subject="Bo")
    assert question.subjects == ("Ada", "Bo") and question.keys == (("Ada", "plays"), ("Bo", "likes"))
    assert base.gold(question, range(4)) == base.likely_gold(question, range(4)) == [0, 2]
    assert base.without_answer(question, range(4)) == [1, 3]
    assert base.subjects_of["likes", "chess"] == ["Bo"]
    alone = MemoryQuestion("2", "?", "Ada", ("chess",), "bed & breakfast")  # a relation may be called so
    assert alone.subjects == ("Ada",) and alone.keys == (("Ada", "bed & breakfast"),)
