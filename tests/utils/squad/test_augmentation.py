"""Hidden words and exchanged names: which words, how many, that words still match, and that rows do not depend on others."""

from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest
from tokenizers import Tokenizer, models

from tests.helpers.squad_questions import invented_questions
from utils.common.batching import BatchPart
from utils.common.errors import UserError
from utils.squad.augmentation import Augmentation, gather_names
from utils.squad.batches import TrainingSignals, training_batches
from utils.squad.data import Answer, Question
from utils.squad.features import build_features
from utils.squad.tokens import tokenize
from utils.squad.windows import assemble
from utils.text.tokenization import train_tokenizer

CITIES = ("Paris", "London", "Vienna", "Oslo", "Madrid", "Lisbon", "Prague", "Athens")
FIRMS = ("NASA", "UNESCO", "BBC", "IBM")
ROWS = np.arange(64)


def sentence(number):
    """Two cities, a firm and two numbers. "Today" and "Indeed" only begin sentences, and "March" is mostly a verb."""
    march = "they march on" if number % 3 else "by March"
    cities = f"the old town of {CITIES[number % 8]} beats {CITIES[(number + 3) % 8]}"
    return f"Today {cities} {march} for {FIRMS[number % 4]} in {1900 + 7 * number} and I agree with {number % 10}: Indeed so"


@pytest.fixture(scope="module")
def features_and_tokenizer():
    questions = []
    for number in range(64):
        text, city = sentence(number), CITIES[number % 8]
        question = f"Which town beats {CITIES[(number + 3) % 8]} in {1900 + 7 * number}?"
        questions.append(Question(f"q{number}", "title", text, question, (Answer(city, text.index(city)),)))
    tokenizer = train_tokenizer([text for q in questions for text in (q.context, q.question)], 120)
    return build_features(questions, tokenizer, max_length=128, doc_stride=16), tokenizer


def augmented(features, tokenizer, word_dropout, name_swap, key=(5, 7), rows=ROWS, longest=0):
    """The inputs of some windows, before and after."""
    before = assemble(features, rows, longest)
    after = {name: array.copy() for name, array in before.items()}
    Augmentation.prepare(features, tokenizer, word_dropout, name_swap).apply(after, rows, key)
    return before, after


def words(row, inputs):
    """`[(word id, its token ids)]` of one window."""
    runs, previous = [], 0
    for token, word in zip(inputs["token_ids"][row].tolist(), inputs["word_ids"][row].tolist(), strict=True):
        if word and word == previous:
            runs[-1][1].append(token)
        elif word:
            runs.append((word, [token]))
        previous = word
    return runs


def described(texts, tokenizer):
    """The groups of names in texts, as sets of words."""
    names = gather_names(tokenize(texts, tokenizer))
    groups = {}
    for start, length, token_ids in zip(names.group_starts, names.lengths, names.token_ids, strict=True):
        assert not token_ids[length:].any()
        groups.setdefault(int(start), set()).add(tokenizer.decode(token_ids[:length].tolist()))
    return {frozenset(group) for group in groups.values()}


def test_names_are_capitalised_inside_sentences_and_numbers_are_digits():
    texts = [sentence(number) for number in range(64)]
    tokenizer = train_tokenizer(texts * 9, 900)  # so many that each word is one token
    years = frozenset(str(1900 + 7 * number) for number in range(64))
    digits = frozenset(map(str, range(10)))
    assert described(texts, tokenizer) == {
        frozenset(map(str.lower, CITIES)), frozenset(map(str.lower, FIRMS)), years, digits,
    }  # fmt: skip


def test_groups_have_equally_many_tokens(features_and_tokenizer):
    names = gather_names(features_and_tokenizer[0].contexts)
    assert len(set(names.lengths.tolist())) > 1  # else the next lines would show nothing
    for start in set(names.group_starts.tolist()):
        members = np.flatnonzero(names.group_starts == start)
        assert len(members) == names.group_sizes[start] > 1 and (members == np.arange(len(members)) + start).all()
        assert len(set(names.lengths[members].tolist())) == 1
    assert (np.diff(names.word_ids) > 0).all() and sorted(names.places.tolist()) == list(range(len(names.places)))


