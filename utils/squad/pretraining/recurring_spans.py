"""Spans of words that occur more than once in a window of text (Ram et al. 2021, section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.squad.english import FUNCTION_WORDS
from utils.squad.tokens import DIGITS, PUNCTUATION, TokenizedTexts, word_id
from utils.squad.windows import Windows

MAX_WORDS = 6
"""Words of a span, at most. The paper takes 10; in paragraphs longer repetitions are rare."""


@dataclass(frozen=True)
class RecurringSpans:
    """The recurring spans of some windows. No two of them share a token.

    Args:
        places: int32 `(occurrences, 2)`, first and last token of each, counted from the first token of the window's text.
        cluster_offsets: `(clusters + 1,)`; the occurrences of the same span are the slice
            `cluster_offsets[c]:cluster_offsets[c + 1]`, two or more.
        window_offsets: `(windows + 1,)`; window `w` owns the clusters `window_offsets[w]:window_offsets[w + 1]`.
    """

    places: np.ndarray
    cluster_offsets: np.ndarray
    window_offsets: np.ndarray

    def clusters(self, window: int) -> list[np.ndarray]:
        """The occurrences of each recurring span of a window, `(occurrences, 2)` for each."""
        first, last = self.window_offsets[window], self.window_offsets[window + 1]
        return [self.places[self.cluster_offsets[c] : self.cluster_offsets[c + 1]] for c in range(first, last)]


def find_recurring_spans(windows: Windows) -> RecurringSpans:
    """Find the spans of up to six words that occur twice or more in their window, in any letter case.

    A span has no punctuation mark, and begins and ends with a word that is neither a function word (of English) nor a single
    letter. Longer spans come first: what is part of one is not part of a shorter one.
    """
    texts = windows.contexts
    is_first = first_tokens(texts)
    word_of_token = np.cumsum(is_first) - 1
    firsts = np.flatnonzero(is_first)  # of each word, its first token
    lasts = np.append(firsts[1:], len(is_first)) - 1
    ids = texts.word_ids[firsts].astype(np.uint64)
    is_word = texts.shape_ids[firsts] != PUNCTUATION
    is_digit = texts.shape_ids[firsts] == DIGITS
    is_border = is_word & ~np.isin(ids, [word_id(word) for word in FUNCTION_WORDS])
    is_border &= is_digit | (texts.ends[lasts] - texts.starts[firsts] > 1)
    # The window of each word; -1 for words that are in none, or cut by its border.
    window_of_word = np.full(len(firsts), -1, np.int64)
    token_starts = texts.offsets[windows.window_context] + windows.window_start
    token_ends = texts.offsets[windows.window_context] + windows.window_end
    for window, (start, end) in enumerate(zip(token_starts.tolist(), token_ends.tolist(), strict=True)):
        if start < end:
            window_of_word[word_of_token[start] : word_of_token[end - 1] + 1] = window
    owner = np.maximum(window_of_word, 0)
    is_cut = (window_of_word >= 0) & ((firsts < token_starts[owner]) | (lasts >= token_ends[owner]))
    window_of_word[is_cut] = -1

    taken = np.zeros(len(firsts), bool)
    clusters: list[tuple[int, list[int], int]] = []  # window, first word of each occurrence, number of words
    for num_words in range(MAX_WORDS, 0, -1):
        for starts in _repeated_runs(ids, window_of_word, is_word, is_border, taken, num_words):
            occurrences: list[int] = []
            for start in starts.tolist():
                is_free = not occurrences or start >= occurrences[-1] + num_words
                if is_free and not taken[start : start + num_words].any():
                    occurrences.append(start)
            if len(occurrences) > 1:
                for start in occurrences:
                    taken[start : start + num_words] = True
                clusters.append((int(window_of_word[occurrences[0]]), occurrences, num_words))
    clusters.sort()
    starts = np.array([start for _, occurrences, _ in clusters for start in occurrences], np.int64)
    stops = np.array([start + size - 1 for _, occurrences, size in clusters for start in occurrences], np.int64)
    base = token_starts[window_of_word[starts]]
    sizes = np.array([len(occurrences) for _, occurrences, _ in clusters], np.int64)
    counts = np.bincount(np.array([window for window, _, _ in clusters], np.int64), minlength=len(windows))
    return RecurringSpans(
        places=np.stack([firsts[starts] - base, lasts[stops] - base], axis=1).astype(np.int32),
        cluster_offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        window_offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
    )


def first_tokens(texts: TokenizedTexts) -> np.ndarray:
    """Whether each token is the first one of its word, bool `(tokens,)`: neighbours of one word touch each other."""
    is_first = np.ones(len(texts.token_ids), bool)
    is_first[1:] = (texts.word_ids[1:] != texts.word_ids[:-1]) | (texts.starts[1:] != texts.ends[:-1])
    is_first[texts.offsets[:-1][np.diff(texts.offsets) > 0]] = True
    return is_first


def _repeated_runs(ids, window_of_word, is_word, is_border, taken, num_words: int) -> list[np.ndarray]:
    """The first words of runs of `num_words` words that stand twice or more in a window, each in ascending order."""
    if len(ids) < num_words:
        return []
    count = len(ids) - num_words + 1
    is_candidate = is_border[:count] & is_border[num_words - 1 :] & (window_of_word[:count] >= 0)
    is_candidate &= window_of_word[:count] == window_of_word[num_words - 1 :]
    hashes = np.zeros(count, np.uint64)
    for place in range(num_words):
        part = slice(place, place + count)
        is_candidate &= is_word[part] & ~taken[part]
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + ids[part]  # wraps around
    starts = np.flatnonzero(is_candidate)
    order = np.lexsort((starts, hashes[starts], window_of_word[starts]))
    starts = starts[order]
    if not len(starts):
        return []
    is_new = np.ones(len(starts), bool)
    is_new[1:] = (np.diff(hashes[starts]) != 0) | (np.diff(window_of_word[starts]) != 0)
    group = np.cumsum(is_new) - 1
    repeats = np.bincount(group)[group] > 1
    starts, group = starts[repeats], group[repeats]
    return np.split(starts, np.flatnonzero(np.diff(group)) + 1) if len(starts) else []
