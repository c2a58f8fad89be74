"""Questions to batches: tokenize, cut windows, check every label, and make batches of similar length.

A paragraph is tokenized once, however many questions it has. A window is a question with a slice of its paragraph; it becomes a
padded array only in its batch. Memory therefore stays near the size of the text itself.
"""

from __future__ import annotations

import hashlib
import io
import sys
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np

from utils.common.batching import epochs_from, length_sorted_batches, round_up
from utils.common.errors import UserError
from utils.common.files import write_atomically
from utils.squad.metrics import normalize_answer
from utils.text.tokenization import special_token_ids

FORMAT = 1
"""Part of the cache key: raise it when the meaning of a field below changes."""
LENGTH_MULTIPLE = 16
"""Batches are padded to a multiple of this length, so that few different shapes are compiled."""
POOL_BATCHES = 64
"""Batches that are sorted by length together."""
INPUT_NAMES = ("token_ids", "segment_ids", "padding_mask", "word_ids", "stem_ids", "shape_ids")


@dataclass(frozen=True)
class TokenizedTexts:
    """The tokens of many texts, in flat arrays of length `(tokens of all texts,)`.

    Args:
        offsets: `(texts + 1,)`; text `t` owns the slice `offsets[t]:offsets[t + 1]`.
        token_ids: ids of the tokenizer.
        word_ids: hash of the lower-cased word that the token is part of, never 0.
        stem_ids: hash of that word's stem, never 0.
        shape_ids: 1 lower case, 2 Capitalised, 3 CAPITALS, 4 digits, 5 digits and others, 6 punctuation, 7 other.
        starts: the token's first character in its text.
        ends: the character after its last.
    """

    offsets: np.ndarray
    token_ids: np.ndarray
    word_ids: np.ndarray
    stem_ids: np.ndarray
    shape_ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


