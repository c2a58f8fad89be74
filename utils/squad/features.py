"""From questions to batches: tokenize once, cut windows, check every label, assemble length-bucketed batches.

A paragraph is tokenized once however many questions it has, and windows are (question, slice of paragraph) pairs that
become padded arrays only when their batch is asked for. So memory stays near the size of the text itself.
"""

from __future__ import annotations

import hashlib
import os
import sys
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.squad.evaluation import normalize_answer
from utils.text.tokenization import special_token_ids

FORMAT = 1  # part of the cache key: raise it when the meaning of a field below changes
LENGTH_MULTIPLE = 16  # batches are padded to a multiple of this, so that compiled shapes stay few
INPUT_NAMES = ("token_ids", "segment_ids", "padding_mask", "word_ids", "stem_ids", "shape_ids")


@dataclass(frozen=True)
class TokenizedTexts:
    """Ragged token arrays of many texts, stored flat. Text `t` owns the slice `offsets[t]:offsets[t + 1]`.

    `word_ids` and `stem_ids` are hashes: equal where the lower-cased word (or its stem) is the same, never 0.
    `shape_ids`: 1 lower case, 2 Capitalised, 3 CAPITALS, 4 digits, 5 digits mixed, 6 punctuation, 7 other.
    `starts`, `ends`: character range of each token in its text.
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

    `window_question`, `window_context`: indices of the window's question and paragraph. `window_start`, `window_end`:
    its slice of the paragraph's tokens. `question_lengths`: the question's tokens that are kept.
    `answer_offsets`: window `w` owns the rows `answer_offsets[w]:answer_offsets[w + 1]` of `answer_spans`
    (first and last token, in positions of the assembled sequence). A window without its question's answer has the single
    span (0, 0), the sequence-start token.
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

    def window_context_of(self, question: int) -> int:
        """The paragraph's index of a question's windows."""
        return int(self.window_context[np.searchsorted(self.window_question, question)])

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each assembled window, special tokens included."""
        return 3 + self.question_lengths[self.window_question] + self.window_end - self.window_start


