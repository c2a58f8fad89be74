"""Responses by split: who is in which, skills, folds, truth."""

import json

import numpy as np
import pytest

from tests.helpers.tracing_sequences import SEQUENCES, write_three_lines
from utils.common.errors import UserError
from utils.tracing.splits import HeldOut, read_files, simulate, split_fold, split_students


def small(name="practice", students=30, items=20, **held_out):
    return simulate(name, HeldOut(**held_out), students, items)


def students(data, name):
    return {sequence.student for sequence in data.sequences[name]}


def test_no_student_stands_in_two_splits_and_none_is_lost():
    data = small()
    parts = [students(data, name) for name in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [22, 2, 6] and len(set.union(*parts)) == 30
    for name in data.sequences:
        assert [int(sequence.student) for sequence in data.sequences[name]] == data.truth_students[name]


def test_no_student_is_in_two_parts():
    held_out, others = split_students(SEQUENCES, 0.25, 1)
    assert len(held_out) == 3 and len(others) == 9
    assert {s.student for s in held_out}.isdisjoint(s.student for s in others)
    assert [s.student for s in split_students(SEQUENCES, 0.25, 1)[0]] == [s.student for s in held_out]
    pairs = [split_fold(SEQUENCES, 5, fold, 0) for fold in range(5)]
    assert sorted(s.student for part, _ in pairs for s in part) == sorted(s.student for s in SEQUENCES)
    assert all(
        {s.student for s in part}.isdisjoint(s.student for s in rest) and len(part) + len(rest) == 12
        for part, rest in pairs
    )


def test_every_student_is_tested_in_one_fold():
    tested = [students(small(folds=4, fold=fold), "test") for fold in range(4)]
    assert sum(map(len, tested)) == 30 and len(set.union(*tested)) == 30


def test_simulated_skills_are_those_of_the_truth():
    data = small()
    skills = [data.truth.skills[int(item)] for item in data.item_names]
    numbers = dict(zip(skills, data.item_skills[1:], strict=True))
    assert [numbers[skill] for skill in skills] == data.item_skills[1:] and len(set(numbers.values())) == 10
    assert data.item_skills[0] == 0 not in numbers.values()
    assert small("static", students=10).item_skills is None


def table(path, rows, header="student,item,response,skill"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_an_item_keeps_its_most_frequent_skill_and_a_note_says_so(tmp_path):
    rows = [f"s{student},{item},{student % 2},{'x' if item == 'a' and student < 9 else 'y'}"
            for student in range(10) for item in "ab"]  # fmt: skip
    data = read_files([table(tmp_path / "r.csv", rows)], HeldOut())
    assert data.item_skills == [0, 1, 2]
    assert any("1 items have several skills" in note and "(a: x)" in note for note in data.notes)


def test_skills_of_some_students_alone_are_not_used(tmp_path):
    one = table(tmp_path / "1.csv", [f"s{n},a,{n % 2},x" for n in range(9)])
    other = table(tmp_path / "2.csv", [f"t{n},a,{n % 2}" for n in range(9)], "student,item,response")
    data = read_files([one, other], HeldOut(seed=1))
    assert data.item_skills is None and any("have no skills" in note for note in data.notes)


def test_items_of_the_test_alone_are_noted_and_one_category_is_refused(tmp_path):
    train = table(tmp_path / "train.csv", [f"s{n},a,{n % 2},x" for n in range(9)])
    test = table(tmp_path / "test.csv", [f"t{n},b,{n % 2},x" for n in range(3)])
    data = read_files([train], HeldOut(), test_files=[test])
    assert any("test: 1 items that training does not have" in note for note in data.notes)
    assert data.pairs("test")[0][0].tolist() == [0]
    with pytest.raises(UserError, match="all responses are 0"):
        read_files([table(tmp_path / "zero.csv", [f"s{n},a,0,x" for n in range(9)])], HeldOut())


def test_the_checksum_is_that_of_the_contents():
    assert small().checksum == small().checksum != small(seed=1).checksum
    assert len(small(limit=5).sequences["train"]) == 5
    # Two runs with the same test students can be compared, whoever else they were trained on.
    assert small(limit=5).checksum != small().checksum and small(limit=5).checksum_of("test") == small().checksum_of(
        "test"
    )


def test_a_student_of_two_files_is_refused_whichever_they_are(tmp_path):
    one, other = (table(tmp_path / name, [f"s{n},a,{n % 2},x" for n in range(9)]) for name in ("1.csv", "2.csv"))
    for train_files, test_files in (([one, other], []), ([one], [other])):
        with pytest.raises(UserError, match=r"student 's0' is in .*1.csv and in .*2.csv"):
            read_files(train_files, HeldOut(), test_files=test_files)


def test_students_without_names_are_others_in_every_file(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "r.txt").write_text("2\n1,2\n0,1\n" * 9)
    data = read_files([tmp_path / "a" / "r.txt", tmp_path / "b" / "r.txt"], HeldOut())
    assert len({sequence.student for part in data.sequences.values() for sequence in part}) == 18


def test_a_file_that_is_named_twice_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    write_three_lines(path, 9, np.random.default_rng(1))
    other_name = tmp_path / "." / "none" / ".." / "a.txt"
    for train_files, test_files in (([path], [other_name]), ([path, path], [])):
        with pytest.raises(UserError, match=r"a.txt: was named twice; name each file once"):
            read_files(train_files, HeldOut(), test_files=test_files)


def test_students_of_two_splits_with_the_same_responses_are_noted(tmp_path):
    """Files without names, and the same students under other names; sequences that may be the same by chance do not count."""
    blocks = [f"12\n{','.join(f'q{(n * k) % 13}' for n in range(12))}\n1,0,1,1,0,0,1,0,0,0,1,1\n" for k in range(1, 10)]
    ordinary = ["3\n1,2,3\n0,1,1\n", f"12\n{','.join(map(str, range(12)))}\n{','.join('110111101111')}\n"]
    for name, text in (("a.txt", [*blocks, *ordinary]), ("b.txt", [*ordinary, *blocks[:4]]), ("c.txt", ordinary)):
        (tmp_path / name).write_text("".join(text))
    rows = [f"pia,q{(n * 3) % 13},{response}" for n, response in enumerate("101100100011")]
    named = table(tmp_path / "d.csv", rows, "student,item,response")
    files = [tmp_path / name for name in ("a.txt", "b.txt", "c.txt")]

    def notes(**others):
        return [note for note in read_files(files[:1], HeldOut(), **others).notes if "the same items" in note]

    (note,) = notes(validation_files=files[1:2], test_files=files[2:])
    assert note.startswith("validation: 4 of 6 students have the same items and responses as a student of train (")
    assert f"{files[1]}, line 9 and {files[0]}, line 3); if they are the same students" in note
    assert notes(test_files=[named])[0].startswith("test: 1 of 1 students have the same items")
    assert notes() == notes(test_files=files[2:]) == []
    many = [f"12\n{','.join(map(str, range(n, n + 12)))}\n{','.join('110111101100')}\n" for n in range(400)]
    files[2].write_text("".join([*many, *blocks[:3]]))
    assert notes(test_files=files[2:]) == []


def test_rows_without_a_skill_have_one_of_their_own(tmp_path):
    rows = [f"s{n},{item},{n % 2},{skill}" for n in range(9) for item, skill in (("a", "x"), ("b", ""), ("c", ""))]
    data = read_files([table(tmp_path / "r.csv", rows)], HeldOut())
    assert len(set(data.item_skills)) == 4 and any("2 items have rows without a skill" in note for note in data.notes)


def test_a_fold_without_students_is_refused():
    with pytest.raises(UserError, match="--folds 40: more folds than the 30 students"):
        small(folds=40, fold=39)


def test_fewer_items_than_skills_can_be_simulated():
    assert len(small(items=3).item_numbers) == 3


def test_truth_of_other_files_is_refused(tmp_path):
    rng = np.random.default_rng(1)
    write_three_lines(tmp_path / "a.txt", 30, rng)
    truth = {
        "student_abilities": {"theta": [0.0] * 3},
        "question_params": {"discrimination": {"alpha": [1.0] * 8}, "difficulties": {"beta": [[0.0]] * 8}},
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))

    def read():
        return read_files([tmp_path / "a.txt"], HeldOut(), truth_file=tmp_path / "truth.json")

    with pytest.raises(UserError, match="has 3 students and 8 items"):
        read()
    truth["student_abilities"]["theta"] = [float("nan")] * 30
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    with pytest.raises(UserError, match="a parameter is not a finite number"):
        read()
    truth["student_abilities"]["theta"] = [0.0] * 30
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    assert len(read().truth.ability) == 30
    (tmp_path / "truth.json").write_text("{}")
    with pytest.raises(UserError, match="holds no true parameters"):
        read()
    (tmp_path / "a.txt").write_text((tmp_path / "a.txt").read_text() + "0\n\n\n")
    with pytest.raises(UserError, match=r"with --truth each record is needed, .* the student has no responses"):
        read()
