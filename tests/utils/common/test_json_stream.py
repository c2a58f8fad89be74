import json
import random

import pytest

from utils.common import json_stream, records
from utils.common.errors import UserError
from utils.common.files import read_json
from utils.common.json_stream import NotAStream, stream_json
from utils.common.reading import Reading


@pytest.fixture(params=[1, 2, 7, 2**20], ids="pieces of {} bytes".format)
def piece(request, monkeypatch):
    monkeypatch.setattr(json_stream, "PIECE_BYTES", request.param)


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


RECORDS = [
    {"a": 'é \U0001f600 \\ "]},', "b": [1, -2.5e3, None, True]},
    {},
    [[1], []],
    "text, ]",
    12345,
    {"c": {"d": [{}]}},
]


@pytest.mark.parametrize("indent", [None, 2])
def test_records_of_a_list_and_of_data(tmp_path, piece, indent):
    text = json.dumps(RECORDS, indent=indent, ensure_ascii=False)
    assert list(stream_json(write(tmp_path / "a.json", text))) == RECORDS
    assert list(stream_json(write(tmp_path / "a.json", text.encode("utf-16")))) == RECORDS
    document = {"version": "1.1", "data": RECORDS[:2], "end": [1, {"data": [2]}]}
    assert list(stream_json(write(tmp_path / "a.json", json.dumps(document, indent=indent)))) == RECORDS[:2]
    assert list(stream_json(write(tmp_path / "a.json", " [ ] "))) == []


@pytest.mark.parametrize(
    "text",
    ['{"a": [1], "b": [2]}', '{"data": [[1, 2]], "columns": ["a", "b"]}', '{"data": {"a": 1}}', "{}", "", "7", '"[1]"',
     '{"columns": ["a"], "data": [[1]]}'],
)  # fmt: skip
def test_other_shapes_are_left_to_the_reader_of_whole_documents(tmp_path, piece, text):
    with pytest.raises(NotAStream):
        list(stream_json(write(tmp_path / "a.json", text)))


def test_errors_are_those_of_the_whole_document(tmp_path, piece):
    """A document is cut off at every place, and damaged at every place."""
    whole = json.dumps(
        {"version": "1", "data": [{"a": "x\n\u00e9", "b": [1, {"c": None}]}, {"d": 2.5}], "e": 1}, indent=1
    )
    texts = [whole[:length] for length in range(1, len(whole))]
    texts += [whole[:place] + "?" + whole[place + 1 :] for place in range(len(whole))] + [whole + " 1", whole + "\n]"]
    compared = 0
    for text in texts:
        path = write(tmp_path / "a.json", text)
        try:
            expected = read_json(path)["data"]
        except UserError as error:
            expected = str(error)
        except KeyError:
            continue
        try:
            result = list(stream_json(path))
        except NotAStream:  # the reader of whole documents says what is wrong
            continue
        except UserError as error:
            result = str(error)
        assert result == expected, text
        compared += 1
    assert compared > 200


def test_text_that_is_not_utf_8_is_named_by_its_line(tmp_path, piece):
    path = write(tmp_path / "a.json", b'[{"a": 1},\n{"b": 2},\n{"c": "\xff"}]')
    with pytest.raises(UserError, match="line 3: is not UTF-8 text") as error:
        list(stream_json(path))
    with pytest.raises(UserError) as whole:
        read_json(path)
    assert str(error.value) == str(whole.value)


def test_a_mistake_far_from_the_end_is_found_there(tmp_path, monkeypatch):
    """The rest of a large file is not read in search of an end that would make sense of the mistake."""
    monkeypatch.setattr(json_stream, "PIECE_BYTES", 100)
    monkeypatch.setattr(json_stream, "LARGEST_TEXT", 1000)
    path = write(tmp_path / "a.json", '[{"a": ?},' + '{"b": 1},' * 100_000)
    read = []
    monkeypatch.setattr(json_stream._Text, "_read_more", lambda self, size, real=json_stream._Text._read_more: (
        read.append(size), real(self, size))[1])  # fmt: skip
    with pytest.raises(UserError, match="line 1, column 8"):
        list(stream_json(path))
    assert sum(read) < 10_000


def test_large_documents_are_read_record_by_record(tmp_path, monkeypatch):
    random.seed(0)
    data = [{"number": n, "text": "x" * random.randrange(300)} for n in range(50)]
    path = write(tmp_path / "a.json", json.dumps({"data": data}))
    whole = list(records.read_json_values(path, Reading().file(path)))
    monkeypatch.setattr(records, "STREAMED_BYTES", 100)
    monkeypatch.setattr(records, "read_json", None)  # it must not be called
    assert list(records.read_json_values(path, Reading().file(path))) == whole
    assert whole[1] == ("record 2", data[1])