@dataclass(frozen=True)
class SquadFeatures:
    """Windows over tokenized paragraphs, with labels.

    Args:
        questions: the tokenized questions.
        contexts: the tokenized paragraphs, each one once.
        window_question: `(windows,)`, number of the window's question.
        window_context: `(windows,)`, number of the window's paragraph.
        window_start: `(windows,)`, first of the paragraph's tokens in the window.
        window_end: `(windows,)`, the token after the last.
        question_lengths: `(questions,)`, tokens of the question that are used.
        answer_offsets: `(windows + 1,)`; window `w` owns the rows `answer_offsets[w]:answer_offsets[w + 1]` of `answer_spans`.
        answer_spans: `(spans, 2)`, first and last token of an answer, as positions in the assembled sequence. A window that does
            not hold its question's answer has the single span (0, 0), the sequence-start token.
        num_labels: answers that were labelled.
        label_mismatches: a line for each label whose text differs from its answer.
        special_ids: ids of padding, sequence start and separator.
    """

    questions: TokenizedTexts
    contexts: TokenizedTexts
    window_question: np.ndarray
    window_context: np.ndarray
    window_start: np.ndarray
    window_end: np.ndarray
    question_lengths: np.ndarray
    answer_offsets: np.ndarray
    answer_spans: np.ndarray
    num_labels: int
    label_mismatches: tuple[str, ...]
    special_ids: tuple[int, int, int]

    def __len__(self):
        return len(self.window_question)

    def context_number(self, question: int) -> int:
        """The number of a question's paragraph."""
        return int(self.window_context[np.searchsorted(self.window_question, question)])

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each assembled window, special tokens included."""
        return 3 + self.question_lengths[self.window_question] + self.window_end - self.window_start


@lru_cache(maxsize=200_000)
def _describe_word(word: str) -> tuple[int, int, int]:
    """`(word hash, stem hash, shape)` of one word as the text has it."""
    lowered = word.lower()
    if not any(character.isalnum() for character in word):
        shape = 6
    elif word.isdigit():
        shape = 4
    elif any(character.isdigit() for character in word):
        shape = 5
    elif word.islower():
        shape = 1
    elif word.isupper() and len(word) > 1:
        shape = 3
    else:
        shape = 2 if word[0].isupper() else 7
    return _hash(lowered), _hash(_stemmer().stemWord(lowered)), shape


@lru_cache(maxsize=1)
def _stemmer():
    import snowballstemmer

    return snowballstemmer.stemmer("english")


def _hash(text: str) -> int:
    return (zlib.crc32(text.encode("utf-8", "surrogatepass")) & 0x7FFFFFFF) or 1


def tokenize(texts: list[str], tokenizer, progress: str | None = None, chunk: int = 2048) -> TokenizedTexts:
    """Tokenize texts in parallel, without special tokens, and describe the word that each token is part of.

    Args:
        texts: texts to tokenize.
        tokenizer: `tokenizers.Tokenizer`.
        progress: words to show before the counts on a terminal; None is silent.
        chunk: texts that are tokenized together.
    """
    columns = {name: [] for name in ("token_ids", "word_ids", "stem_ids", "shape_ids", "starts", "ends")}
    lengths = [0]
    for first in range(0, len(texts), chunk):
        part = texts[first : first + chunk]
        rows = {name: [] for name in columns}
        for text, encoding in zip(part, tokenizer.encode_batch(part, add_special_tokens=False), strict=True):
            offsets = encoding.offsets
            words, previous, description = encoding.word_ids, -1, (1, 1, 7)
            lengths.append(len(offsets))
            rows["token_ids"] += encoding.ids
            for position, (word, (start, end)) in enumerate(zip(words, offsets, strict=True)):
                if word is None or word != previous:
                    last = position
                    while word is not None and last + 1 < len(words) and words[last + 1] == word:
                        last += 1
                    description = _describe_word(text[start : offsets[last][1]].strip())
                    previous = word
                rows["word_ids"].append(description[0])
                rows["stem_ids"].append(description[1])
                rows["shape_ids"].append(description[2])
                # An accent that is a character of its own belongs to its letter, but tokenizers leave it out.
                while end < len(text) and unicodedata.combining(text[end]):
                    end += 1
                rows["starts"].append(start)
                rows["ends"].append(end)
        for name, values in rows.items():
            columns[name].append(np.asarray(values, np.int32))
        if progress and sys.stdout.isatty():
            done = first + len(part)
            print(f"\r{progress}: {done:,} of {len(texts):,}", end="\n" if done == len(texts) else "", flush=True)
    flat = {name: np.concatenate(parts) if parts else np.zeros(0, np.int32) for name, parts in columns.items()}
    return TokenizedTexts(offsets=np.cumsum(np.asarray(lengths, np.int64)), **flat)


def build_features(
    questions,
    tokenizer,
    max_length: int,
    doc_stride: int,
    max_question_length: int = 64,
    labelled: bool = True,
    progress: str | None = None,
) -> SquadFeatures:
    """Cut every question's paragraph into windows of at most `max_length` tokens.

    A window reads `[CLS] question [SEP] slice of the paragraph [SEP]`.

    Args:
        questions: `utils.squad.data.Question` records.
        tokenizer: `tokenizers.Tokenizer`.
        max_length: longest window in tokens, with question and special tokens.
        doc_stride: tokens by which neighbouring windows overlap.
        max_question_length: tokens that a question is cut to.
        labelled: also find the answers' token spans, and check each one: the text under the labelled tokens must equal the
            answer after SQuAD's normalisation.
        progress: words to show before the counts on a terminal; None is silent.

    Raises:
        UserError: there is no room for the paragraph, or more than 1 % of the labels differ from their answer.
    """
    special_ids = special_token_ids(tokenizer)
    context_index: dict[str, int] = {}
    window_question, window_context, window_start, window_end = [], [], [], []
    answer_offsets, answer_spans, num_labels = [0], [], 0
    mismatches, uncovered = [], []
    context_numbers = np.asarray([context_index.setdefault(q.context, len(context_index)) for q in questions], np.int32)
    tokenized_questions = tokenize([q.question for q in questions], tokenizer, progress and f"{progress}: questions")
    question_lengths = np.minimum(np.diff(tokenized_questions.offsets), max_question_length).astype(np.int32)
    if max_length - 3 - int(question_lengths.max(initial=0)) <= doc_stride:
        raise UserError(
            f"--max-length {max_length} leaves no room beside a question of {question_lengths.max()} tokens and a "
            f"--doc-stride of {doc_stride}: raise the one or lower the others"
        )
    contexts = tokenize(list(context_index), tokenizer, progress and f"{progress}: paragraphs")
    for number, question in enumerate(questions):
        context = int(context_numbers[number])
        begin, stop = contexts.offsets[context], contexts.offsets[context + 1]
        starts, ends = contexts.starts[begin:stop], contexts.ends[begin:stop]
        room = max_length - 3 - int(question_lengths[number])
        spans = []
        if labelled and not question.is_impossible:
            for answer in dict.fromkeys(question.answers):
                span = _token_span(starts, ends, answer)
                num_labels += 1
                text = question.context[starts[span[0]] : ends[span[1]]] if span else ""
                if normalize_answer(text) != normalize_answer(answer.text):
                    mismatches.append(f"{question.id}: labelled tokens read {text!r}, the answer is {answer.text!r}")
                if span:
                    spans.append(span)
        first, covered = 0, set()
        while True:
            last = min(first + room, stop - begin)
            window_question.append(number)
            window_context.append(context)
            window_start.append(first)
            window_end.append(last)
            shift = 2 + int(question_lengths[number]) - first
            inside = {(a + shift, b + shift) for a, b in spans if a >= first and b < last}
            covered |= {(a - shift, b - shift) for a, b in inside}
            answer_spans += sorted(inside) or [(0, 0)]
            answer_offsets.append(len(answer_spans))
            if last == stop - begin:
                break
            first = last - doc_stride
        for a, b in set(spans) - covered:
            uncovered.append(f"{question.id}: no window holds the whole answer of {b - a + 1} tokens")
    if labelled and len(mismatches) > 0.01 * num_labels:
        raise UserError(
            f"{len(mismatches)} of {num_labels} labels differ from their answer's text (first: {mismatches[0]}); "
            "the tokenizer splits words too coarsely for these answers: name another with --tokenizer"
        )
    return SquadFeatures(
        questions=tokenized_questions,
        contexts=contexts,
        window_question=np.asarray(window_question, np.int32),
        window_context=np.asarray(window_context, np.int32),
        window_start=np.asarray(window_start, np.int32),
        window_end=np.asarray(window_end, np.int32),
        question_lengths=question_lengths,
        answer_offsets=np.asarray(answer_offsets, np.int64),
        answer_spans=np.asarray(answer_spans, np.int32).reshape(-1, 2),
        num_labels=num_labels,
        label_mismatches=tuple(mismatches + uncovered),
        special_ids=special_ids,
    )


def _token_span(starts, ends, answer) -> tuple[int, int] | None:
    """The first and last token that overlap an answer's characters, without surrounding white space."""
    begin = answer.start + len(answer.text) - len(answer.text.lstrip())
    stop = begin + len(answer.text.strip())
    first = int(np.searchsorted(ends, begin, side="right"))
    last = int(np.searchsorted(starts, stop, side="left")) - 1
    return (first, last) if first <= last else None


