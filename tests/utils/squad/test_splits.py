"""Splits of SQuAD questions: whole articles are held out, no paragraph is shared, numbers are drawn."""

import hashlib
import json
import random
from dataclasses import replace

import pytest

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.squad.data import Answer, Question, describe, read_squad_files
from utils.squad.splits import (
    article_groups,
    check_disjoint,
    describe_data,
    draw,
    load_splits,
    split_by_article,
    with_one_answer,
)


def make_questions(articles):
    """`articles`: title to the number of questions in each paragraph."""
    return [
        Question(f"{title}-{p}-{n}", title, f"Paragraph {p} of {title}.", "What?", (Answer("Paragraph", 0),))
        for title, paragraphs in articles.items()
        for p, count in enumerate(paragraphs)
        for n in range(count)
    ]


def assert_parted(train, held_out, questions):
    assert train and held_out
    assert {q.id for q in train} | {q.id for q in held_out} == {q.id for q in questions}
    assert len(train) + len(held_out) == len(questions)
    assert not {q.context for q in train} & {q.context for q in held_out}


def test_split_holds_out_whole_articles():
    questions = make_questions({f"article {i}": [3, 2] for i in range(31)})
    train, held_out = split_by_article(questions, 0.2, seed=5)
    assert_parted(train, held_out, questions)
    assert not {q.title for q in train} & {q.title for q in held_out}
    assert len(held_out) == 30  # 6 articles of 5 questions: a seventh would pass 20 % of 155
    assert [q.id for q in train] == [q.id for q in questions if q in set(train)]  # order is kept


def test_split_depends_on_the_seed_and_not_on_the_order():
    questions = make_questions({**{f"article {i}": [3, 2] for i in range(31)}, "huge": [2] * 50})
    held_out = {q.id for q in split_by_article(questions, 0.2, seed=1)[1]}
    shuffled = random.Random(0).sample(questions, len(questions))
    assert {q.id for q in split_by_article(shuffled, 0.2, seed=1)[1]} == held_out
    assert {q.id for q in split_by_article(questions, 0.2, seed=2)[1]} != held_out


def test_articles_with_a_common_context_stay_together():
    questions = make_questions({f"article {i}": [2] for i in range(37)})
    for n in range(36):  # a chain: every article repeats a paragraph of the next one, up to letter case and spacing
        context = f"PARAGRAPH 0  of article {n + 1}." if n % 2 else f"Paragraph 0 of article {n + 1}."
        if n not in (11, 23):
            questions.append(Question(f"copy {n}", f"article {n}", context, "What?", ()))
    train, held_out = split_by_article(questions, 0.4)
    assert_parted(train, held_out, questions)
    assert not {q.title for q in train} & {q.title for q in held_out}
    titles = {q.title for q in held_out}
    chains = [{f"article {i}" for i in chain} for chain in (range(12), range(12, 24), range(24, 37))]
    assert titles in chains


@pytest.mark.parametrize("title", ["", "r/everything"])
def test_files_of_one_article_are_split_by_paragraph(title):
    questions = make_questions({title: [5, 3, 2, 7] * 5})
    train, held_out = split_by_article(questions, 0.25)
    assert_parted(train, held_out, questions)
    assert 15 <= len(held_out) <= 21


def test_paragraphs_without_a_title_are_no_article():
    questions = make_questions({"": [1, 1], **{f"article {i}": [1] for i in range(41)}})
    sides = [{q.id for q in split_by_article(questions, 0.5, seed)[1]} & {"-0-0", "-1-0"} for seed in range(20)]
    assert any(len(side) == 1 for side in sides)


def test_split_takes_the_smallest_group_when_all_are_too_large():
    questions = make_questions({"one": [7], "two": [3], "three": [5]})
    train, held_out = split_by_article(questions, 0.01)
    assert {q.title for q in held_out} == {"two"} and len(train) == 12


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_split_needs_a_fraction(fraction):
    with pytest.raises(UserError, match="between 0 and 1"):
        split_by_article(make_questions({"one": [3, 3]}), fraction)


def test_one_paragraph_cannot_be_split():
    with pytest.raises(UserError, match="--validation-files"):
        split_by_article(make_questions({"one": [3]}), 0.5)


