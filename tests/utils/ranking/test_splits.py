"""Splits of questions with answers: held out, of files of their own, or of a folder; the demo world."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from tests.helpers.ranking_files import write
from tests.helpers.ranking_questions import question
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.demo import phrases as demo_phrases
from utils.demo.world import build_world
from utils.ranking.demo import demo_rankings
from utils.ranking.groups import question_groups
from utils.ranking.splits import read_ranking_splits, split_queries

QUESTIONS = [question(number) for number in range(100)]


def ids(part):
    return [query.id for query in part]


def test_splits_are_disjoint_whole_and_follow_from_the_seed():
    splits = split_queries(QUESTIONS, 0.1, 0.2, 3)
    assert {name: len(part) for name, part in splits.parts.items()} == {"train": 70, "validation": 10, "test": 20}
    assert sorted(int(query.id) for part in splits.parts.values() for query in part) == list(range(100))
    assert all(sorted(ids(part), key=int) == ids(part) for part in splits.parts.values()) and splits.notes == []
    assert split_queries(QUESTIONS, 0.1, 0.2, 3) == splits
    assert split_queries(QUESTIONS, 0.1, 0.2, 4).parts["test"] != splits.parts["test"]
    assert list(split_queries(QUESTIONS, 0, 0.2, 3).parts) == ["train", "test"]
    assert len(split_queries(QUESTIONS, 0, 0.001, 3).parts["test"]) == 1


@pytest.mark.parametrize("seed", range(5))
def test_duplicates_and_shared_answers_stay_in_one_split(seed):
    alike = [question(number, f"the very same five words {number // 4}") for number in range(40)]
    sharing = [question(number, answers=(f"shared {number // 5}", f"own {number}")) for number in range(40, 80)]
    splits = split_queries(alike + sharing + QUESTIONS[80:], 0.2, 0.2, seed)
    where = {query.id: name for name, part in splits.parts.items() for query in part}
    assert len(where) == 100 and all(len(splits.parts[name]) == 20 for name in ("validation", "test"))
    for number in range(40, 80, 5):
        assert len({where[str(n)] for n in range(number, number + 5)}) == 1
    # "the very same five words 3" has 5 of 7 words in common with every other: all forty are one group, too large to hold out
    assert {where[str(number)] for number in range(40)} == {"train"}
    assert splits.notes[0].startswith("80 of 100 questions are in 9 groups") and "the largest has 40" in splits.notes[0]


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (-0.1, 0.1), (0.1, 1.0), (float("nan"), 0.1)])
def test_fractions_that_leave_nothing_are_an_error(validation, test):
    with pytest.raises(UserError, match="must be 0 or more and less than 1 together"):
        split_queries(QUESTIONS, validation, test, 0)


def test_a_split_without_questions_is_an_error():
    with pytest.raises(UserError, match="no train question is left of 2"):
        split_queries(QUESTIONS[:2], 0.4, 0.4, 0)
    with pytest.raises(UserError, match=r"no test question is left of 6; .*the largest has 6"):
        split_queries([question(number, group="one") for number in range(6)], 0, 0.3, 0)


def table(path, rows):
    """Rows of query, candidate and relevance."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("query\tcandidate\trelevance\n" + "".join("\t".join(map(str, row)) + "\n" for row in rows))
    return path


def some(path, first, count):
    rows = [
        (f"ask{n} about{n} it{n}", f"{kind} {n}", kind == "yes")
        for n in range(first, first + count)
        for kind in ("yes", "no")
    ]
    return table(path, [(*row[:2], int(row[2])) for row in rows])


def test_held_out_questions_come_from_the_training_files(tmp_path):
    paths = [some(tmp_path / "a" / "t.tsv", 0, 30), some(tmp_path / "b" / "t.tsv", 30, 10)]
    splits = read_ranking_splits(paths, [], [], 0.1, 0.2, 1)
    assert {name: len(part) for name, part in splits.parts.items()} == {"train": 28, "validation": 4, "test": 8}
    names = [name for part in splits.parts.values() for name in ids(part)]
    assert len(set(names)) == 40 and Counter(name.split(":")[0] for name in names) == {"t.tsv": 30, "t.tsv (2)": 10}
    small = read_ranking_splits(paths, [], [], 0.1, 0.2, 1, limit=5)
    assert len(small.parts["train"]) == 5 and small.parts["test"] == splits.parts["test"]
    assert set(ids(small.parts["train"])) < set(ids(splits.parts["train"]))


