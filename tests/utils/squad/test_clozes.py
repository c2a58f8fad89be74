"""The command that makes questions from text, and their mixture with real questions in training batches."""

import gzip
import json
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.squad_questions import invented_questions
from utils.common.batching import BatchPart
from utils.common.errors import UserError
from utils.squad.batches import TrainingSignals, training_batches
from utils.squad.cloze_mixture import ClozeMixture, read_clozes
from utils.squad.clozes import main
from utils.squad.data import read_squad
from utils.squad.features import build_features
from utils.squad.overlap import SharedText
from utils.squad.question import Answer, Question
from utils.squad.squad_file import squad_file
from utils.squad.windows import INPUT_NAMES, assemble

MOULD = (
    "The old laboratory in Paddington was cold, and nobody cleaned its glass plates. Fleming returned to the laboratory with his "
    "notes about bacteria and mould. In September, Fleming noticed that bacteria around a mould had died."
)
BRIDGE = (
    "In the spring, Boston built a bridge over the river. A long bridge over a river was what Boston wanted most of all. Nobody "
    "else in the whole country had ever seen such a large one."
)


def run(capsys, *arguments):
    """The exit status, and what was printed."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code, capsys.readouterr()
    return 0, capsys.readouterr()


@pytest.fixture
def text(tmp_path):
    """A file of two paragraphs."""
    path = tmp_path / "text.txt"
    path.write_text(f"{MOULD}\n\n{BRIDGE}\n")
    return path


# --- the command


@pytest.mark.parametrize("name", ["clozes.json", "clozes.json.gz"])
def test_the_command_writes_questions_that_training_reads(text, tmp_path, capsys, name):
    out = tmp_path / name
    status, printed = run(capsys, "--text-files", text, "--exclude-files", "--out", out)
    questions = read_squad(out)
    assert status == 0 and f"{len(questions)} questions about 2 paragraphs" in printed.out
    assert len({question.title for question in questions}) == 2
    assert {"Fleming", "Boston"} <= {answer.text for question in questions for answer in question.answers}
    for question in questions:
        assert not any(question.context == paragraph for paragraph in (MOULD, BRIDGE))
        assert all(question.context.startswith(answer.text, answer.start) for answer in question.answers)
    again = tmp_path / f"again-{name}"
    run(capsys, "--text-files", text, "--exclude-files", "none", "--out", again)
    assert again.read_bytes() == out.read_bytes()
    assert (gzip.decompress(again.read_bytes())[:1] if name.endswith(".gz") else b"{") == b"{"


def test_paragraphs_of_test_files_are_refused_or_left_out(text, tmp_path, capsys):
    test = tmp_path / "test.json"
    excluded = Question("q", "t", f"Another text. {BRIDGE}", "Who?", (Answer("Boston", 30),))
    test.write_bytes(squad_file([excluded], is_compressed=False))
    out = tmp_path / "clozes.json"
    arguments = ("--text-files", text, "--exclude-files", test, "--out", out)
    status, printed = run(capsys, *arguments)
    assert status == 2 and not out.exists() and printed.err.count("\n") == 1
    assert "in the spring boston built a bridge over" in printed.err and "test.json" in printed.err
    status, printed = run(capsys, *arguments, "--overlap", "leave_out")
    assert status == 0 and "1 of 2 paragraphs overlap" in printed.out
    assert {question.context.split()[0] for question in read_squad(out)} == {"The"}  # of MOULD alone


@pytest.mark.parametrize(
    "change, message",
    [
        ({"--max-questions": 0}, "--max-questions 0: must be at least 1"),
        ({"--out": "nowhere/clozes.json"}, "there is no such folder"),
        ({"--out": "."}, "--out .: is a folder; name a file"),
        ({"--max-bad-fraction": 5}, "--max-bad-fraction 5.0: must be at least 0 and less than 1"),
        ({"--out": "text.txt"}, "is one of the files to read"),
        ({"--text-files": "missing.txt"}, "missing.txt: no such file"),
        ({"--text-files": "poor.txt"}, "no paragraph names something twice"),
    ],
)
def test_errors_are_one_line(text, tmp_path, capsys, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    Path("poor.txt").write_text("A sentence alone.\n")
    settings = {"--text-files": "text.txt", "--out": "clozes.json"} | change
    status, printed = run(capsys, "--exclude-files", *[part for pair in settings.items() for part in pair])
    assert status == 2 and message in printed.err and printed.err.count("\n") == 1


def test_exclude_files_must_be_named_or_said_to_be_none(text, tmp_path, capsys):
    status, printed = run(capsys, "--text-files", text, "--out", tmp_path / "clozes.json")
    assert status == 2 and "--exclude-files" in printed.err
    status, printed = run(
        capsys, "--text-files", text, "--exclude-files", "none", text, "--out", tmp_path / "clozes.json"
    )
    assert status == 2 and "none goes with no other file" in printed.err


def test_shared_text_is_eight_words_in_a_row():
    shared = SharedText(["One two three, four five six seven EIGHT nine."])
    assert shared.with_text("zero one two three four five six seven eight") == "one two three four five six seven eight"
    assert shared.with_text("one two three four five six seven") == ""
    assert shared.with_text("one two three four five six seven nine eight") == ""
    assert SharedText(["Two words"]).with_text("two words") and not SharedText(["Two words"]).with_text(
        "two words more"
    )
    assert SharedText(["", "..."]).with_text("") == ""


# --- the mixture


@dataclass
class Settings:
    """What `ClozeMixture.prepare` reads of a run's settings."""

    cloze_files: list
    cache_dir: Path
    cloze_fraction: float = 0.75
    max_bad_fraction: float = 0.05
    max_length: int = 61
    doc_stride: int = 13


