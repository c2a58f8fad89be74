"""A small valid file of every format that a reader takes. All texts are invented.

`FORMATS` has, for each kind of data, the contents of files by format. A format of several files is a dict of names to contents.
"""

from __future__ import annotations

import gzip
import io
import json

CONTEXT = "Mira Holt built the stone bridge at Arnwick in 1812. It carried 40 carts a day."
QUESTIONS = [("q1", "Who built the bridge?", "Mira Holt", 0), ("q2", "How many carts did it carry?", "40", 64)]


def lines(*values) -> str:
    """JSON lines."""
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def parquet(rows: list[dict], count: int | None = None) -> bytes:
    """A Parquet file of these rows, or of the first ones."""
    import pyarrow
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows)[:count], buffer)
    return buffer.getvalue()


def npz(compress: bool = False, **arrays) -> bytes:
    """An archive of arrays."""
    import numpy as np

    buffer = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def npy(array) -> bytes:
    """One array."""
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


# --- squad


def _squad(answers, **fields):
    questions = [
        {"id": id_, "question": text, "answers": answers(answer, start), **fields}
        for id_, text, answer, start in QUESTIONS
    ]
    none = {"id": "q3", "question": "Who burnt it?", "answers": [], "is_impossible": True}
    return {
        "version": "v2.0",
        "data": [{"title": "Bridges", "paragraphs": [{"context": CONTEXT, "qas": [*questions, none]}]}],
    }


def _flat(answers):
    return [
        {"id": id_, "title": "Bridges", "context": CONTEXT, "question": text, "answers": answers(answer, start)}
        for id_, text, answer, start in QUESTIONS
    ]


def _in_lists(answer, start):
    return {"text": [answer], "answer_start": [start]}


def _squad_formats():
    nested = _squad(lambda answer, start: [{"text": answer, "answer_start": start}])
    mrqa = {
        "context": CONTEXT,
        "qas": [
            {"qid": id_, "question": text, "answers": [answer],
             "detected_answers": [{"text": answer, "char_spans": [[start, start + len(answer) - 1]]}]}
            for id_, text, answer, start in QUESTIONS
        ],
    }  # fmt: skip
    return {
        "nested": json.dumps(nested),
        "loose types": json.dumps(nested).replace('"answer_start": 64', '"answer_start": "64"').replace('"q1"', "1"),
        "simpletransformers": json.dumps(nested["data"][0]["paragraphs"]),
        "flat": json.dumps({"data": _flat(_in_lists)}),
        "flat lines": lines(*_flat(_in_lists)),
        "flat with answers as a list": lines(*_flat(lambda answer, start: [{"text": answer, "answer_start": start}])),
        "MRQA": lines({"header": {"dataset": "invented"}}, mrqa),
        "Parquet": parquet(_flat(_in_lists)),
        "gzipped": gzip.compress(json.dumps(nested).encode(), mtime=0),
    }


PREDICTIONS = {
    "by id": json.dumps({"q1": "Mira Holt", "q2": "40", "q3": ""}),
    "lines": lines({"id": "q1", "prediction_text": "Mira Holt"}, {"id": "q2", "prediction_text": "40 carts"}),
}
NULL_SCORES = {"by id": json.dumps({"q1": -3.5, "q2": 0.25, "q3": 7})}

# --- memnet

ROWS = [
    ("Ada Holt", "born_in", "Arnwick"),
    ("Ada Holt", "born", "1815"),
    ("C++", "designed_by", "Bo, Lind"),
    ("मीना", "born_in", "東京"),
]
FACTS = {
    "TSV": "subject\trelation\tobject\n" + "".join("\t".join(row) + "\n" for row in ROWS),
    "three columns": "".join("\t".join(row) + "\n" for row in ROWS),
    "CSV": "head,relation,tail,more\n" + "".join(f'{s},{r},"{o}",1\n' for s, r, o in ROWS),
    "pandas": "o;s;p\n" + "".join(f'"{o}";"{s}";{r}\n' for s, r, o in ROWS),
    "pipes": "".join("|".join(row) + "\n" for row in ROWS),
    "N-Triples": "".join(f'<http://x/{s.split()[0]}> <http://x/{r}> "{o}"@en .\n' for s, r, o in ROWS),
    "JSON lines": lines(*({"subject": s, "relation": r, "object": o} for s, r, o in ROWS)),
    "JSON of lists": json.dumps(ROWS),
    "WikiMovies": "1 Kismet directed_by Mira Lind\n2 Kismet starred_actors Ada Holt, Bo Lind\n3 Kismet has_plot A text.\n",
    "Parquet": parquet([{"s": s, "p": r, "o": o} for s, r, o in ROWS]),
}
TEMPLATES = {
    "TSV": "born_in\tWhere was {s} born?\nborn_in\tIn which town was {s} born?\ttest\nborn\tWhen was {s} born?\n"
}
MEMORY_QUESTIONS = {
    "JSON lines": lines(
        {
            "question": "Where was Ada Holt born?",
            "answers": ["Arnwick"],
            "memory": [["Ada Holt", "born_in", "Arnwick"]],
        },
        {"question": "Who designed C++?", "answer": "Bo, Lind"},
    ),
    "WikiMovies": "1 where was Ada Holt born?\tArnwick\n2 who designed C++?\tBo, Lind\n",
    "MetaQA": "where was [Ada Holt] born\tArnwick|東京\nwho designed [C++]\tBo, Lind\n",
    "ParlAI": "text:Where was Ada Holt born?\tlabels:Arnwick\tepisode_done:True\n",
    "table": "question,answer\nWhere was Ada Holt born?,Arnwick\n",
}

