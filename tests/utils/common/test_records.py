"""The same records are read from every layout."""

import gzip
import json

import pytest

from utils.common.errors import UserError
from utils.common.reading import FileReport, Reading
from utils.common.records import read_json_values, read_records

RECORDS = [{"a": 1, "b": "x"}, {"a": 2, "b": "y, z"}, {"a": 3, "b": "ü"}]
COLUMNS = {"a": [1, 2, 3], "b": ["x", "y, z", "ü"]}
LAYOUTS = {
    "lines": "\n".join(map(json.dumps, RECORDS)),
    "list": json.dumps(RECORDS),
    "indented": json.dumps(RECORDS, indent=1),
    "data": json.dumps({"version": 1, "data": RECORDS}),
    "columns": json.dumps(COLUMNS),
    "pandas columns": json.dumps({name: dict(enumerate(column)) for name, column in COLUMNS.items()}),
    "pandas split": json.dumps(
        {"columns": ["a", "b"], "index": [0, 1, 2], "data": [[r["a"], r["b"]] for r in RECORDS]}
    ),
}


def read(path):
    with Reading(max_bad_fraction=0.5).file(path) as report:
        records = []
        for record in read_records(path, report):
            report.used += 1
            records.append(record)
    return records, report


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_json(tmp_path, layout):
    path = tmp_path / "a.txt"
    for content in (LAYOUTS[layout].encode(), gzip.compress(LAYOUTS[layout].encode())):
        path.write_bytes(content)
        assert [record for _, record in read(path)[0]] == RECORDS


def test_parquet(tmp_path):
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "a.json"
    parquet.write_table(pyarrow.table(COLUMNS), path)
    assert read(path)[0] == [(f"row {number}", record) for number, record in enumerate(RECORDS, start=1)]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="not a readable Parquet file"):
        read(path)


def test_tables_give_texts(tmp_path):
    path = tmp_path / "a"
    path.write_text('a;b\n1;x\n2;"y; z"\n\n3;too;many\n')
    records, report = read(path)
    assert records == [("line 2", {"a": "1", "b": "x"}), ("line 3", {"a": "2", "b": "y; z"})]
    assert report.num_bad == 1 and "it does not have 2 fields as the first line has (line 5)" in report.notes[0]


def test_lines_that_are_no_records_are_counted(tmp_path):
    path = tmp_path / "a"
    path.write_text('{"a": 1}\n{"a": \n\n[1]\n{"a": 2}\n{"a": 3}\n')
    records, report = read(path)
    assert [place for place, _ in records] == ["line 1", "line 5", "line 6"]
    assert report.description()["left_out"] == {"it is not JSON": 1, "it is not a JSON object": 1}
    assert [value for _, value in read_json_values(path, report)] == [{"a": 1}, [1], {"a": 2}, {"a": 3}]


def test_one_object_is_one_record(tmp_path):
    path = tmp_path / "a"
    path.write_text('{"a": [1, 2], "b": "x"}')
    assert [record for _, record in read(path)[0]] == [{"a": [1, 2], "b": "x"}]


def test_what_is_no_table_of_records_is_refused(tmp_path):
    with pytest.raises(UserError, match="is a folder; give JSON"):
        read(tmp_path)
    (tmp_path / "a.xml").write_text("<posts/>")
    with pytest.raises(UserError, match="is XML"):
        read(tmp_path / "a.xml")


def test_a_column_that_is_named_twice_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("question,answer,answer,,\nWho?,London,Rome,,\n")
    with pytest.raises(UserError, match="its first line has the column 'answer' twice; rename one"):
        list(read_records(tmp_path / "t.csv", FileReport("t.csv")))


def test_a_header_that_is_repeated_is_no_record(tmp_path):
    path = tmp_path / "joined.csv"
    path.write_text("a,b\n1,x\na,b\n2,y\n")
    with Reading(max_bad_fraction=0).file(path) as report:
        assert [record for _, record in read_records(path, report)] == [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]
        report.used += 2
    assert report.notes == [f"{path}: 1 record left out, it repeats the first line (line 3)"]


def test_parquet_with_nanoseconds_and_bytes(tmp_path):
    """As pandas and Spark write times and texts."""
    import pyarrow
    from pyarrow import parquet

    columns = {
        "time": pyarrow.array([1_600_000_000_123_456_789], pyarrow.timestamp("ns", "UTC")),
        "took": pyarrow.array([1_500], pyarrow.duration("ns")),
        "name": pyarrow.array(["Zoë".encode()]),
        "data": pyarrow.array([b"\xff\x00"]),
    }
    path = tmp_path / "table"
    parquet.write_table(pyarrow.table(columns), path)
    ((_, record),) = read_records(path, Reading().file(path))
    assert record["time"].isoformat() == "2020-09-13T12:26:40.123456+00:00" and record["took"].microseconds == 1
    assert record["name"] == "Zoë" and record["data"] == b"\xff\x00"