def test_groups_are_articles_or_else_paragraphs():
    questions = make_questions({**{f"article {i}": [1, 2] for i in range(11)}, "": [2, 1], "huge": [1] * 9})
    groups = article_groups(questions)
    named = {group for question, group in zip(questions, groups, strict=True) if question.title.startswith("article")}
    assert named == {f"article article {i}" for i in range(11)}
    others = [group for question, group in zip(questions, groups, strict=True) if question.title in ("", "huge")]
    assert len(others) == 12 and len(set(others)) == 2 + 9


def test_a_paragraph_in_two_splits_is_refused():
    questions = make_questions({"one": [1], "two": [1]})
    check_disjoint({"train": questions[:1], "test": questions[1:]})
    copy = Question("copy", "three", "PARAGRAPH 0 of  one.", "What?", (Answer("PARAGRAPH", 0),))
    with pytest.raises(
        UserError, match=r"the test data \(question copy\) and the train data \(question one-0-0\) share"
    ):
        check_disjoint({"train": questions, "test": [copy]})
    check_disjoint({"train": questions, "test": [replace(copy, answers=())]})  # it is not scored


def test_splits_of_the_demo_data():
    files = {"train": [], "validation": [], "test": []}
    questions, sources = load_splits("demo", files, 0.05, seed=0)
    data = describe_data(questions, sources)
    assert data["counts"] == {"train": 4000, "validation": 400, "test": 800}
    assert data["files"] == {"train": [], "validation": [], "test": []}
    assert data["contents"]["test"]["questions"] == 800 and data["checksum"]["test"].startswith("sha256:")


def test_each_split_has_needs_of_its_own(tmp_path):
    """Training needs offsets, validation needs labels, and test questions may have neither."""

    def write(name, *answers):
        rows = [
            {"id": f"{name}-{number}", "context": f"{name} in 1843", "question": f"{number}?", "answers": value}
            for number, value in enumerate(answers)
        ]
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(rows))
        return [path]

    good, elsewhere = [{"text": "1843", "answer_start": 0}], [{"text": "1901", "answer_start": -1}]
    files = {
        "train": write("train", *[good] * 30, elsewhere, None),
        "validation": write("validation", good, elsewhere, None),
        "test": write("test", good, elsewhere, None),
    }
    reading = Reading()
    questions, sources = load_splits("", files, 0.05, 0, reading)
    assert {name: len(part) for name, part in questions.items()} == {"train": 30, "validation": 2, "test": 3}
    assert questions["train"][0].answers[0].start == 9
    assert [question.is_labelled for question in questions["test"]] == [True, True, False]
    assert sources["test"]["unlabelled"] == 1
    counts = {name: (part["used"], part["bad"]) for name, part in reading.description().items()}
    assert counts == {"train.json": (30, 1), "validation.json": (2, 0), "test.json": (3, 0)}


def test_drawn_questions_follow_from_the_seed():
    questions = make_questions({"one": [5, 4, 3]})
    drawn = draw(questions, 7, seed=3)
    assert len({question.id for question in drawn}) == 7 and drawn == draw(questions, 7, seed=3) != draw(
        questions, 7, 4
    )
    assert len(draw(questions, 99, seed=3)) == 12


def test_one_answer_is_the_first():
    question = Question("q", "", "Ada met Bob.", "Who?", (Answer("Ada", 0), Answer("Bob", 8)))
    assert with_one_answer([question])[0].answers == (Answer("Ada", 0),)


def test_staged_files(qkv_zoo_data):
    paths = [qkv_zoo_data / "squad/train-v1.1-partial.json.gz"]
    paths += [qkv_zoo_data / f"squadshifts/{name}_v1.0.json.gz" for name in ("amazon_reviews", "new_wiki", "reddit")]
    questions = read_squad_files(paths)
    assert describe(questions, paths)["questions"] == 36_521
    train, held_out = split_by_article(questions, 0.05)
    assert_parted(train, held_out, questions)
    assert abs(len(held_out) / len(questions) - 0.05) < 0.001
    digest = hashlib.sha256(" ".join(question.id for question in held_out).encode()).hexdigest()
    assert digest[:16] == "231394debf625b12"  # published scores are on these questions
