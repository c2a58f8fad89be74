"""Text files without a header that hold no texts to rank."""

import pytest

from tests.helpers.ranking_files import read
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.ranking.data import read_texts


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("2 qid:10 1:0.05 2:0.00 #docid = GX029\n0 qid:10 1:0.27 2:0.10\n", "LETOR, SVMlight"),
        ("+1 1:0.05 7:0.2\n-1 1:0.1 3:0.5\n", "LETOR, SVMlight"),
        (
            "What does it cover?\t2 14\nWho may have it?\t7\n",
            "a column of numbers alone, such as '2 14', which look like ids",
        ),
    ],
)
def test_features_and_ids_are_no_texts(tmp_path, content, words):
    with pytest.raises(UserError, match=words):
        read(tmp_path / "t.txt", content)


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("It opened in 1887\nIt closed in 1920\n", ["It opened in 1887", "It closed in 1920"]),
        ("Contents\nThe first, and more\n", ["Contents", "The first, and more"]),
        ("Body, mind and soul.\nMilk, too.\n", ["Body, mind and soul.", "Milk, too."]),
        ('text\n"Dry, in a jar."\nOld\n', ["Dry, in a jar.", "Old"]),
        ('title,body\nBeans,"Dry, in a jar."\n', ["Beans Dry, in a jar."]),
        ('title,text\nBeans,"Dry, in a jar."\n', ["Beans Dry, in a jar."]),
    ],
)
def test_lines_and_tables_without_ids_are_texts_to_search(tmp_path, content, texts):
    (tmp_path / "t.txt").write_text(content)
    reading = Reading()
    assert [named.text for named in read_texts(tmp_path / "t.txt", reading)] == texts
    assert any("one column, 'text'" in note for note in reading.notes) == content.startswith("text\n")


def test_a_question_and_an_answer_that_begin_with_numbers_are_texts(tmp_path):
    queries, _ = read(tmp_path / "t.txt", "2 or 3 dogs?\t2 dogs\n1 cat?\t1\n")
    assert [query.text for query in queries] == ["2 or 3 dogs?", "1 cat?"]
