"""Readers of responses, splits, pieces and batches."""

import numpy as np
import pytest

from utils.common.errors import UserError
from utils.tracing.data import (
    ResponseSequence,
    assemble,
    count_categories,
    cut,
    folds,
    item_numbers,
    read_responses,
    split_students,
    training_batches,
)


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_reads_three_lines_a_student(tmp_path):
    sequences, notes = read_responses(write(tmp_path / "r.txt", "3\n5,2,5,\n0,1,3,\n0\n\n\n1\n7\n2\n\n"))
    assert [(s.student, s.items, s.responses.tolist()) for s in sequences] == [
        ("r.txt:0", ("5", "2", "5"), [0, 1, 3]),
        ("r.txt:2", ("7",), [2]),
    ]
    assert notes == [f"{tmp_path / 'r.txt'}: 1 students without responses left out (line 4)"]


def test_three_lines_a_student_may_stand_in_a_csv(tmp_path):
    """As DKVMN's own files do."""
    sequences, _ = read_responses(write(tmp_path / "r.csv", "2\n5,2,\n0,1,\n"))
    assert sequences[0].items == ("5", "2")


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("r.txt", "1\n5\n0\n2\n5,6\n1,900000000000\n", 6),
        ("r.csv", "student,item,response\na,x,0\na,y,900000000000\n", 3),
    ],
)
def test_a_response_that_is_no_category_is_told_with_its_line(tmp_path, name, text, line):
    sequences, _ = read_responses(write(tmp_path / name, text))
    with pytest.raises(UserError, match=f"{name}, line {line}: a response is 900000000000: .* is it a score"):
        count_categories(sequences)
    with pytest.raises(UserError, match=f"{name}, line {line}: a response is 900000000000, but there are 4 categories"):
        count_categories(sequences, 4)


