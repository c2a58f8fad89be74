"""Questions to batches: windows, labels, arrays by hand, and the stream of training batches."""

from itertools import islice

import numpy as np
import pytest

from tests.helpers.sentence_folders import KINDS, SENTENCES
from tests.helpers.squad_questions import invented_questions
from utils.common.errors import UserError
from utils.squad.batches import batch_order, training_batches
from utils.squad.data import Answer, Question
from utils.squad.features import build_features
from utils.squad.windows import assemble
from utils.text.tokenization import load_tokenizer, train_tokenizer

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "who", "wrote", "notes", "?", "ada", "the", "##s", "in", "1843", "."]
WINDOWS = {"max_length": 384, "doc_stride": 128}


def question(context, *answers, text="Who wrote notes?", identifier="q", impossible=False):
    references = tuple(Answer(answer, context.index(answer)) for answer in answers)
    return Question(identifier, "title", context, text, references, impossible)


@pytest.fixture(scope="module")
def small():
    """A tokenizer whose ids are the places in `PIECES`."""
    from tokenizers import BertWordPieceTokenizer, Tokenizer

    vocabulary = {piece: number for number, piece in enumerate(PIECES)}
    return Tokenizer.from_str(BertWordPieceTokenizer(vocabulary, lowercase=True).to_str())


@pytest.fixture(scope="module")
def world():
    return invented_questions()


@pytest.fixture(scope="module")
def features(world):
    return build_features(*world, max_length=61, doc_stride=13, max_question_length=11)


# --- windows and labels


def test_arrays_by_hand(small):
    record = question("Ada wrote the notes in 1843.", "1843", "Ada", "in 1843")
    features = build_features([record], small, max_length=12, doc_stride=2)
    assert len(features) == 2 and features.lengths.tolist() == [12, 11]
    assert features.answer_offsets.tolist() == [0, 1, 3]
    assert features.answer_spans.tolist() == [[6, 6], [7, 8], [8, 8]]
    assert features.num_labels == 3 and features.wider_labels == features.cut_labels == ()
    inputs = assemble(features, np.array([0, 1]))
    first, second = [2, 4, 5, 6, 7, 3, 8, 5, 9, 6, 11, 3], [2, 4, 5, 6, 7, 3, 6, 11, 12, 13, 3]
    assert inputs["token_ids"].tolist() == [first + [0] * 4, second + [0] * 5]
    assert inputs["segment_ids"].tolist() == [[0] * 6 + [1] * 6 + [0] * 4, [0] * 6 + [1] * 5 + [0] * 5]
    assert inputs["padding_mask"].tolist() == [[1] * 12 + [0] * 4, [1] * 11 + [0] * 5]
    assert inputs["shape_ids"].tolist() == [
        [0, 2, 1, 1, 6, 0, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0],
        [0, 2, 1, 1, 6, 0, 1, 1, 4, 6, 0, 0, 0, 0, 0, 0],
    ]
    words = inputs["word_ids"]
    assert words[0, 2] == words[0, 7] and words[0, 3] == words[0, 9] == words[1, 6]  # wrote; notes
    assert len(set(words[0].tolist())) == 1 + 7  # none, and who wrote notes ? ada the in
    assert all(values.dtype == np.int32 for values in inputs.values())


def test_padding_has_the_tokenizers_own_id(small):
    features = build_features([question("Ada wrote.", "Ada")], small, max_length=20, doc_stride=2)
    object.__setattr__(features, "special_ids", (13, 2, 3))
    inputs = assemble(features, np.array([0]))
    assert inputs["token_ids"][0].tolist() == [2, 4, 5, 6, 7, 3, 8, 5, 13, 3] + [13] * 6
    assert inputs["padding_mask"].sum() == 10


def test_windows_cover_every_token_and_share_the_stride(world, features):
    questions, _ = world
    room = 61 - 3 - features.question_lengths
    assert (features.lengths <= 61).all() and features.question_lengths.max() == 11
    np.testing.assert_array_equal(
        features.question_lengths, np.minimum(np.diff(features.questions.offsets), 11)
    )  # longer questions are cut
    windows_of = [np.flatnonzero(features.window_question == number) for number in range(len(questions))]
    assert max(len(windows) for windows in windows_of) > 2
    for number, windows in enumerate(windows_of):
        context = features.context_number(number)
        starts, ends = features.window_start[windows], features.window_end[windows]
        assert starts[0] == 0 and ends[-1] == np.diff(features.contexts.offsets)[context]
        assert (ends[:-1] - starts[1:] == 13).all() and (ends[:-1] - starts[:-1] == room[number]).all()