def prepare_features(
    split: str, questions, tokenizer, *, cache_dir: str | Path, max_length: int, doc_stride: int
) -> SquadFeatures:
    """Make the features of one split, labelled for `train`, and print what they are.

    Args:
        split: `train`, `validation` or `test`.
        questions: `utils.squad.data.Question` records.
        tokenizer: `tokenizers.Tokenizer`.
        cache_dir: folder in which features are kept.
        max_length: longest window in tokens.
        doc_stride: tokens by which neighbouring windows overlap.
    """
    settings = {"max_length": max_length, "doc_stride": doc_stride, "labelled": split == "train"}
    features = cached_features(questions, tokenizer, cache_dir, progress=split, **settings)
    line = (
        f"{split}: {len(questions):,} questions, {len(features):,} windows, mean length {features.lengths.mean():.0f}"
    )
    num_cut = int((np.diff(features.questions.offsets) > features.question_lengths).sum())
    line += f"; {num_cut} questions cut to {features.question_lengths.max()} tokens" if num_cut else ""
    if features.num_labels:
        mismatches = features.label_mismatches
        line += f"; {len(mismatches)} of {features.num_labels:,} labels differ from their answer"
        line += f" (such as {mismatches[0]})" if mismatches else ""
    print(line, flush=True)
    return features


def cached_features(questions, tokenizer, cache_dir: str | Path, progress: str | None = None, **settings):
    """`build_features`, kept on disk under a key made of the records, the tokenizer and the settings."""
    digest = hashlib.sha256(repr((FORMAT, sorted(settings.items()))).encode())
    digest.update(tokenizer.to_str().encode())
    for question in questions:
        record = (question.id, question.question, question.context, question.answers, question.is_impossible)
        digest.update(repr(record).encode("utf-8", "surrogatepass"))
    path = Path(cache_dir) / f"squad-{digest.hexdigest()[:20]}.npz"
    if path.exists():
        try:
            return load_features(path)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            print(f"{path}: unreadable cache file, built again")
    features = build_features(questions, tokenizer, progress=progress, **settings)
    try:
        save_features(features, path)
    except OSError as error:
        print(f"{path}: cannot keep the tokenized data ({error.strerror}); the next run will build it again")
    return features