def test_texts_of_stored_features_have_the_same_names(features_and_tokenizer):
    contexts = features_and_tokenizer[0].contexts
    narrow = {"token_ids": np.uint16, "shape_ids": np.int8, "starts": np.uint16, "ends": np.uint16}
    stored = replace(contexts, **{name: getattr(contexts, name).astype(dtype) for name, dtype in narrow.items()})
    for one, other in zip(vars(gather_names(contexts)).values(), vars(gather_names(stored)).values(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("texts", [[], [""], ["nothing here has a name", "", "and neither here"], ["Alone. 7"]])
def test_texts_without_names_stay_as_they_are(texts, features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    names = gather_names(tokenize(texts, tokenizer))
    assert len(names.word_ids) == 0
    inputs = assemble(features, ROWS)
    before = inputs["token_ids"].copy()
    Augmentation(0.0, 0, 1.0, names).apply(inputs, ROWS, (0, 0))
    np.testing.assert_array_equal(inputs["token_ids"], before)


def test_only_as_many_tokens_are_read_as_fit_into_memory(features_and_tokenizer, monkeypatch):
    _, tokenizer = features_and_tokenizer
    texts = [sentence(number) for number in range(64)]
    monkeypatch.setattr("utils.squad.augmentation.MAX_TOKENS", int(tokenize(texts[:9], tokenizer).offsets[-1]) + 3)
    few = described(texts, tokenizer)
    monkeypatch.undo()
    assert few == described(texts[:9], tokenizer) != described(texts, tokenizer)


def test_hidden_words_are_whole_and_as_many_as_wanted(features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    before, after = augmented(features, tokenizer, 0.3, 0.0)
    mask_id = tokenizer.token_to_id("[MASK]")
    hidden = []
    for row in ROWS:
        for (_, old), (_, new) in zip(words(row, before), words(row, after), strict=True):
            is_hidden = new == [mask_id] * len(old)
            assert is_hidden or new == old
            hidden.append(is_hidden)
    assert len(hidden) > 1500 and abs(np.mean(hidden) - 0.3) < 0.05  # 4 standard deviations
    lengths = {len(old) for row in ROWS for _, old in words(row, before)}
    assert len(lengths) > 2
    is_word = before["word_ids"] != 0
    np.testing.assert_array_equal(after["token_ids"][~is_word], before["token_ids"][~is_word])
    for name in set(before) - {"token_ids"}:
        np.testing.assert_array_equal(after[name], before[name])


def test_each_place_of_a_row_and_each_row_is_hidden_on_its_own(features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    mask_id = tokenizer.token_to_id("[MASK]")
    times, first = 0, []
    for step in range(200):
        before, after = augmented(features, tokenizer, 0.5, 0.0, key=(0, step), rows=ROWS[:9:8])
        is_word = before["word_ids"] != 0
        is_hidden = after["token_ids"][is_word].reshape(2, -1)[:, :20] == mask_id
        times = times + is_hidden
        first.append(is_hidden[:, 0])
    assert np.min(times) >= 65 and np.max(times) <= 135  # 5 standard deviations
    assert abs(np.corrcoef(np.array(first, float).T)[0, 1]) < 0.35


def test_neighbouring_words_are_hidden_independently(features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    mask_id = tokenizer.token_to_id("[MASK]")
    _, after = augmented(features, tokenizer, 0.5, 0.0)
    hidden = [[new == [mask_id] * len(new) for _, new in words(row, after)] for row in ROWS]
    pairs = np.array([pair for row in hidden for pair in pairwise(row)], float)
    assert len(pairs) > 1500 and abs(np.corrcoef(pairs.T)[0, 1]) < 0.12  # 4.5 standard deviations


def test_swapped_names_have_the_same_form_and_match_where_they_did(features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    names = gather_names(features.contexts)
    before, after = augmented(features, tokenizer, 0.0, 1.0)
    members = {}
    for start, length, token_ids in zip(names.group_starts, names.lengths, names.token_ids, strict=True):
        members.setdefault(int(start), []).append(token_ids[:length].tolist())
    group_of_tokens = {tuple(tokens): start for start, group in members.items() for tokens in group}
    changed = 0
    for row in ROWS:
        new_of_old = {}
        for (word, old), (_, new) in zip(words(row, before), words(row, after), strict=True):
            if word in names.word_ids:
                assert new != old and group_of_tokens[tuple(new)] == group_of_tokens[tuple(old)]
                if tokenizer.decode(old).isdigit():
                    assert tokenizer.decode(new).isdigit()
                    assert len(tokenizer.decode(new)) == len(tokenizer.decode(old))
                assert new_of_old.setdefault(tuple(old), new) == new  # in the question as in the paragraph
                changed += 1
            else:
                assert new == old
        assert len({tuple(new) for new in new_of_old.values()}) == len(new_of_old)  # different ones stay different
        assert len(words(row, before)) > len(new_of_old)
    assert changed > 200
    for name in set(before) - {"token_ids"}:
        np.testing.assert_array_equal(after[name], before[name])


def test_a_name_that_stands_twice_or_is_cut_by_the_window_stays(features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    names, athens = gather_names(features.contexts), tokenize(["Athens"], tokenizer)
    length = len(athens.token_ids)
    tokens = tokenize(["Athens and Athens Athens beat Athens"], tokenizer)
    inputs = {name: getattr(tokens, name)[None, 1:].copy() for name in ("token_ids", "word_ids")}
    before = words(0, inputs)
    sizes = [len(token_ids) for word, token_ids in before if word == athens.word_ids[0]]
    assert length > 1 and sizes == [length - 1, 2 * length, length]
    Augmentation(0.0, 0, 1.0, names).apply(inputs, np.zeros(1, int), (0, 0))
    is_changed = [new != old for (_, old), (_, new) in zip(before, words(0, inputs), strict=True)]
    assert is_changed == [False] * (len(before) - 1) + [True]


def test_the_wanted_fraction_of_names_is_swapped(features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    names = set(gather_names(features.contexts).word_ids.tolist())
    swapped = []
    for step in range(20):
        before, after = augmented(features, tokenizer, 0.0, 0.4, key=(1, step))
        for row in ROWS:
            pairs = zip(words(row, before), words(row, after), strict=True)
            swapped += {word: old != new for (word, old), (_, new) in pairs if word in names}.values()
    assert len(swapped) > 3000 and abs(np.mean(swapped) - 0.4) < 0.04


def test_a_row_depends_on_its_number_and_the_key_alone(features_and_tokenizer):
    features, tokenizer = features_and_tokenizer
    _, whole = augmented(features, tokenizer, 0.2, 0.5)
    length = whole["token_ids"].shape[1]
    part = np.array([40, 3, 63])
    _, some = augmented(features, tokenizer, 0.2, 0.5, rows=part, longest=length + 30)
    np.testing.assert_array_equal(some["token_ids"][:, :length], whole["token_ids"][part])
    for key in ((5, 8), (6, 7)):
        _, other = augmented(features, tokenizer, 0.2, 0.5, key=key)
        assert (other["token_ids"] != whole["token_ids"]).any(axis=1).mean() > 0.9
    copies = assemble(features, np.array([4, 4]))  # as R-Drop has them
    Augmentation.prepare(features, tokenizer, 0.2, 0.5).apply(copies, np.arange(2), (5, 7))
    assert (copies["token_ids"][0] != copies["token_ids"][1]).any()


def test_a_resumed_training_and_each_of_two_processes_see_the_same_batches():
    questions, tokenizer = invented_questions()
    features = build_features(questions, tokenizer, max_length=200, doc_stride=13, max_question_length=11)
    signals = TrainingSignals(Augmentation.prepare(features, tokenizer, 0.3, 0.5), pairs=True)
    whole = list(islice(training_batches(features, 6, 3, signals=signals), 12))
    resumed = islice(training_batches(features, 6, 3, first_step=5, signals=signals), 7)
    plain = islice(training_batches(features, 6, 3, signals=TrainingSignals(pairs=True)), 12)
    for (inputs, _), (again, _) in zip(whole[5:], resumed, strict=True):
        np.testing.assert_array_equal(inputs["token_ids"], again["token_ids"])
    assert all(
        (inputs["token_ids"] != before["token_ids"]).any()
        for (inputs, _), (before, _) in zip(whole, plain, strict=True)
    )
    for process in range(2):
        part = BatchPart(process, 1, 2)
        for (inputs, _), (own, _) in zip(whole, training_batches(features, 6, 3, 0, part, signals), strict=False):
            rows = part.rows(len(inputs["token_ids"]))
            np.testing.assert_array_equal(own["token_ids"], inputs["token_ids"][rows])


def test_the_unknown_token_hides_words_where_there_is_no_mask(features_and_tokenizer):
    features, _ = features_and_tokenizer
    without_mask = Tokenizer(models.WordPiece({"a": 0, "<none>": 3, "[UNK]": 2}, unk_token="<none>"))
    assert Augmentation.prepare(features, without_mask, 0.1, 0.0).hidden_id == 3
    roberta = Tokenizer(models.BPE({"a": 0, "<mask>": 4, "<unk>": 1}, [], unk_token="<unk>"))
    assert Augmentation.prepare(features, roberta, 0.1, 0.0).hidden_id == 4
    with pytest.raises(UserError, match="leave out --word-dropout"):
        Augmentation.prepare(features, Tokenizer(models.BPE({"a": 0}, [])), 0.1, 0.0)
    assert Augmentation.prepare(features, Tokenizer(models.BPE({"a": 0}, [])), 0.0, 0.1).names is not None
