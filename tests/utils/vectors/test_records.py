"""Records of vectors."""

import copy
import json

import numpy as np
import pytest

from tests.helpers.vector_files import DOCUMENT, VECTORS, read
from utils.common.errors import UserError

ROWS = [
    {"document": int(label), "vector": vector.tolist(), "text": f"text {row}"}
    for row, (label, vector) in enumerate(zip(DOCUMENT, VECTORS.astype("float64"), strict=True))
]


def write(folder, rows, name="v.jsonl"):
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / name


def check(data, rows=slice(None)):
    expected = VECTORS[rows].astype("float32")
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(data.take(np.arange(data.count)), expected, rtol=1e-5)
    assert data.names == ["7", "3", "11", "2", "5"]


def test_json_lines_lists_and_tables_hold_vectors(tmp_path):
    data, notes = read(write(tmp_path, ROWS))
    check(data)
    assert data.texts[64] == "text 64" and notes == []
    (tmp_path / "v.json").write_text(
        json.dumps([{"doc_id": row["document"], "Embedding": row["vector"]} for row in ROWS])
    )
    check(read(tmp_path / "v.json")[0])
    lines = ["document,embedding", *(f'{row["document"]},"{row["vector"]}"' for row in ROWS)]
    (tmp_path / "v.csv").write_text("\n".join(lines))
    check(read(tmp_path / "v.csv")[0])


def test_names_of_documents_stand_in_for_ids_and_positions_order_rows(tmp_path):
    rows = [{"title": f"d{row['document']}", "vector": row["vector"], "position": n} for n, row in enumerate(ROWS)]
    data, notes = read(write(tmp_path, rows[::-1]))
    assert data.names == ["d5", "d2", "d11", "d3", "d7"] and notes == [
        "its rows are put in the order of their positions"
    ]
    assert data.file_rows(np.arange(6)).tolist() == [5, 4, 3, 2, 1, 0]


def test_positions_that_are_no_numbers_are_left_out_or_told(tmp_path):
    rows = [row | {"position": str(64 - n)} for n, row in enumerate(ROWS)]
    rows[0]["position"] = "no number"
    data, notes = read(write(tmp_path, rows))
    assert sorted(notes) == [
        "1 of 65 records left out, its position is not a number (line 1)",
        "its rows are put in the order of their positions",
    ]
    assert data.count == 64 and data.file_rows(np.arange(3)).tolist() == [8, 7, 6]
    data, notes = read(write(tmp_path, [row | {"position": "nurse"} for row in ROWS]))
    check(data)
    assert notes == ["does not use its column position, which holds no numbers, but such as 'nurse'"]


def test_bad_rows_are_left_out_and_counted_by_their_line(tmp_path):
    bad = copy.deepcopy(ROWS)
    bad[3]["vector"] = [1, 2, 3]
    bad[4]["vector"] = None
    bad[5]["vector"][2] = None
    bad[6]["document"] = None
    bad[7]["vector"] = [0] * 5
    bad[8]["vector"] = [1e300, 1, 1, 1, 1]
    data, notes = read(write(tmp_path, bad), max_bad_fraction=0.2)
    check(data, np.r_[:3, 9:65])
    assert sorted(notes) == [
        "1 of 65 records left out, its document is missing (line 7)",
        "1 of 65 records left out, the vector is zero (line 8)",
        "2 of 65 records left out, its vector is not a list of 5 numbers (line 4, line 5)",
        "2 of 65 records left out, the vector is not finite (line 6, line 9)",
    ]
    assert data.file_rows(np.array([3])).tolist() == [9]


def test_ids_stand_in_for_documents_unless_they_name_vectors(tmp_path):
    check(read(write(tmp_path, [{"id": row["document"], "vector": row["vector"]} for row in ROWS]))[0])
    with pytest.raises(UserError, match="has another `id` for each vector; add a column `document`"):
        read(write(tmp_path, [{"id": number, "vector": row["vector"]} for number, row in enumerate(ROWS)]))


def test_vectors_need_documents(tmp_path):
    with pytest.raises(UserError, match="does not say which document each vector belongs to; add a column `document`"):
        read(write(tmp_path, [{"vector": row["vector"]} for row in ROWS]))


def test_an_encoder_is_not_used_for_vectors_and_that_is_said(tmp_path):
    _, notes = read(write(tmp_path, ROWS), embed=lambda *_: 1 / 0)
    assert notes == ["holds vectors, which are used as they are; the encoder is not"]


@pytest.mark.parametrize("value", ["[0.1 -0.2 0.3]", "zcxMPQ=="])
def test_vectors_in_another_notation_are_not_taken_for_texts(tmp_path, value):
    path = write(tmp_path, [{"document": "a", "text": "A text.", "embedding": value}] * 3)
    with pytest.raises(UserError, match=r"its embedding holds .* and no list of numbers; write it as JSON"):
        read(path, embed=lambda *_: 1 / 0)


def test_a_column_for_each_number_of_a_vector(tmp_path):
    (tmp_path / "v.csv").write_text("document,d0,d1,d2\n0,0.1,0.2,0.3\n0,0.3,0.2,0.1\n")
    with pytest.raises(UserError, match=r"has a column for each number of a vector \(d0, d1, ...\)"):
        read(tmp_path / "v.csv", embed=lambda *_: 1 / 0)
    (tmp_path / "v.csv").write_text("text,d0,d1,d2\nA text.,0.1,0.2,0.3\nAnother.,0.3,0.2,0.1\n")
    documents, notes = read(tmp_path / "v.csv", embed=lambda _, documents, report: documents)
    assert [document.text for document in documents] == ["A text.", "Another."]
    assert notes[0].startswith("does not use its 3 columns of numbers (d0, d1, ...)")
