"""Recurring spans, and what masking shows and hides."""

import numpy as np
import pytest

from utils.squad.pretraining import text_windows as module
from utils.squad.pretraining.batches import text_batches, validation_batches
from utils.squad.pretraining.masking import ReplacementMasking, SpanMasking
from utils.squad.pretraining.text_windows import cut_text, prepare_windows, token_shapes
from utils.squad.pretraining.texts import Paragraph
from utils.squad.tokenizer import mask_id_of
from utils.text.tokenization import train_tokenizer

TEXTS = [
    "The Old Mill of Skelmoford was built in 1907. In 1907 the river was low, so the old mill of Skelmoford stood still.",
    "Ada Lovelace wrote a letter to Charles Babbage. Babbage, who knew Ada Lovelace well, read the letter of Ada Lovelace twice.",
    "A garden has trees, paths and a pond; nobody has counted its flowers, which bloom when spring comes to these northern hills.",
]
TOKENIZER = train_tokenizer(TEXTS * 3, 300)
MASK = mask_id_of(TOKENIZER)
WINDOWS = cut_text(TEXTS, TOKENIZER, 96)


def spans_of(window, windows=WINDOWS):
    """The texts of the recurring spans of a window."""
    inner = windows.windows
    ids = inner.contexts.token_ids[inner.contexts.offsets[inner.window_context[window]] + inner.window_start[window] :]
    return {
        tuple(TOKENIZER.decode(ids[first : last + 1].tolist()) for first, last in cluster)
        for cluster in windows.spans.clusters(window)
    }


def test_spans_that_recur():
    assert spans_of(0) == {("old mill of skelmoford",) * 2, ("1907",) * 2}
    assert spans_of(1) == {("ada lovelace",) * 3, ("letter",) * 2, ("babbage",) * 2}
    assert spans_of(2) == set()


def test_no_span_crosses_the_border_of_a_window_and_none_shares_a_token():
    windows = cut_text([" ".join(TEXTS * 3)], TOKENIZER, 60)
    inner = windows.windows
    assert len(windows) > 3 and int(inner.lengths.max()) <= 60
    assert (inner.window_end[:-1] == inner.window_start[1:]).all()
    for window in range(len(windows)):
        taken = [
            place
            for cluster in windows.spans.clusters(window)
            for first, last in cluster
            for place in range(first, last + 1)
        ]
        assert len(taken) == len(set(taken)) and max(taken) < inner.window_end[window] - inner.window_start[window]


def batch(masking, key=(0, 0), rows=(0, 1, 2)):
    rows = np.array(rows)
    return masking.batch(WINDOWS, np.array([0, 1, 2])[rows], rows, 0, key)


@pytest.mark.parametrize("step", range(20))
def test_a_question_is_one_mask_token_and_its_answer_stands_whole(step):
    inputs, targets = batch(SpanMasking(MASK, 0.15), (0, step))
    assert (targets["start"] >= 0).sum(axis=1).tolist() == [2, 4, 0]
    for row in range(3):
        ids = inputs["token_ids"][row]
        places = inputs["question_places"][row][targets["start"][row] >= 0]
        masked = inputs["masked_places"][row][targets["words"][row] >= 0]
        hidden = {*places.tolist(), *masked.tolist()}
        assert len(hidden) == len(places) + len(masked)
        assert set(np.flatnonzero(ids == MASK)) == hidden  # and nothing else is masked
        for name in ("word_ids", "stem_ids", "shape_ids"):
            assert not inputs[name][row][list(hidden)].any()
            assert (
                inputs[name][row][[p for p in range(2, inputs["padding_mask"][row].sum() - 1) if p not in hidden]] > 0
            ).all()
        answers = {
            TOKENIZER.decode(ids[start : end + 1].tolist())
            for start, end in zip(targets["start"][row], targets["end"][row], strict=True)
            if start >= 0
        }
        assert answers == {texts[0] for texts in spans_of(row)}
        # What is left of each recurring span is its answer alone.
        shown = TOKENIZER.decode([token for token in ids if token != MASK])
        assert all(shown.count(answer) == 1 for answer in answers if answer != "letter")
        length = inputs["padding_mask"][row].sum()
        assert ids[length - 1] == WINDOWS.windows.special_ids[2] and inputs["segment_ids"][row].sum() == length - 2


def test_masked_words_are_whole_and_their_fraction_of_the_text():
    for step in range(10):
        _, targets = batch(SpanMasking(MASK, 0.3, max_questions=1), (0, step))
        inner = WINDOWS.windows
        for row in range(3):
            is_word = targets["words"][row] >= 0
            num_tokens = inner.window_end[row] - inner.window_start[row]
            assert 0.3 * num_tokens - 6 <= is_word.sum() <= round(0.3 * num_tokens)
            words = TOKENIZER.decode(targets["words"][row][is_word].tolist()).split()
            assert all(word.strip(".,;") in TEXTS[row].lower() for word in words)
    assert (targets["start"] >= 0).sum(axis=1).tolist() == [1, 1, 0]  # a span with three occurrences needs two