def test_named_files_are_used_as_they_are_and_leaks_are_noted(tmp_path):
    train, test = some(tmp_path / "train.tsv", 0, 30), some(tmp_path / "test.tsv", 28, 5)
    splits = read_ranking_splits([train], [], [test], 0.1, 0.2, 1)
    assert {name: len(part) for name, part in splits.parts.items()} == {"train": 27, "validation": 3, "test": 5}
    assert ids(splits.parts["test"])[0] == "test.tsv:2" and list(splits.parts) == ["train", "validation", "test"]
    (note,) = [note for note in splits.notes if "near duplicate" in note]
    assert note.startswith("2 test questions have a near duplicate in ") and "'test.tsv:2', 'test.tsv:4'" in note
    assert any(note.startswith("4 answers to test questions also occur, word for word, in ") for note in splits.notes)
    assert splits.has_unseen_answers().tolist() == [False, False, True, True, True]
    clean = read_ranking_splits([train], [some(tmp_path / "other.tsv", 90, 5)], [], 0.1, 0, 1)
    assert clean.notes == [] and list(clean.parts) == ["train", "validation"] and len(clean.parts["train"]) == 30


def beir(folder, **qrels):
    """A folder with a document for each question, and two more."""
    write(folder / "corpus.tsv", "".join(f"d{n}\ttext of {n}\n" for n in range(12)))
    write(folder / "queries.tsv", "".join(f"q{n}\task{n} about{n} it{n}?\n" for n in range(10)))
    for name, numbers in qrels.items():
        write(
            folder / "qrels" / f"{name}.tsv",
            "query-id\tcorpus-id\tscore\n" + "".join(f"q{n}\td{n}\t1\n" for n in numbers),
        )
    return folder


def test_a_folder_with_splits_gives_each_its_part(tmp_path):
    folder = beir(tmp_path / "b", train=range(6), dev=[6, 7], test=[8, 9])
    splits = read_ranking_splits([folder], [], [], 0.1, 0.2, 1)
    assert {name: ids(part) for name, part in splits.parts.items()} == {
        "train": [f"q{n}" for n in range(6)],
        "validation": ["q6", "q7"],
        "test": ["q8", "q9"],
    }
    assert len(splits.documents) == 12 and splits.describe([folder])["counts"]["documents"] == 12
    assert splits.summary().endswith("; 12 documents")
    assert any(note.startswith("no test question has answers with different grades") for note in splits.notes)
    same = read_ranking_splits([folder], [folder], [folder], 0.1, 0.2, 1)
    assert {name: ids(part) for name, part in same.parts.items()} == {
        name: ids(part) for name, part in splits.parts.items()
    }
    assert len(same.documents) == 12 and same.checksum() == splits.checksum()


def test_what_a_folder_lacks_is_held_out_or_an_error(tmp_path):
    folder = beir(tmp_path / "b", train=range(8), test=[8, 9])
    splits = read_ranking_splits([folder], [], [], 0.25, 0.5, 1)
    assert {name: len(part) for name, part in splits.parts.items()} == {"train": 6, "validation": 2, "test": 2}
    with pytest.raises(
        UserError, match=r"has judgements for test and train, none for validation; .*--validation-files"
    ):
        read_ranking_splits([folder], [folder], [], 0.1, 0.1, 1)
    other = some(tmp_path / "test.tsv", 50, 3)
    splits = read_ranking_splits([folder], [], [other], 0.25, 0.5, 1)
    assert ids(splits.parts["test"]) == ["test.tsv:2", "test.tsv:4", "test.tsv:6"]
    assert f"{folder}: its test questions are not used, as --test-files names others" in splits.notes
    alone = beir(tmp_path / "c", test=range(10))
    with pytest.raises(
        UserError, match=r"none for train; .*name their file \(such as .*qrels/test\.tsv\) with --train-files"
    ):
        read_ranking_splits([alone], [], [], 0.1, 0.1, 1)
    splits = read_ranking_splits([alone / "qrels" / "test.tsv"], [], [], 0.2, 0.2, 1)
    assert {name: len(part) for name, part in splits.parts.items()} == {"train": 6, "validation": 2, "test": 2}


def test_what_reading_left_out_is_described(tmp_path):
    path = some(tmp_path / "t.tsv", 0, 30)
    path.write_text(path.read_text() + "ask\tno\tgood\n")
    splits = read_ranking_splits([path], [], [], 0.1, 0.2, 0, reading=Reading(0.1))
    assert splits.describe([path])["reading"]["t.tsv"]["bad"] == 1
    assert any("1 of 61 records left out, its grade is not a number" in note for note in splits.notes)
    with pytest.raises(
        UserError, match=r"no train question is left of .*; .*1 of 61 records left out, its grade is not"
    ):
        read_ranking_splits([path], [], [], 0.001, 0.99, 0, reading=Reading(0.1))
    with pytest.raises(UserError, match=r"1 of 61 records cannot be used, more than --max-bad-fraction 0\.01"):
        read_ranking_splits([path], [], [], 0.1, 0.2, 0, reading=Reading(0.01))


def test_one_file_keeps_its_ids(tmp_path):
    splits = read_ranking_splits([some(tmp_path / "t.tsv", 0, 10)], [], [], 0.2, 0.2, 0)
    assert {name for part in splits.parts.values() for name in ids(part)} == {str(line) for line in range(2, 22, 2)}