def test_labels_decode_to_the_answers(world, features):
    questions, _ = world
    assert features.wider_labels == features.cut_labels == () and features.num_labels == sum(
        len(set(q.answers)) for q in questions
    )
    decoded_answers = [set() for _ in questions]
    for window in range(len(features)):
        number, context = features.window_question[window], features.window_context[window]
        shift = features.contexts.offsets[context] + features.window_start[window]
        shift -= 2 + features.question_lengths[number]
        rows = features.answer_spans[features.answer_offsets[window] : features.answer_offsets[window + 1]]
        begin = features.contexts.starts[2 + features.question_lengths[number] + shift]
        stop = features.contexts.ends[features.contexts.offsets[context] + features.window_end[window] - 1]
        inside = {a for a in questions[number].answers if begin <= a.start and a.start + len(a.text) <= stop}
        if not inside:
            assert rows.tolist() == [[0, 0]]
            continue
        spans = [(features.contexts.starts[a + shift], features.contexts.ends[b + shift]) for a, b in rows]
        decoded = {Answer(questions[number].context[a:b], int(a)) for a, b in spans}
        assert decoded == inside
        decoded_answers[number] |= decoded
    assert decoded_answers == [set(q.answers) for q in questions]  # the stride is longer than any answer: none is lost


def test_accents_and_emoji_keep_their_offsets():
    context = "Yes 😀😀: Zoë Ångström (née Šimić) flew to São Tomé 👩‍🚀."
    answers = ("Zoë Ångström", "Šimić", "São Tomé")
    features = build_features([question(context, *answers)], train_tokenizer([context], 90, min_frequency=1), **WINDOWS)
    shift = 2 + int(features.question_lengths[0])
    spans = [(features.contexts.starts[a - shift], features.contexts.ends[b - shift]) for a, b in features.answer_spans]
    assert [context[a:b] for a, b in spans] == list(answers) and features.wider_labels == features.cut_labels == ()


def test_unanswerable_and_unlabelled_questions_point_at_the_start(small):
    records = [question("Ada wrote.", impossible=True), question("Ada wrote.", "Ada", identifier="r")]
    features = build_features(records, small, **WINDOWS)
    assert features.answer_spans.tolist() == [[0, 0], [6, 6]] and features.num_labels == 1
    assert features.window_context.tolist() == [0, 0] and len(features.contexts.offsets) == 2  # tokenized once
    assert build_features(records, small, **WINDOWS, labelled=False).answer_spans.tolist() == [[0, 0], [0, 0]]


def test_a_label_that_is_wider_than_its_answer_is_used_and_counted(small):
    good = question("Ada wrote the notes.", "the notes", identifier="good")
    inside = question("Ada wrote the notes.", "note", identifier="inside")
    features = build_features([good, inside], small, **WINDOWS)
    assert features.num_labels == 2 and features.lost_labels == ()
    assert features.wider_labels == ("inside: the label reads 'notes', the answer is 'note'",)
    assert features.answer_spans.tolist() == [[8, 9], [9, 9]]


def test_answers_that_no_window_holds_are_counted(small):
    record = question("Ada wrote the notes in 1843.", "Ada wrote the notes in 1843")
    features = build_features([record], small, max_length=12, doc_stride=2)
    assert features.lost_labels == ("q: no window holds the whole answer of 6 tokens",)
    assert features.answer_spans.tolist() == [[0, 0]] * 2
    cut = question("Ada \u200bwrote.", "\u200bwrote")
    features = build_features([cut], small, **WINDOWS)
    assert features.cut_labels == ("q: the label reads 'wrote', the answer is '\\u200bwrote'",)
    dropped = question("Ada \u200b wrote.", "\u200b")  # the tokenizer drops invisible characters
    features = build_features([dropped], small, **WINDOWS)
    assert features.lost_labels == ("q: the tokenizer drops the answer '\\u200b'",)