def test_the_text_comes_back_from_what_is_masked():
    inputs, targets = batch(ReplacementMasking(0.15))
    for row in range(3):
        places = inputs["masked_places"][row][targets["words"][row] >= 0]
        assert len(places) and (np.diff(places) > 0).all()
        assert np.flatnonzero(inputs["masking"][row]).tolist() == places.tolist()
        assert (inputs["token_ids"][row][places] == targets["words"][row][: len(places)]).all()
        assert targets["replaced"][row].sum() == WINDOWS.windows.window_end[row] - WINDOWS.windows.window_start[row]
        assert targets["replaced"][row][places].all()
    assert set(inputs) == {"token_ids", "segment_ids", "padding_mask", "masking", "masked_places", "draws"}
    assert (inputs["draws"] >= 0).all() and (inputs["draws"] < 1).all() and np.unique(inputs["draws"]).size > 20


@pytest.mark.parametrize("masking", [SpanMasking(MASK), ReplacementMasking()], ids=["spans", "replaced"])
def test_a_row_depends_on_key_and_row_alone(masking):
    whole, parts = batch(masking), [batch(masking, rows=[row]) for row in range(3)]
    for kind in (0, 1):
        for name, values in whole[kind].items():
            length = min(values.shape[1], *(part[kind][name].shape[1] for part in parts))
            for row, part in enumerate(parts):
                np.testing.assert_array_equal(values[row, :length], part[kind][name][0, :length])
    other = batch(masking, (0, 1))
    assert any((whole[0][name] != other[0][name]).any() for name in whole[0])


@pytest.mark.parametrize("masking", [SpanMasking(MASK), ReplacementMasking()], ids=["spans", "replaced"])
def test_batches_go_on_from_any_step(masking):
    windows = cut_text(TEXTS * 5, TOKENIZER, 96)
    batches = text_batches(windows, masking, 4, seed=3)
    first = [next(batches) for _ in range(9)]
    later = text_batches(windows, masking, 4, seed=3, first_step=6)
    for expected, (inputs, targets) in zip(first[6:], later, strict=False):
        for name, values in (inputs | targets).items():
            np.testing.assert_array_equal(values, (expected[0] | expected[1])[name])


@pytest.mark.parametrize("masking", [SpanMasking(MASK), ReplacementMasking()], ids=["spans", "replaced"])
def test_held_out_windows_are_masked_alike_in_batches_of_any_size(masking):
    windows = cut_text(TEXTS * 3, TOKENIZER, 96)
    by_size = []
    for size in (1, 4, 9):
        rows = {}
        for chosen, inputs, targets in validation_batches(windows, masking, size):
            for row, window in enumerate(chosen.tolist()):
                rows[window] = {name: values[row] for name, values in (inputs | targets).items()}
        assert sorted(rows) == list(range(9))
        by_size.append(rows)
    for window, expected in by_size[0].items():
        for rows in by_size[1:]:
            for name, values in expected.items():
                np.testing.assert_array_equal(rows[window][name][: len(values)], values)
    same_text = [
        by_size[0][window]["words"] for window in (0, 3, 6)
    ]  # windows of equal text are masked each in its way
    assert len({tuple(words.tolist()) for words in same_text}) > 1


def test_windows_are_kept_on_disk(tmp_path, monkeypatch, capsys):
    paragraphs = [Paragraph(text, "a", "") for text in TEXTS]
    made = prepare_windows("train", paragraphs, TOKENIZER, cache_dir=tmp_path, max_length=96)
    assert "3 paragraphs, 3 windows" in capsys.readouterr().out
    monkeypatch.setattr(module, "cut_text", None)  # not made again
    read = prepare_windows("train", paragraphs, TOKENIZER, cache_dir=tmp_path, max_length=96)
    for name in ("places", "cluster_offsets", "window_offsets"):
        np.testing.assert_array_equal(getattr(read.spans, name), getattr(made.spans, name))
    np.testing.assert_array_equal(read.windows.contexts.token_ids, made.windows.contexts.token_ids)
    assert read.windows.special_ids == made.windows.special_ids
    monkeypatch.undo()
    next(tmp_path.iterdir()).write_bytes(b"damaged")
    prepare_windows("train", paragraphs, TOKENIZER, cache_dir=tmp_path, max_length=96)
    assert "unreadable cache file" in capsys.readouterr().out


def test_the_shape_that_a_token_mostly_has():
    shapes = token_shapes(WINDOWS.windows, TOKENIZER.get_vocab_size())
    assert shapes[TOKENIZER.token_to_id(".")] == 6 and shapes[TOKENIZER.token_to_id("was")] == 1
    assert shapes[TOKENIZER.token_to_id("ada")] == 2 and shapes[MASK] == 0
