import pytest

from utils.app.limits import checked_lines, checked_text, checked_whole_number
from utils.common.errors import UserError


@pytest.mark.parametrize("value", [None, 5, ["text"], {"text": 1}, True])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(UserError, match="question: must be text"):
        checked_text(value, "question")


@pytest.mark.parametrize(
    ("value", "reason"), [("abcd", "has 4 characters"), (" \n", "is empty"), ("a\ud800", "half a character")]
)
def test_a_text_has_a_length_and_whole_characters(value, reason):
    with pytest.raises(UserError, match=reason):
        checked_text(value, "question", max_length=3)


def test_a_text_may_be_left_out():
    assert checked_text(None, "facts", is_needed=False) == "" == checked_text("", "facts", is_needed=False)
    assert checked_text(" a\x00<b> ", "text") == " a\x00<b> "


@pytest.mark.parametrize("value", ["3", None, True, 2.5, 0, 8, float("nan"), float("inf"), -(10**400), [3]])
def test_a_whole_number_has_bounds(value):
    with pytest.raises(UserError, match="count: must be a whole number from 1 to 7"):
        checked_whole_number(value, "count", 1, 7)


def test_a_whole_number_may_have_a_decimal_point():
    assert checked_whole_number(3.0, "count", 1, 7) == checked_whole_number(3, "count", 1, 7) == 3


def test_lines_keep_their_numbers():
    assert checked_lines("a\n\n  b \r\n", "facts") == [(1, "a"), (3, "b")]
    with pytest.raises(UserError, match="facts: has 3 lines; leave at most 2"):
        checked_lines("a\nb\nc", "facts", max_lines=2)
    with pytest.raises(UserError, match="facts, line 2: is longer than 2,000 characters"):
        checked_lines("a\n" + "b" * 2001, "facts")
