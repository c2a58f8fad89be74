"""The count of labels that do not fit their answers."""

import json

from benchmarks.squad_labels import as_markdown, measure


def test_labels_of_a_small_file(tmp_path):
    context = "मीनू दिल्ली की है। उसने 1,200 किताबें पढ़ीं।"
    texts = ["मीनू", "दिल्ली", "1,20", "किताबें"]
    rows = [
        {"context": context, "question": f"{text}?", "answers": [{"text": text, "answer_start": context.index(text)}]}
        for text in texts
    ]
    path = tmp_path / "hindi.json"
    path.write_text(json.dumps(rows))
    rows = measure([path], vocabulary_sizes=[500])
    assert [row["tokenizer"] for row in rows] == ["own", "uncased, 500", "cased, 500"]
    assert all((row["labels"], row["cut"], row["lost"]) == (4, 0, 0) for row in rows)
    table = as_markdown({"rows": rows, "commit": "abc"})
    assert table.count("| hindi.json |") == 3 and "the answer is '1,20'" in table
