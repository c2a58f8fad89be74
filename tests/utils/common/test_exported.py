"""The text of an export's command line."""

import pytest

from utils.common.errors import UserError
from utils.common.exported import read_text_argument


def test_a_text_stands_on_the_command_line_or_in_a_file_with_or_without_a_byte_order_mark(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffÄ river.".encode())
    assert read_text_argument("Ä river.", None) == read_text_argument("", tmp_path / "a.txt") == "Ä river."
    (tmp_path / "b.txt").write_bytes(b"\xff")
    for text, name, message in (
        ("A text.", "a.txt", "leave one out"),
        ("", None, "is empty"),
        ("", "b.txt", "not UTF-8"),
    ):
        with pytest.raises(UserError, match=message):
            read_text_argument(text, name and tmp_path / name)