def test_no_room_beside_a_long_question(small):
    record = question("Ada wrote the notes in 1843.", "Ada", text="Who wrote the notes in 1843?")
    assert len(build_features([record], small, max_length=13, doc_stride=2)) == 5  # three tokens a window, one new
    with pytest.raises(UserError, match="--max-length 12 leaves no room beside a question of 7 tokens"):
        build_features([record], small, max_length=12, doc_stride=2)
    cut = build_features([record], small, max_length=12, doc_stride=2, max_question_length=5)
    assert cut.question_lengths.tolist() == [5]


@pytest.mark.parametrize("kind", KINDS)
def test_windows_are_the_pairs_that_the_tokenizer_itself_makes(kind):
    tokenizer = load_tokenizer(SENTENCES / kind)
    records = [
        question("The river burned, and the mill did not.", "the mill", text="What burned?"),
        question("The mill is on the river in May.", "May", text="Where is the mill?", identifier="long"),
    ]
    features = build_features(records, tokenizer, max_length=70, doc_stride=9)
    assert features.num_separators == (1 if kind == "bert" else 2) and len(features) == 2
    batch = assemble(features, np.arange(2))
    for row, record in enumerate(records):
        expected = tokenizer.encode(record.question, record.context)
        length = features.lengths[row]
        assert batch["token_ids"][row, :length].tolist() == expected.ids
        assert batch["padding_mask"][row].sum() == length
        is_context = [number == 1 for number in expected.sequence_ids]
        assert np.flatnonzero(batch["segment_ids"][row])[:-1].tolist() == np.flatnonzero(is_context).tolist()
        first, last = features.answer_spans[row]
        text = record.context[expected.offsets[first][0] : expected.offsets[last][1]]
        assert text.strip(" .") == record.answers[0].text
    assert (build_features(records, tokenizer, max_length=40, doc_stride=9).lengths <= 40).all()


# --- batches


def test_batch_order_is_a_repeatable_permutation_of_similar_lengths():
    lengths = np.random.default_rng(5).integers(10, 400, 1009)
    batches = batch_order(lengths, 8, seed=3, epoch=2)
    assert sorted(np.concatenate(batches).tolist()) == list(range(1009))
    assert sorted(len(batch) for batch in batches) == [1] + [8] * 126
    again, later, other = (batch_order(lengths, 8, *key) for key in ((3, 2), (3, 3), (4, 2)))
    assert all((a == b).all() for a, b in zip(batches, again, strict=True))
    assert not np.array_equal(np.concatenate(batches), np.concatenate(later))
    assert not np.array_equal(np.concatenate(batches), np.concatenate(other))
    assert sum(len(b) * lengths[b].max() for b in batches) < 1.1 * lengths.sum()
    longest = np.array([lengths[batch].max() for batch in batches])
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.3  # batches do not come in order of length


def test_batches_from_any_step_are_those_of_the_whole_stream(features):
    steps = -(-len(features) // 7)
    stream = list(islice(training_batches(features, 7, seed=3), 2 * steps + 2))
    for first in (1, steps - 1, steps, steps + 2):
        later = islice(training_batches(features, 7, seed=3, first_step=first), 2)
        for batch, expected_batch in zip(later, stream[first : first + 2], strict=True):
            for arrays, expected in zip(batch, expected_batch, strict=True):
                assert list(arrays) == list(expected)
                assert all(np.array_equal(arrays[name], expected[name]) for name in arrays)


def test_an_epoch_has_every_window_once_with_one_of_its_answers(features):
    steps = -(-len(features) // 7)
    keys = {}
    for window in range(len(features)):
        ids = assemble(features, np.array([window]))["token_ids"][0]
        rows = features.answer_spans[features.answer_offsets[window] : features.answer_offsets[window + 1]]
        keys[bytes(ids[ids > 0])] = {tuple(row) for row in rows.tolist()}
    assert len(keys) == len(features)
    chosen = []
    for first in (0, steps, 2 * steps):
        drawn = {}
        for inputs, targets in islice(training_batches(features, 7, seed=3, first_step=first), steps):
            assert inputs["token_ids"].shape[1] % 16 == 0
            for ids, start, end in zip(inputs["token_ids"], targets["start"], targets["end"], strict=True):
                drawn[bytes(ids[ids > 0])] = (int(start), int(end))
        assert drawn.keys() == keys.keys() and all(span in keys[key] for key, span in drawn.items())
        chosen.append(drawn)
    assert chosen[0] != chosen[1] or chosen[1] != chosen[2]  # another of several answers in another epoch
