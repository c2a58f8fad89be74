"""Responses by split: who is in which, skills, folds, truth."""

from dataclasses import replace
from pathlib import Path

import pytest

from train_tracing import Config
from utils.common.errors import UserError
from utils.tracing.splits import read, simulated

SMALL = Config(Path("unused"), students=30, items=20)


def students(data, name):
    return {sequence.student for sequence in data.sequences[name]}


def test_no_student_stands_in_two_splits_and_none_is_lost():
    data = simulated(SMALL)
    parts = [students(data, name) for name in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [22, 2, 6] and len(set.union(*parts)) == 30
    for name in data.sequences:
        assert [int(sequence.student) for sequence in data.sequences[name]] == data.truth_students[name]


def test_every_student_is_tested_in_one_fold():
    tested = [students(simulated(replace(SMALL, folds=4, fold=fold)), "test") for fold in range(4)]
    assert sum(map(len, tested)) == 30 and len(set.union(*tested)) == 30


def test_simulated_skills_are_those_of_the_truth():
    data = simulated(SMALL)
    skills = [data.truth.skills[int(item)] for item in sorted(data.numbers, key=data.numbers.get)]
    of = dict(zip(skills, data.item_skills[1:], strict=True))
    assert [of[skill] for skill in skills] == data.item_skills[1:] and len(set(of.values())) == 10
    assert data.item_skills[0] == 0 not in of.values()
    assert simulated(replace(SMALL, data="static", students=10)).item_skills is None


def table(path, rows, header="student,item,response,skill"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_an_item_keeps_its_most_frequent_skill_and_a_note_says_so(tmp_path):
    rows = [f"s{student},{item},{student % 2},{'x' if item == 'a' and student < 9 else 'y'}"
            for student in range(10) for item in "ab"]  # fmt: skip
    data = read(Config(Path("unused"), train_files=[table(tmp_path / "r.csv", rows)]))
    assert data.item_skills == [0, 1, 2]
    assert any("1 items have several skills" in note and "(a: x)" in note for note in data.notes)


def test_skills_of_some_students_alone_are_not_used(tmp_path):
    one = table(tmp_path / "1.csv", [f"s{n},a,{n % 2},x" for n in range(9)])
    other = table(tmp_path / "2.csv", [f"t{n},a,{n % 2}" for n in range(9)], "student,item,response")
    data = read(Config(Path("unused"), train_files=[one, other], split_seed=1))
    assert data.item_skills is None and any("have no skills" in note for note in data.notes)


def test_items_of_the_test_alone_are_told_and_one_category_is_refused(tmp_path):
    train = table(tmp_path / "train.csv", [f"s{n},a,{n % 2},x" for n in range(9)])
    test = table(tmp_path / "test.csv", [f"t{n},b,{n % 2},x" for n in range(3)])
    data = read(Config(Path("unused"), train_files=[train], test_files=[test]))
    assert any("test: 1 items that training does not have" in note for note in data.notes)
    assert data.pairs("test")[0][0].tolist() == [0]
    with pytest.raises(UserError, match="all responses are 0"):
        read(Config(Path("unused"), train_files=[table(tmp_path / "zero.csv", [f"s{n},a,0,x" for n in range(9)])]))


def test_the_checksum_is_that_of_the_contents():
    assert simulated(SMALL).checksum == simulated(SMALL).checksum != simulated(replace(SMALL, split_seed=1)).checksum
    assert len(simulated(replace(SMALL, limit=5)).sequences["train"]) == 5


def test_a_student_of_two_files_is_refused_whichever_they_are(tmp_path):
    one, other = (table(tmp_path / name, [f"s{n},a,{n % 2},x" for n in range(9)]) for name in ("1.csv", "2.csv"))
    for files in ({"train_files": [one, other]}, {"train_files": [one], "test_files": [other]}):
        with pytest.raises(UserError, match=r"student 's0' stands in .*1.csv and in .*2.csv"):
            read(Config(Path("unused"), **files))


def test_students_without_names_are_others_in_every_file(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "r.txt").write_text("2\n1,2\n0,1\n" * 9)
    data = read(Config(Path("unused"), train_files=[tmp_path / "a" / "r.txt", tmp_path / "b" / "r.txt"]))
    assert len({sequence.student for part in data.sequences.values() for sequence in part}) == 18


def test_rows_without_a_skill_have_one_of_their_own(tmp_path):
    rows = [f"s{n},{item},{n % 2},{skill}" for n in range(9) for item, skill in (("a", "x"), ("b", ""), ("c", ""))]
    data = read(Config(Path("unused"), train_files=[table(tmp_path / "r.csv", rows)]))
    assert len(set(data.item_skills)) == 4 and any("2 items have rows without a skill" in note for note in data.notes)


def test_a_fold_without_students_is_refused():
    with pytest.raises(UserError, match="--folds 40: are more than the 30 students"):
        simulated(replace(SMALL, folds=40, fold=39))


def test_fewer_items_than_skills_can_be_simulated():
    assert len(simulated(replace(SMALL, items=3)).numbers) == 3
