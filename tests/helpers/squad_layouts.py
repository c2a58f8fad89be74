"""A small SQuAD document for tests of its readers."""

CONTEXT = "Ærø is an island. Ærø has 6,052 inhabitants."


def entry(identifier="q1", **changes):
    record = {"id": identifier, "question": "How many live there?", "answers": [{"text": "6,052", "answer_start": 26}]}
    record.update(changes)
    return {key: value for key, value in record.items() if value is not None}


def layout(*entries, context=CONTEXT, title="Ærø"):
    return {"version": "1.1", "data": [{"title": title, "paragraphs": [{"context": context, "qas": list(entries)}]}]}
