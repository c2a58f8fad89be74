"""Windows of text without a question, "[CLS] [SEP] text [SEP]", and what can be masked in them; kept on disk between runs."""

from __future__ import annotations

import hashlib
import io
import itertools
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from utils.common.archives import open_npz
from utils.common.errors import UserError
from utils.common.files import write_atomically
from utils.squad.pretraining.recurring_spans import RecurringSpans, find_recurring_spans, first_tokens
from utils.squad.pretraining.texts import Paragraph
from utils.squad.tokens import NUM_SHAPES, TokenizedTexts, tokenize
from utils.squad.windows import Windows
from utils.text.tokenization import separators_between, special_token_ids

FORMAT = 1
"""Part of the cache key: raise it when the meaning of a field changes."""
MIN_TOKENS = 16
"""Tokens of text in a window, at least: less is no context."""


@dataclass(frozen=True)
class TextWindows:
    """Windows over paragraphs of text.

    Args:
        windows: the windows; their one question is empty. `window_context` is the number of the paragraph.
        is_first: bool `(tokens of all paragraphs,)`, whether a token is the first one of its word.
        spans: the recurring spans of each window.
    """

    windows: Windows
    is_first: np.ndarray
    spans: RecurringSpans

    def __len__(self):
        return len(self.windows)


def cut_text(paragraphs: Sequence[str], tokenizer, max_length: int, progress: str | None = None) -> TextWindows:
    """Cut each paragraph into windows of at most `max_length` tokens, as equal in length as can be, that do not overlap.

    A paragraph of fewer than `MIN_TOKENS` tokens has no window.

    Args:
        paragraphs: the texts.
        tokenizer: `tokenizers.Tokenizer`.
        max_length: longest window in tokens, special tokens included.
        progress: words to show before the counts on a terminal; None is silent.

    Raises:
        UserError: no paragraph has `MIN_TOKENS` tokens.
    """
    contexts = tokenize(paragraphs, tokenizer, progress)
    num_separators = separators_between(tokenizer)
    room = max_length - 2 - num_separators
    numbers, starts, ends = [], [], []
    for number, length in enumerate(np.diff(contexts.offsets).tolist()):
        num_parts = max(1, -(-length // room))
        borders = [length * part // num_parts for part in range(num_parts + 1)]
        for start, end in itertools.pairwise(borders):
            if end - start >= MIN_TOKENS:
                numbers.append(number)
                starts.append(start)
                ends.append(end)
    if not numbers:
        raise UserError(f"--text-files: no paragraph has {MIN_TOKENS} tokens; give longer texts")
    windows = Windows(
        questions=tokenize([""], tokenizer),
        contexts=contexts,
        window_question=np.zeros(len(numbers), np.int32),
        window_context=np.asarray(numbers, np.int32),
        window_start=np.asarray(starts, np.int32),
        window_end=np.asarray(ends, np.int32),
        question_lengths=np.zeros(1, np.int32),
        special_ids=special_token_ids(tokenizer),
        num_separators=num_separators,
    )
    return TextWindows(windows, first_tokens(contexts), find_recurring_spans(windows))


def prepare_windows(
    split: str, paragraphs: Sequence[Paragraph], tokenizer, *, cache_dir: str | Path, max_length: int
) -> TextWindows:
    """`cut_text`, kept on disk under a key made of the texts, the tokenizer and the length. Prints what the windows are.

    Args:
        split: `train` or `validation`.
        paragraphs: the paragraphs of the split.
        tokenizer, max_length: as for `cut_text`.
        cache_dir: folder in which windows are kept.
    """
    texts = [paragraph.text for paragraph in paragraphs]
    digest = hashlib.sha256(repr((FORMAT, max_length)).encode())
    digest.update(tokenizer.to_str().encode())
    for text in texts:
        digest.update(repr(text).encode("utf-8", "surrogatepass"))
    path = Path(cache_dir) / f"squad-text-{digest.hexdigest()[:20]}.npz"
    text_windows = _load(path) if path.exists() else None
    if text_windows is None:
        text_windows = cut_text(texts, tokenizer, max_length, split)
        try:
            _save(text_windows, path)
        except OSError as error:
            print(f"{path}: cannot keep the tokenized text ({error.strerror}); the next run will build it again")
    windows, spans = text_windows.windows, text_windows.spans
    num_short = len(texts) - len(np.unique(windows.window_context))
    num_tokens = int((windows.window_end - windows.window_start).sum())
    print(
        f"{split}: {len(texts):,} paragraphs, {len(windows):,} windows, {num_tokens:,} tokens, "
        f"{len(spans.cluster_offsets) - 1:,} recurring spans with {len(spans.places):,} occurrences"
        + (f"; {num_short:,} paragraphs of fewer than {MIN_TOKENS} tokens are left out" if num_short else ""),
        flush=True,
    )
    return text_windows


def token_shapes(windows: Windows, vocabulary_size: int) -> np.ndarray:
    """The shape that each token mostly has in the text, int `(vocabulary_size,)`; 0 for one that is not in it."""
    counts = np.zeros((vocabulary_size, NUM_SHAPES), np.int64)
    np.add.at(counts, (windows.contexts.token_ids, windows.contexts.shape_ids), 1)
    return counts.argmax(axis=1)


def _save(text_windows: TextWindows, path: Path) -> None:
    """Write windows to one `.npz` file, atomically."""
    windows, arrays = text_windows.windows, {"is_first": text_windows.is_first}
    for name in ("questions", "contexts"):
        texts = getattr(windows, name)
        arrays |= {f"{name}.{field.name}": getattr(texts, field.name) for field in fields(texts)}
    arrays |= {f"spans.{field.name}": getattr(text_windows.spans, field.name) for field in fields(RecurringSpans)}
    plain = [field.name for field in fields(Windows) if field.name not in ("questions", "contexts")]
    arrays |= {name: np.asarray(getattr(windows, name)) for name in plain}
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # not compressed: reading stays quick
    write_atomically(path, buffer.getbuffer())


def _load(path: Path) -> TextWindows | None:
    """Read what `_save` wrote; None where the file is damaged."""
    try:
        with open_npz(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        texts = {
            name: TokenizedTexts(**{field.name: arrays[f"{name}.{field.name}"] for field in fields(TokenizedTexts)})
            for name in ("questions", "contexts")
        }
        plain = {field.name: arrays[field.name] for field in fields(Windows) if field.name in arrays}
        plain["special_ids"] = tuple(int(value) for value in plain["special_ids"])
        plain["num_separators"] = int(plain["num_separators"])
        spans = RecurringSpans(**{field.name: arrays[f"spans.{field.name}"] for field in fields(RecurringSpans)})
        return TextWindows(Windows(**texts, **plain), arrays["is_first"], spans)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        print(f"{path}: unreadable cache file, built again")
        return None
