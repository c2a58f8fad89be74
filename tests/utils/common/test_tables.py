"""Tables are read with any separator, and their quotes are undone as the writer meant them."""

import csv
import io

import pytest

from utils.common import tables
from utils.common.errors import UserError
from utils.common.tables import find_columns, find_separator, read_table


def write(tmp_path, text):
    path = tmp_path / "table"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def rows_of(tmp_path, text, **options):
    return [fields for _, fields in read_table(write(tmp_path, text), **options)]


@pytest.mark.parametrize("separator", ["\t", "|", ";", ","])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
def test_what_a_csv_writer_wrote_is_read_back(tmp_path, separator, quoting):
    rows = [
        ["name", "quote", "number"],
        ["Ada", 'She said "no", and left', 1],
        ["two\nlines", "a;b,c|d\te", 2],
        ["two\nmore", "b", 8],
        ["", '"', 3],
        ["plain", "Größe", 4],
        ["last", 'ends with "two\n\nlines"', 5],
    ]
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=separator, quoting=quoting, lineterminator="\n").writerows(rows)
    read = rows_of(tmp_path, buffer.getvalue(), known_columns=["name", "number"])
    assert read == [[str(value) for value in row] for row in rows]


def test_rows_know_their_first_line(tmp_path):
    text = 'a,b\n\n1,"two\r\nlines"\r\n2,x\n'
    assert list(read_table(write(tmp_path, text))) == [(1, ["a", "b"]), (3, ["1", "two\nlines"]), (5, ["2", "x"])]


def test_quotes_of_a_file_that_does_not_quote_are_text(tmp_path):
    text = 'title\tby\n"Heroes"\tDavid Bowie\n"Low\tDavid Bowie\n7" single\tX\nsaid "so"\tY\n'
    assert rows_of(tmp_path, text)[1:] == [
        ['"Heroes"', "David Bowie"],
        ['"Low', "David Bowie"],
        ['7" single', "X"],
        ['said "so"', "Y"],
    ]


def test_a_stray_quote_swallows_no_rows(tmp_path):
    text = 'a\tb\n"x\t1\ny\t2\nz"\t3\n'
    assert rows_of(tmp_path, text) == [["a", "b"], ['"x', "1"], ["y", "2"], ['z"', "3"]]
    text = "a,b\n" + '"x,1\n' + "y,2\n" * 5
    assert rows_of(tmp_path, text) == [["a", "b"], ['"x', "1"], *[["y", "2"]] * 5]
    text = 'a,b\n"Smith" Jr,1\n"ok, so",2\n'
    assert rows_of(tmp_path, text) == [["a", "b"], ['"Smith" Jr', "1"], ["ok, so", "2"]]


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("student;item;response\n1;2,5;1\n", ";"),
        ("a|b|c\nx, y|1|2\n", "|"),
        ("question\tanswer\nwho, what; why\tme, you; they\n", "\t"),
        ("s,p,o\na;b,c;d,e;f\n", ","),
        ("x,y\n1,2\n3,4,5\n6,7\n", ","),
        ("one\ntwo\n", ","),
        ("", ","),
    ],
)
def test_the_separator_is_told_by_the_first_lines(tmp_path, text, separator):
    assert find_separator(write(tmp_path, text)) == separator


def test_known_columns_tell_the_separator(tmp_path):
    path = write(tmp_path, "student,item,note;of;it\n1,2,a;b;c\n")
    assert find_separator(path) == ";" and find_separator(path, ["student", "item"]) == ","


def test_columns_are_found_by_common_names():
    aliases = {"query": ["question"], "relevance": ["label", "score"], "id": ["qid"]}
    assert find_columns("f", ["Question", "Q-ID", "LABEL"], aliases) == {"query": 0, "relevance": 2, "id": 1}
    assert find_columns("f", ["question", "query"], aliases) == {"query": 1}
    assert find_columns("f", ["a", "b"], aliases, {"query": "b"}) == {"query": 1}
    with pytest.raises(UserError, match="has no column 'c'; its columns are 'a', 'b'"):
        find_columns("f", ["a", "b"], aliases, {"query": "c"})
    with pytest.raises(UserError, match="the column 'Label' twice"):
        find_columns("f", ["query", "Label", "label"], aliases)


def test_quotes_that_never_fit_together_are_read_in_linear_time(tmp_path, monkeypatch):
    """Each line looks like the beginning of a row that goes on for a thousand lines."""
    path = tmp_path / "a.tsv"
    path.write_text('a"\t"b\n' * 5_000)
    parsed = []
    original = csv.reader
    monkeypatch.setattr(
        tables.csv, "reader", lambda lines, **how: original((parsed.append(1) or line for line in lines), **how)
    )
    assert list(read_table(path, "\t")) == [(number, ['a"', '"b']) for number in range(1, 5_001)]
    assert len(parsed) < 60 * 5_000


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "\ufeffsep=;"])
def test_a_line_that_tells_excel_the_separator_is_no_row(tmp_path, first):
    assert rows_of(tmp_path, first + "\r\na;b\r\n1,5;2,5\r\n") == [["a", "b"], ["1,5", "2,5"]]


def test_a_field_longer_than_the_default_limit_of_the_csv_module(tmp_path):
    assert [len(field) for (field, _) in rows_of(tmp_path, '"' + "x" * 131_073 + '",b\n')] == [131_073]