@pytest.fixture(scope="module")
def world():
    return invented_questions()


@pytest.fixture(scope="module")
def features(world):
    return build_features(*world, max_length=61, doc_stride=13)


@pytest.fixture(scope="module")
def clozes(world):
    """Windows of clozes, which have the same question; one of them has two answers."""
    return build_features(cloze_records(range(1, 5)), world[1], max_length=61, doc_stride=13)


def cloze_records(sizes):
    """Questions about paragraphs of different lengths; the first one has two answers."""
    questions = []
    for size in sizes:
        context = f"{'a b c d e f g h ' * size}Boston and {'a b c ' * 3}Boston."
        starts = (context.index("B"), context.rindex("B"))[: 1 if questions else 2]
        answers = tuple(Answer("Boston", start) for start in starts)
        questions.append(Question(str(size), "", context, "cloze cloze cloze", answers))
    return questions


def cloze_rows(batch, clozes):
    """Which rows of a batch hold a cloze."""
    first = clozes.questions.token_ids[:3].tolist()
    return np.array([row[1:4].tolist() == first for row in batch["token_ids"]])


def test_a_mixture_is_none_at_the_end_and_of_the_wanted_size_before(features, clozes):
    steps = 3 * -(-len(features) // 16)
    signals = TrainingSignals(clozes=ClozeMixture.of_features(clozes, 0.75, steps))
    plain = list(islice(training_batches(features, 16, 5), steps + 1))
    mixed = list(islice(training_batches(features, 16, 5, signals=signals), steps + 1))
    parts = []
    for (inputs, targets), (own_inputs, own_targets) in zip(mixed, plain, strict=True):
        is_cloze = cloze_rows(inputs, clozes)
        parts.append(is_cloze.mean())
        assert inputs["token_ids"].shape == own_inputs["token_ids"].shape
        for name, values in inputs.items():
            assert np.array_equal(values[~is_cloze], own_inputs[name][~is_cloze])
        for end in targets:
            assert np.array_equal(targets[end][~is_cloze], own_targets[end][~is_cloze])
        for row in np.flatnonzero(is_cloze):  # the label is `Boston`, in the paragraph
            start, end = int(targets["start"][row]), int(targets["end"][row])
            span = inputs["word_ids"][row, start : end + 1]
            assert len(set(span.tolist())) == 1 and inputs["segment_ids"][row, start] == 1
            assert span[0] == clozes.contexts.word_ids[np.flatnonzero(clozes.contexts.shape_ids == 2)[0]]
    assert parts[-1] == parts[-2] == 0  # in the last step, and after it
    third = steps // 3
    first, last = np.mean(parts[:third]), np.mean(parts[2 * third : 3 * third])
    assert first == pytest.approx(0.75 * 5 / 6, abs=0.12) and last == pytest.approx(0.75 / 6, abs=0.08)


def test_a_batch_is_a_function_of_seed_and_step(features, clozes):
    signals = TrainingSignals(clozes=ClozeMixture.of_features(clozes, 0.75, 30))
    stream = list(islice(training_batches(features, 16, 5, signals=signals), 9))
    later = next(training_batches(features, 16, 5, 7, signals=signals))
    for arrays, expected in zip(later, stream[7], strict=True):
        assert all(np.array_equal(arrays[name], expected[name]) for name in expected)
    other = next(training_batches(features, 16, 6, signals=signals))
    assert not np.array_equal(other[0]["token_ids"], stream[0][0]["token_ids"])


def test_clozes_do_not_depend_on_the_padding(features, clozes, monkeypatch):
    """Some backends pad to few lengths; the same clozes are drawn there."""
    signals = TrainingSignals(clozes=ClozeMixture.of_features(clozes, 0.75, 30))
    plain = list(islice(training_batches(features, 4, 5, signals=signals), 20))
    monkeypatch.setattr("utils.squad.batches.lengths_of_batches", lambda longest: (512,))
    wide = list(islice(training_batches(features, 4, 5, signals=signals), 20))
    is_narrower = []
    for (inputs, targets), (wide_inputs, wide_targets) in zip(plain, wide, strict=True):
        length = inputs["token_ids"].shape[1]
        is_narrower.append(length < wide_inputs["token_ids"].shape[1])
        for name, values in inputs.items():
            assert np.array_equal(values, wide_inputs[name][:, :length])
        for end, values in targets.items():
            assert np.array_equal(values, wide_targets[end])
    assert all(is_narrower) and any(cloze_rows(inputs, clozes).any() for inputs, _ in plain)


def test_processes_make_their_rows_of_the_same_batch(features, clozes):
    signals = TrainingSignals(clozes=ClozeMixture.of_features(clozes, 0.75, 30))
    inputs, targets = next(training_batches(features, 16, 5, signals=signals))
    assert cloze_rows(inputs, clozes).any()
    for process in range(2):
        part = BatchPart(process, 1, 2)
        own_inputs, own_targets = next(training_batches(features, 16, 5, part=part, signals=signals))
        rows = part.rows(16)
        assert all(np.array_equal(own_inputs[name], inputs[name][rows]) for name in inputs)
        assert all(np.array_equal(own_targets[name], targets[name][rows]) for name in targets)


def test_both_copies_of_an_example_have_the_same_cloze(features, clozes):
    signals = TrainingSignals(pairs=True, clozes=ClozeMixture.of_features(clozes, 0.5, 30))
    inputs, targets = next(training_batches(features, 16, 5, signals=signals))
    is_cloze = cloze_rows(inputs, clozes)
    assert is_cloze.any() and not is_cloze.all()
    assert np.array_equal(inputs["token_ids"][::2], inputs["token_ids"][1::2])
    assert np.array_equal(targets["start"][::2], targets["start"][1::2])


def test_each_of_several_answers_is_drawn(world):
    features = build_features(cloze_records([1]), world[1], max_length=61, doc_stride=13)
    mixture = ClozeMixture.of_features(features, 1.0, 10**6)
    window = int(np.diff(features.answer_offsets).argmax())
    assert features.answer_offsets[window + 1] - features.answer_offsets[window] == 2
    mixture = replace(mixture, windows=np.array([window]))
    drawn = set()
    for step in range(40):
        inputs, spans = assemble(features, np.array([window])), np.zeros((1, 2), np.int32)
        longest = inputs["token_ids"].shape[1]
        assert mixture.replace(inputs, spans, np.zeros(1, int), (0, step), longest).all()
        drawn.add(tuple(spans[0].tolist()))
    assert drawn == {tuple(span) for span in features.answer_spans[features.answer_offsets[window] :][:2].tolist()}


def test_windows_are_drawn_among_the_longest_that_fit(world):
    features = build_features(cloze_records(range(1, 17)), world[1], max_length=400, doc_stride=13)
    mixture = ClozeMixture.of_features(features, 1.0, 10**6)
    lengths = np.sort(features.lengths)
    assert len(mixture.windows) == len(lengths) == 16
    for length in range(16 * -(-int(lengths[0]) // 16), int(lengths[-1]) + 64, 48):
        fitting, drawn = lengths[lengths <= length], set()
        for step in range(40):
            inputs = {name: np.zeros((2, length), np.int32) for name in INPUT_NAMES}
            assert mixture.replace(inputs, np.zeros((2, 2), np.int32), np.arange(2), (0, step), length).all()
            drawn |= set(inputs["padding_mask"].sum(1).tolist())
        assert drawn == set(fitting[-2:].tolist())  # an eighth of all


def test_a_batch_that_is_too_short_for_all_clozes_stays_as_it_is(clozes):
    mixture = ClozeMixture.of_features(clozes, 1.0, 10)
    inputs = {"token_ids": np.full((3, 8), 7, np.int32)}
    spans = np.ones((3, 2), np.int32)
    assert not mixture.replace(inputs, spans, np.arange(3), (0, 0), 8).any()
    assert (inputs["token_ids"] == 7).all() and (spans == 1).all()


def test_reading_leaves_out_validation_text_and_refuses_test_text(text, tmp_path, capsys, world):
    _, tokenizer = world
    out = tmp_path / "clozes.json"
    run(capsys, "--text-files", text, "--exclude-files", "--out", out)
    number = len(read_squad(out))
    settings = Settings([out], tmp_path / "cache", max_length=200)
    real = [Question("r", "t", "An unrelated paragraph.", "What?", (Answer("paragraph", 13),))]
    bridge = [Question("b", "t", f"Read this. {BRIDGE}", "What?", (Answer("Boston", 26),))]
    clozes = read_clozes(settings, {"train": bridge, "validation": real})
    mixture = ClozeMixture.prepare(settings, tokenizer, clozes, 10)
    assert len(clozes) == len(mixture.features.question_lengths) == number and mixture.fraction == 0.75
    fewer = read_clozes(settings, {"train": real, "validation": bridge})
    assert 0 < len(fewer) < number
    assert "left out, they share text with validation data" in capsys.readouterr().out
    with pytest.raises(
        UserError, match=r"--cloze-files: the cloze '\w+-\d' repeats '[a-z ]+' of a test paragraph.*--exclude-files"
    ):
        read_clozes(settings, {"train": real, "validation": real, "test": bridge})
    unlabelled = [Question("b", "t", BRIDGE, "What?", ())]  # it is not scored
    assert read_clozes(settings, {"train": real, "validation": real, "test": unlabelled}) == clozes
    out.write_text(out.read_text().replace('"question": "', '"question": "\\ud83d', 1))
    settings.max_bad_fraction = 0.5
    assert len(read_clozes(settings, {"train": real, "validation": real})) == number - 1
    assert "1 of" in (output := capsys.readouterr().out) and "lone surrogate" in output
    everything = [Question("e", "t", f"{MOULD} {BRIDGE}", "What?", (Answer("Boston", 14),))]
    with pytest.raises(UserError, match="all clozes share text with validation data"):
        read_clozes(settings, {"train": real, "validation": everything})


def test_the_file_has_the_layout_of_squad():
    question = Question("i", "t", "Ada left.", "Who left?", (Answer("Ada", 0),))
    content = json.loads(squad_file([question], is_compressed=False))
    answers = [{"text": "Ada", "answer_start": 0}]
    paragraph = {"context": "Ada left.", "qas": [{"id": "i", "question": "Who left?", "answers": answers}]}
    assert content == {"version": "1.1", "data": [{"title": "t", "paragraphs": [paragraph]}]}
