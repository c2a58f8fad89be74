"""Cranfield 1400 in BEIR's layout."""

import gzip
import json

import pytest

from benchmarks import cranfield

DOCUMENTS = """.I 1
.T
flow past
a wing .
.A
brown,m.
.B
j. ae. 1958
.W
flow past
a wing .
the lift
of a wing .
.I 2
.T
.A
.B
.W
.I 3
.T
heat
.W
heat in a body .
"""
QUESTIONS = """.I 004
.W
what is lift .
.I 007
.W
what is heat
in a body .
"""


def convert(monkeypatch, folder, out):
    monkeypatch.setattr("sys.argv", ["cranfield", str(folder), "--out", str(out)])
    cranfield.main()


@pytest.mark.parametrize("packed", [True, False])
def test_documents_questions_and_grades(monkeypatch, tmp_path, packed):
    for name, text in (("cran.all.1400", DOCUMENTS), ("cran.qry", QUESTIONS)):
        if packed:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (tmp_path / name).write_text(text)
    (tmp_path / "cranqrel").write_text("1 1 1\n1 3 -1\n2 3 4 \n")
    convert(monkeypatch, tmp_path, tmp_path / "out")
    documents, questions = (
        [json.loads(line) for line in (tmp_path / "out" / name).read_text().splitlines()]
        for name in ("corpus.jsonl", "queries.jsonl")
    )
    assert documents == [
        {"_id": "1", "title": "flow past a wing .", "text": "the lift of a wing ."},
        {"_id": "3", "title": "heat", "text": "in a body ."},
    ]
    assert questions == [{"_id": "1", "text": "what is lift ."}, {"_id": "2", "text": "what is heat in a body ."}]
    judgements = (tmp_path / "out" / "qrels" / "test.tsv").read_text().splitlines()
    assert judgements == ["query-id\tcorpus-id\tscore", "1\t1\t4", "2\t3\t1"]


def test_another_folder_is_one_line(monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match=r"has no cran\.all\.1400; give the folder of Cranfield 1400"):
        convert(monkeypatch, tmp_path, tmp_path / "out")