def test_files_that_cannot_be_used_are_an_error(tmp_path):
    train = some(tmp_path / "train.tsv", 0, 10)
    with pytest.raises(UserError, match=r"train\.tsv: was named twice"):
        read_ranking_splits([train], [], [train], 0.1, 0.1, 0)
    with pytest.raises(UserError, match=r"train\.tsv, line 2: is not for training; name training files"):
        read_ranking_splits([], [], [train], 0.1, 0.1, 0)
    bad = table(tmp_path / "bad.tsv", [("a", "b", 0), ("c", "d", 0)])
    with pytest.raises(
        UserError, match=r"bad\.tsv, line 2: neither this nor another test question has a relevant answer"
    ):
        read_ranking_splits([train], [], [bad], 0.1, 0.1, 0)
    with pytest.raises(UserError, match="no such rule"):
        read_ranking_splits([train], [], [], 0.1, 0.1, 0, vote_rule="x")
    pairs = table(tmp_path / "pairs.tsv", [(f"a{n}", f"b{n}", 1) for n in range(10)])
    splits = read_ranking_splits([pairs], [], [], 0, 0, 0)
    assert splits.notes[-1].startswith("no train question has answers with different grades")


def test_the_demo_world_follows_from_its_seed():
    queries = demo_rankings(0)
    assert queries == demo_rankings(0) != demo_rankings(1)
    assert len(queries) == 1_500 and len({query.id for query in queries}) == 1_500
    assert len({query.group for query in queries}) == 60


def asked(fact):
    """All ways to ask for a fact."""
    parts = demo_phrases.RELATIONS[fact.relation].questions.values()
    return {template.format(s=fact.subject) for part in parts for template in part}


def sentences_of(fact):
    """All ways to tell it."""
    phrases = demo_phrases.RELATIONS[fact.relation]
    return {text.format(s=fact.subject, o=fact.object) for text in phrases.sentences + phrases.test_sentences}


def test_the_demo_world_is_graded_by_what_its_sentences_say():
    world = build_world(0, 220, 80)
    facts = {subject: world.facts_about(subject) for subject in world.people + world.places}
    places = Counter()
    for query in demo_rankings(0)[::10]:
        subject = max((name for name in facts if name in query.text), key=len)
        grades = [candidate.relevance for candidate in query.candidates]
        assert sorted(grades) == [0, 0, 0, 0, 0, 1, 3]
        assert len({candidate.text for candidate in query.candidates}) == 7
        best, related = (query.candidates[grades.index(grade)].text for grade in (3, 1))
        (fact,) = (fact for fact in facts[subject] if query.text in asked(fact))
        assert best in sentences_of(fact) and fact.object in best and fact.relation != "married_to"
        assert related not in sentences_of(fact) and any(related in sentences_of(other) for other in facts[subject])
        others = [c.text for c in query.candidates if c.relevance == 0]
        same = [
            sentences_of(other) for other in world.facts if other.relation == fact.relation and other.subject != subject
        ]
        assert sum(any(text in known for known in same) for text in others) == 4
        places[grades.index(3)] += 1
    assert len(places) == 7 and max(places.values()) < 40  # of 150: the place says nothing


def test_demo_splits_share_no_sentence_and_no_subject():
    splits = read_ranking_splits([], [], [], 0.1, 0.1, 0)
    assert {name: len(part) for name, part in splits.parts.items()} == {"train": 1_200, "validation": 150, "test": 150}
    texts = [{c.text for query in part for c in query.candidates} for part in splits.parts.values()]
    groups = [{query.group for query in part} for part in splits.parts.values()]
    for several in (texts, groups):
        assert all(one.isdisjoint(other) for one, other in combinations(several, 2))


def test_real_splits_share_no_question(qkv_zoo_data):
    folder = qkv_zoo_data / "wikiqa"
    given = read_ranking_splits([folder / "train"], [folder / "dev"], [folder / "test"], 0.1, 0.1, 0)
    assert {name: len(part) for name, part in given.parts.items()} == {"train": 873, "validation": 126, "test": 243}
    assert any(note.startswith("3 test questions have a near duplicate in train") for note in given.notes)
    threads = [qkv_zoo_data / "stackexchange" / f"{site}.stackexchange.jsonl.gz" for site in ("coffee", "ai")]
    held = read_ranking_splits(threads, [], [], 0.1, 0.2, 0)
    assert sum(map(len, held.parts.values())) == 212 + 368 and len(held.parts["test"]) == 116
    groups = question_groups([query for part in held.parts.values() for query in part])
    cut = np.cumsum([len(part) for part in held.parts.values()])[:-1]
    parts = [set(part.tolist()) for part in np.split(np.array(groups), cut)]
    assert all(one.isdisjoint(other) for one, other in combinations(parts, 2))