# --- tracing

RESPONSES = {
    "CSV": "student,item,response,skill,time\na,q1,1,add,3\na,q2,0,mul,4.5\na,q1,2,add,5\nb,q2,1,mul,1\nb,q1,0,add,2\n",
    "ISO times": "student;item;response;time\n" + "".join(f"a;q{n};{n % 2};2020-09-13 12:2{n}:40\n" for n in range(5)),
    "NA": "student,item,response\na,q1,1.0\na,q2,NA\na,q3,\nb,q1,0.0\nb,q2,1.0\n",
    "fractions": "student,item,response\na,q1,0.5\na,q2,1\nb,q1,0.25\nb,q2,0\n",
    "ASSISTments": "order_id,user_id,problem_id,correct,skill_id\n1,7,11,1,2\n2,7,12,0,2\n2,7,12,0,3\n3,8,11,1,2\n",
    "several skills": "student\titem\tresponse\tskill\ttime\na\tq1\t1\tx\t1\na\tq1\t1\ty\t1\na\tq2\t0\tx\t2\nb\tq1\t1\tx\t1\n",
    "three lines": "3\n4,11,9\n1,1,0\n2\n9,1\n1,0\n",
    "AKT": "0,900\n4,11,9\n1,1,0\n1,901\n9,1\n1,0\n",
    "four lines": "3\n4,11,9\n1,2,1\n1,1,0\n2\n9,1\n1,1\n1,0\n",
    "pyKT": "fold,uid,questions,concepts,responses,timestamps,selectmasks\n"
    + '0,0,"11,1","2,1","1,0","1,2","1,1"\n1,1,"1,4","1,1","1,1","1,2","1,-1"\n',
    "a column per item": "student,i0,i1,i2,i3\na,0,1,0,1\nb,1,,0,1\nc,1,1,1,0\n",
    "py-irt": lines(
        {"subject_id": "a", "responses": {"q0": 0, "q1": 1}}, {"subject_id": "b", "responses": {"q0": 1, "q1": 1}}
    ),
    "JSON lines": lines({"student": "a", "item": "q1", "response": 1}, {"student": "b", "item": "q1", "response": 0}),
    "Parquet": parquet([{"student": "a", "item": n, "response": n % 2, "time": n} for n in range(4)]),
}
TRUTH = {
    "JSON": json.dumps(
        {
            "student_abilities": {"theta": [0.5, -1.25]},
            "question_params": {
                "discrimination": {"alpha": [1.0, 0.75]},
                "difficulties": {"beta": [[0.0, 0.5], [-0.5, 1.0]]},
            },
        }
    )
}

# --- vectors


def _vector_formats():
    import numpy as np

    vectors = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    document = np.array([0, 0, 0, 1, 1, 1])
    texts = np.array([f"Sentence {number}." for number in range(6)])
    return {
        "npz": npz(vectors=vectors, document=document, texts=texts, names=np.array(["a"] * 3 + ["b"] * 3)),
        "compressed npz": npz(True, vectors=vectors.astype(np.float16), document=document),
        "big-endian": npz(vectors=vectors.astype(">f8"), document=np.array(["x"] * 3 + ["y"] * 3)),
        "npy": {"v.npy": npy(vectors), "v.document.npy": npy(document)},
        "Parquet": parquet([{"vector": row.tolist(), "document": "d", "text": "A text."} for row in vectors]),
    }


TEXT = "The bridge is old. It was built of stone, and it carried forty carts a day. 橋は古い。石でできている。"
DOCUMENTS = {
    "text": TEXT + "\n\nA second paragraph follows here, which has several words in it.\n",
    "JSON lines": lines({"text": TEXT, "name": "bridges"}, {"text": "पुल पुराना है। वह पत्थर का बना है।"}),
    "sentences": lines({"name": "a", "sentences": ["The bridge is old.", "It was built of stone."]}),
    "chunks": lines(
        {"document": "a", "text": "The bridge is old."}, {"document": "a", "text": "It was built of stone."}
    ),
    "JSON": json.dumps([{"text": TEXT}, {"text": "Another text.", "name": "b"}]),
}

# --- ranking