@lru_cache(maxsize=200_000)
def _describe_word(word: str) -> tuple[int, int, int]:
    """(word hash, stem hash, shape) of one word as it stands in the text."""
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
    """Tokenize texts in parallel (no special tokens), describing the word that each token belongs to."""
    columns = {name: [] for name in ("token_ids", "word_ids", "stem_ids", "shape_ids", "starts", "ends")}
    lengths = [0]
    for first in range(0, len(texts), chunk):
        part = texts[first : first + chunk]
        rows = {name: [] for name in columns}
        for text, encoding in zip(part, tokenizer.encode_batch(part, add_special_tokens=False), strict=True):
            offsets = encoding.offsets
            words, previous, described = encoding.word_ids, -1, (1, 1, 7)
            lengths.append(len(offsets))
            rows["token_ids"] += encoding.ids
            for position, (word, (start, end)) in enumerate(zip(words, offsets, strict=True)):
                if word is None or word != previous:
                    last = position
                    while word is not None and last + 1 < len(words) and words[last + 1] == word:
                        last += 1
                    described = _describe_word(text[start : offsets[last][1]].strip())
                    previous = word
                rows["word_ids"].append(described[0])
                rows["stem_ids"].append(described[1])
                rows["shape_ids"].append(described[2])
                # An accent written as a character of its own belongs to its letter, which tokenizers leave out.
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
    max_length: int = 384,
    doc_stride: int = 128,
    max_question_length: int = 64,
    labelled: bool = True,
    progress: str | None = None,
) -> SquadFeatures:
    """Cut every question's paragraph into windows of at most `max_length` tokens.

    A window reads `[CLS] question [SEP] paragraph slice [SEP]`; neighbouring windows share `doc_stride` tokens.

    Args:
        questions: `utils.squad.data.Question` records.
        labelled: also find the answers' token spans, and check each one: the text under the labelled tokens must equal the
            answer's after SQuAD's normalisation.
        progress: words to show before the counts on a terminal; None is silent.

    Raises:
        UserError: no room for any paragraph token, or more than 1 % of the labels do not give back their answer.
    """
    special_ids = special_token_ids(tokenizer)
    context_index: dict[str, int] = {}
    window_question, window_context, window_start, window_end = [], [], [], []
    answer_offsets, answer_spans, num_labels = [0], [], 0
    mismatches, uncovered = [], []
    owner = np.asarray([context_index.setdefault(q.context, len(context_index)) for q in questions], np.int32)
    asked = tokenize([q.question for q in questions], tokenizer, progress and f"{progress}: questions")
    question_lengths = np.minimum(np.diff(asked.offsets), max_question_length).astype(np.int32)
    if max_length - 3 - int(question_lengths.max(initial=0)) <= doc_stride:
        raise UserError(
            f"--max-length {max_length} leaves no room beside a question of {question_lengths.max()} tokens and a "
            f"--doc-stride of {doc_stride}: raise the one or lower the others"
        )
    contexts = tokenize(list(context_index), tokenizer, progress and f"{progress}: paragraphs")
    for number, question in enumerate(questions):
        context = int(owner[number])
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
        first, found = 0, set()
        while True:
            last = min(first + room, stop - begin)
            window_question.append(number)
            window_context.append(context)
            window_start.append(first)
            window_end.append(last)
            shift = 2 + int(question_lengths[number]) - first
            inside = {(a + shift, b + shift) for a, b in spans if a >= first and b < last}
            found |= {(a - shift, b - shift) for a, b in inside}
            answer_spans += sorted(inside) or [(0, 0)]
            answer_offsets.append(len(answer_spans))
            if last == stop - begin:
                break
            first = last - doc_stride
        for a, b in set(spans) - found:
            uncovered.append(f"{question.id}: no window holds the whole answer of {b - a + 1} tokens")
    if labelled and len(mismatches) > 0.01 * num_labels:
        raise UserError(
            f"{len(mismatches)} of {num_labels} labels do not give back their answer's text (first: {mismatches[0]}); "
            "the tokenizer cuts words too coarsely for these answers: name another with --tokenizer"
        )
    return SquadFeatures(
        questions=asked,
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
    """The first and last token that overlap an answer's characters (surrounding white space left out)."""
    begin = answer.start + len(answer.text) - len(answer.text.lstrip())
    stop = begin + len(answer.text.strip())
    first = int(np.searchsorted(ends, begin, side="right"))
    last = int(np.searchsorted(starts, stop, side="left")) - 1
    return (first, last) if first <= last else None


def cached_features(questions, tokenizer, cache_dir: str | Path, progress: str | None = None, **settings):
    """`build_features`, kept on disk under a key of the records, the tokenizer and the settings."""
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
        print(f"{path}: could not keep the tokenized data ({error.strerror}); it will be built again next time")
    return features


def save_features(features: SquadFeatures, path: Path) -> None:
    """Write features to one `.npz`; a crash leaves no half file under the final name."""
    arrays = {}
    for field in fields(features):
        value = getattr(features, field.name)
        if isinstance(value, TokenizedTexts):
            arrays |= {f"{field.name}.{inner.name}": getattr(value, inner.name) for inner in fields(value)}
        else:
            arrays[field.name] = np.asarray(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            np.savez(file, **arrays)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
    """The model's inputs for some windows: int32 arrays of shape (batch, longest length rounded up), padding 0."""
    padding_id, start_id, separator_id = features.special_ids
    longest = int(features.lengths[windows].max())
    length = padded_length(longest)
    batch = {name: np.zeros((len(windows), length), np.int32) for name in INPUT_NAMES}
    batch["token_ids"][:] = padding_id
    for row, window in enumerate(windows):
        question, context = features.window_question[window], features.window_context[window]
        q_begin = features.questions.offsets[question]
        q_length = features.question_lengths[question]
        c_begin = features.contexts.offsets[context] + features.window_start[window]
        c_length = features.window_end[window] - features.window_start[window]
        q_place = slice(1, 1 + q_length)
        c_place = slice(2 + q_length, 2 + q_length + c_length)
        for name in ("token_ids", "word_ids", "stem_ids", "shape_ids"):
            batch[name][row, q_place] = getattr(features.questions, name)[q_begin : q_begin + q_length]
            batch[name][row, c_place] = getattr(features.contexts, name)[c_begin : c_begin + c_length]
        batch["token_ids"][row, [0, 1 + q_length, 2 + q_length + c_length]] = (start_id, separator_id, separator_id)
        batch["segment_ids"][row, 2 + q_length : 3 + q_length + c_length] = 1
        batch["padding_mask"][row, : 3 + q_length + c_length] = 1
    return batch


def padded_length(length: int) -> int:
    """What `assemble` pads a longest window of this many tokens to."""
    return -(-length // LENGTH_MULTIPLE) * LENGTH_MULTIPLE


def batch_order(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Windows of one training epoch in batches of similar length: a pure function of its arguments.

    Windows are shuffled, sorted by length within pools of 64 batches, and the batches are shuffled again.
    """
    rng = np.random.default_rng((seed, epoch))
    order = rng.permutation(len(lengths))
    pool = 64 * batch_size
    pools = [order[first : first + pool] for first in range(0, len(order), pool)]
    order = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in pools])
    batches = [order[first : first + batch_size] for first in range(0, len(order), batch_size)]
    rng.shuffle(batches)
    return batches


def training_batches(features: SquadFeatures, batch_size: int, seed: int, first_step: int = 0):
    """Yield `(inputs, targets)` for ever, from global step `first_step` on; the same step is always the same batch.

    Targets are `{"start": (batch,), "end": (batch,)}`. Of several reference answers, each epoch draws one.
    """
    lengths = features.lengths
    steps = -(-len(features) // batch_size)
    epoch, skip = divmod(first_step, steps)
    while True:
        draws = np.random.default_rng((seed, epoch, 1)).random(len(features))
        counts = np.diff(features.answer_offsets)
        chosen = features.answer_spans[features.answer_offsets[:-1] + (draws * counts).astype(np.int64)]
        for windows in batch_order(lengths, batch_size, seed, epoch)[skip:]:
            spans = chosen[windows]
            yield assemble(features, windows), {"start": spans[:, 0], "end": spans[:, 1]}
        epoch, skip = epoch + 1, 0
