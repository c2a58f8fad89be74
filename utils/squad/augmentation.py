"""Training windows with hidden words and exchanged names, so that fewer of them are learned by heart.

Hidden words are word dropout (Iyyer et al. 2015): here a word becomes the tokenizer's mask token. Exchanged names are the type
swaps of Raiman and Miller 2017 ("Globally Normalized Reader"), with the shape of a word in the place of its type.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.squad.features import SquadFeatures
from utils.squad.random_bits import as_fraction, key_of_batch, mixed_bits
from utils.squad.tokenizer import mask_id_of
from utils.squad.tokens import CAPITALISED, CAPITALS, DIGITS, PUNCTUATION, TokenizedTexts

CAPITALISED_FRACTION = 0.8
"""A capitalised word is a name if it is capitalised in at least this fraction of its places inside sentences."""
MAX_TOKENS = 2**23
"""Tokens of the paragraphs that names are taken from, at most; these take 2 seconds and 0.5 GB for a moment."""
STREAM = 3
"""Keeps these draws apart from others of the same seed and step."""


@dataclass(frozen=True)
class Names:
    """Names and numbers that may take each other's places. Those of one group stand together.

    Args:
        word_ids: `(names,)`, in ascending order, for looking up.
        places: `(names,)`, the place of each in the arrays below.
        group_starts, group_sizes: `(names,)`, the first place of the name's group, and the names in it, two or more.
        lengths: `(names,)`, its tokens.
        token_ids: `(names, most tokens)`, its tokens, then zeros.
    """

    word_ids: np.ndarray
    places: np.ndarray
    group_starts: np.ndarray
    group_sizes: np.ndarray
    lengths: np.ndarray
    token_ids: np.ndarray


@dataclass(frozen=True)
class Augmentation:
    """Changes the tokens of training windows. What it does to a row depends on the key and the number of the row alone.

    Args:
        word_dropout: fraction of the words that are hidden.
        hidden_id: the token that stands in the place of each token of a hidden word.
        name_swap: fraction of the names and numbers of a window that become others.
        names: all names; None if `name_swap` is 0.
    """

    word_dropout: float
    hidden_id: int
    name_swap: float
    names: Names | None

    @classmethod
    def prepare(cls, features: SquadFeatures, tokenizer, word_dropout: float, name_swap: float) -> Augmentation:
        """Gather the names of the training text.

        Args:
            features: those of the training questions.
            tokenizer: `tokenizers.Tokenizer`.
            word_dropout: fraction of the words to hide, 0-1.
            name_swap: fraction of the names and numbers to exchange, 0-1.

        Raises:
            UserError: words are to be hidden, and the tokenizer has neither a mask token nor an unknown token.
        """
        hidden_id = mask_id_of(tokenizer) if word_dropout else 0
        return cls(word_dropout, hidden_id, name_swap, gather_names(features.contexts) if name_swap else None)

    def apply(self, inputs: dict[str, np.ndarray], rows: np.ndarray, key: tuple[int, int]) -> None:
        """Change `inputs["token_ids"]` in place. Words, stems and shapes stay, and with them which words match.

        A word is a run of neighbouring tokens with the same word id. Special tokens and padding stay.

        Args:
            inputs: of `utils.squad.windows.assemble`, int32 `(rows, length)`.
            rows: `(rows,)`, the number of each row in the whole batch.
            key: seed and step.
        """
        token_ids, word_ids = inputs["token_ids"], inputs["word_ids"]
        length = word_ids.shape[1]
        is_first = np.ones(word_ids.shape, bool)
        np.not_equal(word_ids[:, 1:], word_ids[:, :-1], out=is_first[:, 1:])
        firsts = np.flatnonzero(is_first)
        lengths = np.diff(firsts, append=word_ids.size)
        is_word = word_ids.ravel()[firsts] != 0
        firsts, lengths = firsts[is_word], lengths[is_word]
        row, place = np.divmod(firsts, length)
        row_keys = mixed_bits(key_of_batch(key, STREAM), np.asarray(rows))[row]
        if self.name_swap:
            self._swap_names(token_ids, word_ids.ravel()[firsts], firsts, lengths, row_keys)
        if self.word_dropout:
            is_hidden = as_fraction(mixed_bits(row_keys, place)) < self.word_dropout
            token_ids.ravel()[_positions(firsts[is_hidden], lengths[is_hidden])] = self.hidden_id

    def _swap_names(self, token_ids, word_ids, firsts, lengths, row_keys) -> None:
        """Exchange names in `token_ids`; the other arguments are those of its words, `(words,)`.

        Within a group, all names of a window move on by the same number of places, so that different ones stay different.
        """
        names = self.names
        if not len(names.word_ids):
            return
        number = np.minimum(np.searchsorted(names.word_ids, word_ids), len(names.word_ids) - 1)
        name = names.places[number]
        is_swapped = (names.word_ids[number] == word_ids) & (names.lengths[name] == lengths)
        is_swapped &= as_fraction(mixed_bits(~row_keys, word_ids)) < self.name_swap
        name, firsts, lengths, row_keys = (values[is_swapped] for values in (name, firsts, lengths, row_keys))
        start, size = names.group_starts[name], names.group_sizes[name]
        shift = 1 + (as_fraction(mixed_bits(row_keys, ~start)) * (size - 1)).astype(np.int64)
        other = start + (name - start + shift) % size
        positions = _positions(firsts, lengths)
        piece = positions - np.repeat(firsts, lengths)
        token_ids.ravel()[positions] = names.token_ids[np.repeat(other, lengths), piece]


def gather_names(texts: TokenizedTexts) -> Names:
    """The names and numbers of texts, in groups of the same shape and number of tokens.

    A name is a capitalised word of two characters or more which is rarely written otherwise, where no sentence can begin: not
    at the beginning of a text, and not after a punctuation mark. Numbers of one group also have the same number of digits.

    Args:
        texts: the paragraphs.
    """
    stop = int(texts.offsets[np.searchsorted(texts.offsets, MAX_TOKENS, side="right") - 1])
    word_ids, shapes = texts.word_ids[:stop], texts.shape_ids[:stop]
    begins_text = np.zeros(stop + 1, bool)
    begins_text[texts.offsets[texts.offsets <= stop]] = True
    is_first = begins_text[:stop].copy()
    is_first[1:] |= word_ids[1:] != word_ids[:-1]
    firsts = np.flatnonzero(is_first)
    lengths = np.diff(firsts, append=stop)
    follows_mark = begins_text[firsts] | (shapes[firsts - 1] == PUNCTUATION)
    characters = texts.ends[firsts + lengths - 1] - texts.starts[firsts]
    word_ids, shapes = word_ids[firsts], shapes[firsts]

    is_capitalised = (shapes == CAPITALISED) | (shapes == CAPITALS)
    kinds, kind = np.unique(word_ids, return_inverse=True)
    counts = np.bincount(kind, ~follows_mark, len(kinds))
    capitalised = np.bincount(kind, is_capitalised & ~follows_mark, len(kinds))
    is_name_kind = (counts > 0) & (capitalised >= CAPITALISED_FRACTION * counts)
    is_name = is_capitalised & ~follows_mark & (characters > 1) & is_name_kind[kind]
    candidates = np.flatnonzero(is_name | (shapes == DIGITS))
    word_ids, chosen = np.unique(word_ids[candidates], return_index=True)  # as it is written first
    chosen = candidates[chosen]

    digits = np.where(shapes[chosen] == DIGITS, characters[chosen], 0)
    description = np.column_stack([shapes[chosen], lengths[chosen], digits])
    _, group, sizes = np.unique(description, axis=0, return_inverse=True, return_counts=True)
    group = group.ravel()
    has_others = sizes[group] > 1
    word_ids, chosen, group = word_ids[has_others], chosen[has_others], group[has_others]
    order = np.argsort(group, kind="stable")
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    chosen, group = chosen[order], group[order]
    token_ids = np.zeros((len(chosen), int(lengths[chosen].max(initial=0))), np.int32)
    for piece in range(token_ids.shape[1]):
        is_longer = lengths[chosen] > piece
        token_ids[is_longer, piece] = texts.token_ids[firsts[chosen[is_longer]] + piece]
    starts = np.searchsorted(group, group)
    return Names(word_ids, places, starts, sizes[group], lengths[chosen], token_ids)


def _positions(firsts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The positions of all tokens of some words, from their first token and their number of tokens."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(firsts - before, lengths) + np.arange(int(lengths.sum()))