def save_features(features: SquadFeatures, path: Path) -> None:
    """Write features to one `.npz` file, atomically."""
    arrays = {}
    for field in fields(features):
        value = getattr(features, field.name)
        if isinstance(value, TokenizedTexts):
            arrays |= {f"{field.name}.{inner.name}": getattr(value, inner.name) for inner in fields(value)}
        else:
            arrays[field.name] = np.asarray(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # not compressed: reading stays quick
    write_atomically(path, buffer.getbuffer())


def load_features(path: Path) -> SquadFeatures:
    """Read what `save_features` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    texts = {
        group: TokenizedTexts(**{field.name: arrays[f"{group}.{field.name}"] for field in fields(TokenizedTexts)})
        for group in ("questions", "contexts")
    }
    plain = {field.name: arrays[field.name] for field in fields(SquadFeatures) if field.name in arrays}
    plain["num_labels"] = int(plain["num_labels"])
    plain["label_mismatches"] = tuple(str(line) for line in plain["label_mismatches"])
    plain["special_ids"] = tuple(int(value) for value in plain["special_ids"])
    return SquadFeatures(**texts, **plain)


def assemble(features: SquadFeatures, windows: np.ndarray) -> dict[str, np.ndarray]:
    """Make the model's inputs for some windows.

    Args:
        features: all windows.
        windows: numbers of the windows in this batch.

    Returns:
        int32 arrays `(batch, sequence)` by the names `INPUT_NAMES`; the sequence is as long as the longest window, rounded up to
        `LENGTH_MULTIPLE`. Padded places hold 0, and in `token_ids` the tokenizer's padding id.
    """
    padding_id, start_id, separator_id = features.special_ids
    length = padded_length(int(features.lengths[windows].max()))
    batch = {name: np.zeros((len(windows), length), np.int32) for name in INPUT_NAMES}
    batch["token_ids"][:] = padding_id
    for row, window in enumerate(windows):
        question, context = features.window_question[window], features.window_context[window]
        question_begin = features.questions.offsets[question]
        question_length = features.question_lengths[question]
        context_begin = features.contexts.offsets[context] + features.window_start[window]
        context_length = features.window_end[window] - features.window_start[window]
        question_place = slice(1, 1 + question_length)
        context_place = slice(2 + question_length, 2 + question_length + context_length)
        last = 2 + question_length + context_length
        for name in ("token_ids", "word_ids", "stem_ids", "shape_ids"):
            question_values, context_values = getattr(features.questions, name), getattr(features.contexts, name)
            batch[name][row, question_place] = question_values[question_begin : question_begin + question_length]
            batch[name][row, context_place] = context_values[context_begin : context_begin + context_length]
        batch["token_ids"][row, [0, 1 + question_length, last]] = (start_id, separator_id, separator_id)
        batch["segment_ids"][row, 2 + question_length : last + 1] = 1
        batch["padding_mask"][row, : last + 1] = 1
    return batch


def padded_length(length: int) -> int:
    """The length that `assemble` pads a batch to whose longest window has this many tokens."""
    return round_up(length, LENGTH_MULTIPLE)


def batch_order(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The windows of one training epoch in batches of similar length: a pure function of its arguments."""
    return length_sorted_batches(lengths, batch_size, np.random.default_rng((seed, epoch)), POOL_BATCHES)


def training_batches(features: SquadFeatures, batch_size: int, seed: int, first_step: int = 0):
    """Yield `(inputs, targets)` without end, beginning at global step `first_step`; the same step is always the same batch.

    Targets are `{"start": (batch,), "end": (batch,)}`. Of several reference answers, each epoch draws one.
    """
    lengths, steps_per_epoch = features.lengths, -(-len(features) // batch_size)
    counts = np.diff(features.answer_offsets)
    for epoch, first in epochs_from(first_step, steps_per_epoch):
        draws = np.random.default_rng((seed, epoch, 1)).random(len(features))
        spans = features.answer_spans[features.answer_offsets[:-1] + (draws * counts).astype(np.int64)]
        for windows in batch_order(lengths, batch_size, seed, epoch)[first:]:
            yield assemble(features, windows), {"start": spans[windows, 0], "end": spans[windows, 1]}
