"""Rows of numbers and texts in flat files."""

import numpy as np
import pytest

from utils.common import disk_rows
from utils.common.disk_rows import ChosenRows, FlatRows, RowsWriter, TextRows

ROWS = [[3, 1], [], [7], [2, 2, 2], []]
TEXTS = ["one", "", "zwölf 十二", "half \ud800 a pair"]


@pytest.mark.parametrize("together", [1, 3, 10**6])
@pytest.mark.parametrize("is_named", [True, False])
def test_rows_come_back_as_they_were(tmp_path, monkeypatch, together, is_named):
    monkeypatch.setattr(disk_rows, "WRITTEN_TOGETHER", together)
    path = tmp_path / "rows.bin" if is_named else None
    written = FlatRows.write(iter(ROWS), np.int32, path)
    for rows in (written, FlatRows.open(path, np.int32)) if is_named else (written,):
        assert [row.tolist() for row in rows] == ROWS and len(rows) == 5 and rows[-2].tolist() == [2, 2, 2]
        assert rows.lengths().tolist() == [2, 0, 1, 3, 0] and rows[0].dtype == np.int32
        with pytest.raises(IndexError):
            rows[5]


def test_texts_come_back_as_they_were(tmp_path):
    assert list(TextRows.write(TEXTS)) == TEXTS
    TextRows.write(TEXTS, tmp_path / "texts.bin")
    assert list(TextRows.open(tmp_path / "texts.bin")) == TEXTS
    assert list(TextRows.write([])) == [] and list(FlatRows.write([[]], np.int32)[0]) == []


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    path = tmp_path / "rows.bin"
    FlatRows.write(ROWS, np.int32, path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="do not belong together"):
        FlatRows.open(path, np.int32)


def test_an_error_while_rows_are_written_is_passed_on():
    with pytest.raises(ZeroDivisionError), RowsWriter(np.int32) as writer:
        writer.add([1 // 0])


def test_chosen_rows_are_those_of_several_sequences():
    chosen = ChosenRows([["a", "b"], [], ["c"]], np.array([2, 0, 2]))
    assert list(chosen) == ["c", "a", "c"] and len(chosen) == 3