PAIRS = [
    ("q1", "how old is the bridge?", "c1", "It is 200 years old.", 1),
    ("q1", "how old is the bridge?", "c2", "It is stone.", 0),
    ("q2", "who built it?", "c3", "Mira Holt built it.", 2),
    ("q2", "who built it?", "c4", "Nobody knows.", -1),
]
NAMES = ("query_id", "query", "candidate_id", "candidate", "relevance")
_CORPUS = lines(
    {"_id": "d1", "title": "Bridge", "text": "It is 200 years old."}, {"_id": "d2", "text": "Mira Holt built it."}
)
_QUERIES = lines({"_id": "q1", "text": "how old is the bridge?"}, {"_id": "q2", "text": "who built it?"})
_ANSWER = (
    '<Answer AID="1_{0}" SystemRank="{0}" ReferenceRank="{0}" ReferenceScore="{1}"><AnswerURL>x</AnswerURL>'
    "<AnswerText>{2}</AnswerText></Answer>"
)
_POST = '  <row Id="{}" PostTypeId="{}" {}Score="{}" CreationDate="2020-01-02T03:04:05.000" Body="{}" {}/>\n'
RANKINGS = {
    "TSV": "\t".join(NAMES) + "\n" + "".join("\t".join(map(str, row)) + "\n" for row in PAIRS),
    "CSV": ",".join(NAMES) + "\n" + "".join(",".join(map(str, row)) + "\n" for row in PAIRS),
    "JSON lines": lines(*(dict(zip(NAMES, row, strict=True)) for row in PAIRS)),
    "threads": lines(
        {"id": 7, "title": "Bridge", "body": "<p>How old?</p>", "site": "x", "answers": [
            {"id": 8, "score": 5, "body": "<p>It is <b>200</b> years old.</p>", "created": "2020-01-02", "accepted": True},
            {"id": 9, "score": -1, "body": "Who knows?"}]}
    ),
    "Posts.xml": '<?xml version="1.0" encoding="utf-8"?>\n<posts>\n'
    + _POST.format(1, 1, 'AcceptedAnswerId="2" ', 3, "&lt;p&gt;How old?&lt;/p&gt;", 'Title="Bridge" Tags="&lt;a&gt;" ')
    + _POST.format(2, 2, 'ParentId="1" ', 5, "&lt;p&gt;200 years.&lt;/p&gt;", "")
    + _POST.format(3, 2, 'ParentId="1" ', 0, "Who knows?&#xA;", "")
    + "</posts>\n",
    "MEDIQA": '<?xml version="1.0" encoding="UTF-8"?>\n<MEDIQA2019-Task3><Question QID="1"><QuestionText>How old?</QuestionText>'
    "<AnswerList>" + _ANSWER.format(1, 4, "Old.") + _ANSWER.format(2, 1, "New.") + "</AnswerList></Question></MEDIQA2019-Task3>\n",
    "WikiQA": "QuestionID\tQuestion\tDocumentID\tDocumentTitle\tSentenceID\tSentence\tLabel\n"
    "Q1\thow old?\tD1\tBridge\tD1-0\tIt is 200 years old.\t1\nQ1\thow old?\tD1\tBridge\tD1-1\tIt is stone.\t0\n",
    "WikiQA folder": {"a.toks": "how old ?\nhow old ?\n", "b.toks": "it is 200 .\nit is stone .\n", "sim.txt": "1\n0\n",
                      "id.txt": "1\n1\n", "boundary.txt": "0\n2\n"},
    "BEIR": {"corpus.jsonl": _CORPUS, "queries.jsonl": _QUERIES,
             "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t2\n"},
    "TREC": {"corpus.jsonl": _CORPUS, "queries.tsv": "q1\thow old is the bridge?\nq2\twho built it?\n",
             "qrels.txt": "q1 0 d1 1\nq2 0 d2 1\n"},
    "triplets": lines({"anchor": "how old?", "positive": "It is 200 years old.", "negative": "It is stone."},
                      {"anchor": "who built it?", "positive": "Mira Holt.", "negative": "It is stone."}),
    "positives and negatives": lines({"query": "how old?", "pos": ["200 years."], "neg": ["It is stone.", "It is new."]}),
    "MS MARCO": "how old?\tIt is 200 years old.\tIt is stone.\nwho built it?\tMira Holt.\tIt is stone.\n",
    "pairs": lines(["how old?", "It is 200 years old."], ["who built it?", "Mira Holt."]),
    "Parquet": parquet([dict(zip(NAMES, row, strict=True)) for row in PAIRS]),
}  # fmt: skip
SEARCHED_TEXTS = {
    "lines": "It is 200 years old.\nMira Holt built it.\n",
    "documents": _CORPUS,
    "strings": json.dumps(["One text.", "Two."]),
}
FORMATS = {
    "squad questions": _squad_formats(),
    "squad predictions": PREDICTIONS,
    "squad null scores": NULL_SCORES,
    "facts": FACTS,
    "templates": TEMPLATES,
    "memory questions": MEMORY_QUESTIONS,
    "responses": RESPONSES,
    "item parameters": TRUTH,
    "vectors": _vector_formats(),
    "documents": DOCUMENTS,
    "rankings": RANKINGS,
    "searched texts": SEARCHED_TEXTS,
}
"""Kind of data to name of a format to its content: text, bytes, or a dict of file names to these."""
