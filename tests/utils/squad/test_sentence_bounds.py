"""The sentence of an answer: by hand, and beside a splitter that reads the text."""

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from utils.squad.data import Answer, Question, read_squad_files
from utils.squad.features import build_features
from utils.squad.sentence_bounds import SentenceMarks, sentence_bounds
from utils.squad.windows import assemble
from utils.text.sentences import split_sentences
from utils.text.tokenization import train_tokenizer

TEXT = "It rained. Mr. J. F. Kennedy paid 3.5 million (or less?) to the U.S. Army, e.g. in 1907! Why? Nobody knows … "
SENTENCES = {
    "rained": "It rained.",
    "Kennedy": "Mr. J. F. Kennedy paid 3.5 million (or less?) to the U.S. Army, e.g. in 1907!",
    "3.5 million": "Mr. J. F. Kennedy paid 3.5 million (or less?) to the U.S. Army, e.g. in 1907!",
    "1907": "Mr. J. F. Kennedy paid 3.5 million (or less?) to the U.S. Army, e.g. in 1907!",
    "Why": "Why?",
    "Nobody": "Nobody knows …",
    "1907! Why": "Mr. J. F. Kennedy paid 3.5 million (or less?) to the U.S. Army, e.g. in 1907! Why?",
}


def sentences(questions, tokenizer, marks=None, **windows):
    """The text of each window's sentence, and of its answer; None for a window without one."""
    features = build_features(questions, tokenizer, **({"max_length": 384, "doc_stride": 128} | windows))
    spans = features.answer_spans[features.answer_offsets[:-1]]
    marks = SentenceMarks.of(tokenizer) if marks is None else marks
    bounds = sentence_bounds(assemble(features, np.arange(len(features))), spans, marks)
    texts = []
    for window, ((first, last), span) in enumerate(zip(bounds, spans, strict=True)):
        question, context = features.window_question[window], features.window_context[window]
        shift = features.tokens_around_question + features.question_lengths[question] - features.window_start[window]
        begin = features.contexts.offsets[context] - shift
        assert first <= span[0] and last >= span[1]
        if span[1] == 0:
            assert first == last == 0
        start, end = features.contexts.starts[begin + first], features.contexts.ends[begin + last]
        texts.append(questions[question].context[start:end].strip() if span[1] else None)
    return texts


def questions_with(answers, text=TEXT):
    return [
        Question(f"q{number}", "", text, "Who paid?", (Answer(answer, text.index(answer)),))
        for number, answer in enumerate(answers)
    ]


def byte_level():
    """A tokenizer like RoBERTa's: spaces are part of the tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([TEXT, "Who paid?"] * 5, trainer)
    return tokenizer


@pytest.mark.parametrize(
    "make_tokenizer", [lambda: train_tokenizer([TEXT, "Who paid?"] * 5, 200), byte_level], ids=["words", "bytes"]
)
def test_by_hand(make_tokenizer):
    assert sentences(questions_with(SENTENCES), make_tokenizer()) == list(SENTENCES.values())


def test_marks_that_follow_each_other_end_one_sentence():
    by_answer = {"London": 'Ada said "London is old."', "Bob": "Bob knew it...", "She": "(She left?!)", "Why": "Why?"}
    text = " ".join(by_answer.values())
    tokenizer = train_tokenizer([text, "Who paid?"] * 5, 200)
    assert sentences(questions_with(by_answer, text), tokenizer) == list(by_answer.values())


def test_without_sentence_ends_it_is_the_context_of_the_window():
    tokenizer = train_tokenizer([TEXT, "Who paid?"] * 5, 200)
    assert sentences(questions_with(["Why", "rained"]), tokenizer, marks=SentenceMarks()) == [TEXT.strip()] * 2


def test_a_window_has_its_part_of_the_sentence():
    tokenizer = train_tokenizer([TEXT, "Who paid?"] * 5, 200)
    parts = sentences(questions_with(["Kennedy"]), tokenizer, max_length=24, doc_stride=6)
    assert len(parts) > 2 and any(part is None for part in parts)
    whole = SENTENCES["Kennedy"]
    assert all(part is None or (part in whole and "Kennedy" in part) for part in parts)


def test_ends_of_sentences_in_other_scripts():
    tokenizer = train_tokenizer(["王明在北京。他是谁？ यह है। هل هو؟ Yes! No..."] * 5, 200)
    ids = SentenceMarks.of(tokenizer).end_ids
    assert {tokenizer.id_to_token(number) for number in ids} >= set("。？।؟!.")
    letters = tokenizer.encode("王明 Yes", add_special_tokens=False).ids
    assert not set(ids) & set(letters)


def test_agrees_with_a_splitter_that_reads_the_text(qkv_zoo_data):
    """Tokens do not show spaces, so that closing quotes and numbers are told apart less well."""
    questions = read_squad_files([qkv_zoo_data / "squad" / "dev-v1.1.json.gz"])[::30]
    tokenizer = train_tokenizer([text for q in questions for text in (q.context, q.question)], 8_000)
    equal, first_answers = [], [question.answers[0] for question in questions]
    questions = [
        Question(q.id, "", q.context, q.question, (answer,)) for q, answer in zip(questions, first_answers, strict=True)
    ]
    for question, text in zip(questions, sentences(questions, tokenizer, max_length=2_000), strict=True):
        start, stop = question.answers[0].start, question.answers[0].start + len(question.answers[0].text)
        ends = np.cumsum([len(sentence) for sentence in split_sentences(question.context, "en")])
        begin = max([0, *ends[ends <= start]])
        equal.append(text == question.context[begin : ends[ends >= stop][0]].rstrip())
    assert len(equal) > 300 and np.mean(equal) > 0.85
