"""Questions that keep a part of their subject's name."""

import numpy as np

from utils.memnet.features import Vocabulary, encode_texts
from utils.memnet.partial_names import NamesInQuestions
from utils.memnet.records import MemoryQuestion

TEXTS = {"When was Ada King Lovelace born?": "Ada King Lovelace", "Where is Rome?": "Rome", "Who?": "Bo Lind"}


def test_names_of_several_words_keep_one_mostly_the_last():
    questions = [MemoryQuestion(text, text, subject, ("x",)) for text, subject in TEXTS.items()]
    ids = encode_texts(TEXTS, Vocabulary(["when", "where"]))
    names = NamesInQuestions(questions, ids)
    kept = []
    for seed in range(60):
        shortened = names.shortened(1.0, np.random.default_rng(seed))
        assert (shortened[1:] == ids[1:]).all()  # one word, or no name in the question
        name, before, after = shortened[0, 2:5], shortened[0, :2], shortened[0, 5:]
        assert (before == ids[0, :2]).all() and (after == ids[0, 5:]).all() and (name > 0).sum() == 1
        kept.append(int(np.flatnonzero(name)[0]))
    assert kept.count(2) > 30 and {0, 1} < set(kept)
    assert (names.shortened(0.0, np.random.default_rng(0)) == ids).all() and ids[0].all()


def test_both_names_of_a_question_are_shortened():
    text = "Did Ada Lovelace know Mary Somerville?"
    question = MemoryQuestion("1", text, "Ada Lovelace", ("x",), "a & b", second_subject="Mary Somerville")
    ids = encode_texts([text], Vocabulary(["did", "know"]))
    shortened = NamesInQuestions([question], ids).shortened(1.0, np.random.default_rng(0))
    assert (shortened[0] > 0).sum() == 4
