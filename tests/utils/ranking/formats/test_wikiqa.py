"""A folder with WikiQA's tokenised files: boundaries say which lines are a question's."""

import pytest

from tests.helpers.ranking_files import read, write
from utils.common.errors import UserError


def wikiqa(folder, **changes):
    files = {
        "a.toks": "who ?\nwho ?\nwhat ?\nwhat is ?\nwho ?\n",
        "b.toks": "he .\nshe .\nit .\nthat .\nthey .\n",
        "sim.txt": "0\n1\n1\n0\n1\n",
        "id.txt": "Q1-D1-0\nQ1-D1-1\nQ2-D2-0\nQ2-D2-1\nQ3-D9-0\n",
        "boundary.txt": "0\n2\n4\n5\n",
    }
    for name, text in (files | changes).items():
        write(folder / (f"{name}.gz" if changes.get("gz") and name.endswith("toks") else name), str(text))
    return folder


@pytest.mark.parametrize("gz", [True, False])
def test_reads_wikiqa_by_its_boundaries(tmp_path, gz):
    path = wikiqa(tmp_path / "wikiqa", gz=gz)
    queries, notes = read(path)
    assert [(q.id, q.text, [c.relevance for c in q.candidates]) for q in queries] == [
        ("Q1", "who ?", [0, 1]),
        ("Q2", "what ?", [1, 0]),
        ("Q3", "who ?", [1]),
    ]
    assert [c.id for c in queries[1].candidates] == ["Q2-D2-0", "Q2-D2-1"] and queries[0].candidates[0].votes is None
    assert queries[1].place == f"{path / 'b.toks'}, line 3"
    assert set(notes) == {
        "1 record used, but a question has several wordings; the first is used (question Q2)",
        "1 record used, but a question has only relevant answers (question Q3)",
    }


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("sim.txt", "0\n1\n", r"different numbers of lines \(a.toks 5, b.toks 5, sim.txt 2, id.txt 5\)"),
        ("sim.txt", "0\n1\n2\n0\n1\n", r"the label is neither 0 nor 1 \(sim.txt, line 3\)"),
        (
            "boundary.txt",
            "0\n2\n2\n5\n",
            "boundary.txt, line 3: '2' must be a line number, 0 first and then increasing",
        ),
        ("boundary.txt", "1\n2\n5\n", "boundary.txt, line 1: '1' must be"),
        ("boundary.txt", "0\n2\nx\n", "boundary.txt, line 3: 'x' must be"),
        ("boundary.txt", "0\n2\n4\n", "must end with the number of lines, 5, not 4"),
        ("boundary.txt", "", "must end with the number of lines, 5, not ''"),
        ("id.txt", "Q1-D1-0\nQ1-D1-1\nQ1-D2-0\nQ2-D2-1\nQ3-D9-0\n", r"another question has its id \(question Q1\)"),
        ("id.txt", "Q1-D1-0\nQ1-D1-0\nQ2-D2-0\nQ2-D2-1\nQ3-D9-0\n", "another answer of its question has its id"),
    ],
)
def test_wikiqa_files_that_disagree_are_one_clear_line(tmp_path, file, text, words):
    with pytest.raises(UserError, match=words) as caught:
        read(wikiqa(tmp_path / "wikiqa", **{file: text}))
    assert "\n" not in str(caught.value)