def test_reads_a_table_in_the_order_of_time(tmp_path):
    rows = "Student,time,item,Response,skill\nann,3,a,1,x\nbob,1,b,0,y\nann,1,c,2,x\nann,3,d,0,z\n"
    sequences, _ = read_responses(write(tmp_path / "r.csv", rows))
    assert [(s.student, s.items, s.responses.tolist(), s.skills) for s in sequences] == [
        ("ann", ("c", "a", "d"), [2, 1, 0], ("x", "x", "z")),
        ("bob", ("b",), [0], ("y",)),
    ]
    plain, _ = read_responses(write(tmp_path / "p.csv", "student,item,response\nann,b,1,\n,,\n\nann,a,0\n,,\n"))
    assert plain[0].items == ("b", "a") and plain[0].skills is None


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("r.txt", "", "no responses"),
        ("r.txt", "0\n\n\n", "no responses"),
        ("r.txt", "2\n1,2\n0,1\n3\n", "4 lines, not three"),
        ("r.txt", "2\n1,2,3\n0,1\n", "line 2: has 3 entries, but line 1 says '2'"),
        ("r.txt", "2\n1,2\n0\n", "line 3: has 1 entries"),
        ("r.txt", "x\n1,2\n0,1\n", "line 1 says 'x'"),
        ("r.txt", "2\n1,2\n0,-1\n", "line 3: has the response -1"),
        ("r.txt", "2\n1,2\n0,0.5\n", "line 3: responses must be whole numbers"),
        ("r.txt", "1\n1\n99999999999999999999\n", "line 3: responses must be whole numbers"),
        ("r.txt", b"1\n\xff\n0\n", "line 2: is not UTF-8"),
        ("r.txt", "2\n1,,2\n0,1\n", "line 2: has nothing between two commas"),
        ("r.txt", "²\n1,2\n0,1\n", "line 1 says '²'"),
        ("r.csv", "student,item,response\nann,a,1_0\n", "line 2: responses must be whole numbers, not '1_0'"),
        ("r.csv", "student,item,response\nann,x, y,1\n", "line 2: has 4 fields, the first line 3"),
        ("r.csv", "student,item,response\nann,x\n", "line 2: has 2 fields, the first line 3"),
        ("r.csv", "student,item,Item,response\nann,x,y,1\n", "has the column item twice"),
        ("r.csv", 'student,item,response\nann,x,"1\nbob,y,0\n', "line 2: is no row of CSV"),
        ("r.csv", "a,b\n1,2\n", "no column student, item, response"),
        ("r.csv", "student,item,response\nann,,1\n", "line 2: student or item is empty"),
        ("r.csv", "student,item,response\nann,a,\n", "line 2: responses must be whole numbers"),
        ("r.csv", "student,item,response,time\nann,a,1,nan\n", "line 2: time 'nan'"),
        ("r.csv", "student,item,response,time\nann,a,1,5\nann,b,1,\n", "line 3: time ''"),
    ],
)
def test_bad_files_are_one_clear_line(tmp_path, name, text, words):
    path = write(tmp_path / name, text)
    with pytest.raises(UserError, match=words) as caught:
        read_responses(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def sequence(student, length, categories=3):
    rng = np.random.default_rng(student)
    items = tuple(str(item) for item in rng.integers(0, 9, length))
    return ResponseSequence(str(student), items, rng.integers(0, categories, length))


SEQUENCES = [sequence(number, 3 + 5 * number) for number in range(12)]


def test_categories_are_counted_and_those_that_never_occur_named():
    assert count_categories(SEQUENCES) == (3, [])
    assert count_categories(SEQUENCES, 4) == (4, ["no response is in category 3"])
    with pytest.raises(UserError, match="student 1, response 3: a response is 2, but there are 2 categories"):
        count_categories(SEQUENCES, 2)
    with pytest.raises(UserError, match="all responses are 0"):
        count_categories([ResponseSequence("a", ("x",), np.array([0]))])


def test_items_are_numbered_from_one():
    assert item_numbers([ResponseSequence("a", ("10", "9", "10"), np.zeros(3, int))]) == {"9": 1, "10": 2}


def test_no_student_is_in_two_parts():
    held_out, others = split_students(SEQUENCES, 0.25, 1)
    assert len(held_out) == 3 and len(others) == 9
    assert {s.student for s in held_out}.isdisjoint(s.student for s in others)
    assert [s.student for s in split_students(SEQUENCES, 0.25, 1)[0]] == [s.student for s in held_out]
    pairs = list(folds(SEQUENCES, 5, 0))
    assert sorted(s.student for part, _ in pairs for s in part) == sorted(s.student for s in SEQUENCES)
    assert all(
        {s.student for s in part}.isdisjoint(s.student for s in rest) and len(part) + len(rest) == 12
        for part, rest in pairs
    )


@pytest.mark.parametrize("history", [0, 4, 9])
def test_every_response_is_scored_once_and_history_goes_before_it(history):
    numbers = item_numbers(SEQUENCES)
    for whole in SEQUENCES:
        pieces = cut([whole], numbers, 10, history)
        scored = np.concatenate([piece.responses[piece.first_scored :] for piece in pieces])
        np.testing.assert_array_equal(scored, whole.responses)
        items = np.concatenate([piece.items[piece.first_scored :] for piece in pieces])
        assert items.tolist() == [numbers[item] for item in whole.items]
        start = 0
        for piece in pieces:
            assert len(piece.items) <= 10 and piece.first_scored == min(start, history)
            before = [numbers[item] for item in whole.items[start - piece.first_scored : start]]
            assert piece.items[: piece.first_scored].tolist() == before
            start += len(piece.items) - piece.first_scored


def test_items_that_training_never_had_are_zero():
    (piece,) = cut([SEQUENCES[2]], {}, 100)
    assert not piece.items.any()


def test_batches_mask_padding_and_history():
    pieces = cut(SEQUENCES[3:5], item_numbers(SEQUENCES), 20, 5)
    inputs, targets, weights = assemble(pieces)
    assert inputs["item_ids"].shape == targets.shape == weights.shape == (3, 32)
    np.testing.assert_array_equal(inputs["padding_mask"].sum(axis=1), [len(piece.items) for piece in pieces])
    assert weights.sum() == sum(len(part.responses) for part in SEQUENCES[3:5])
    assert (
        not (weights * (1 - inputs["padding_mask"])).any() and not inputs["item_ids"][inputs["padding_mask"] == 0].any()
    )


def test_step_n_is_always_the_same_batch_and_an_epoch_scores_every_response_once():
    pieces = cut(SEQUENCES, item_numbers(SEQUENCES), 15)
    steps = -(-len(pieces) // 4)

    def batches(first, count):
        found = training_batches(pieces, 4, 3, first)
        return [next(found) for _ in range(count)]

    whole = batches(0, 2 * steps)
    for first in (1, steps, steps + 2):
        for mine, other in zip(batches(first, 2), whole[first:], strict=False):
            np.testing.assert_array_equal(mine[0]["item_ids"], other[0]["item_ids"])
    for epoch in (whole[:steps], whole[steps:]):
        assert sum(weights.sum() for *_, weights in epoch) == sum(len(part.responses) for part in SEQUENCES)
    assert any(not np.array_equal(a[1], b[1]) for a, b in zip(whole[:steps], whole[steps:], strict=True))
