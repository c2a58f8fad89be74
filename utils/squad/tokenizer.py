"""The tokenizer of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.files import write_atomically
from utils.squad.stored_questions import QuestionTable
from utils.text.tokenization import load_tokenizer, train_tokenizer

WORDS_PER_PIECE = 80
"""Words of training text for each piece of a vocabulary whose size is not set."""
VOCABULARY_RANGE = (1_000, 16_000)
MAX_CHARACTERS = 2**29
"""Text that a tokenizer is trained on, at most; of more text, every n-th paragraph and question. It is about 70 times what the
largest vocabulary asks for."""


def prepare_tokenizer(
    run_dir: Path, questions, source: Path | None = None, vocabulary_size: int | None = None, resume: bool = False
):
    """Load or train the tokenizer of a run, and keep it as `tokenizer.json` in its directory.

    Args:
        run_dir: the run directory; a resumed run takes the tokenizer in it.
        questions: the training questions; a tokenizer is trained on their texts where `source` is None.
        source: a tokenizer file, or a folder with one.
        vocabulary_size: pieces of a trained tokenizer; None: one for every 80 words of text, from 1,000 to 16,000.
        resume: whether the run is resumed.

    Returns:
        a `tokenizers.Tokenizer`.
    """
    if isinstance(questions, QuestionTable):
        texts = StoredTexts(questions)
    else:
        texts = dict.fromkeys(text for question in questions for text in (question.context, question.question))
    return tokenizer_for_texts(run_dir, texts, source, vocabulary_size, resume)


def tokenizer_for_texts(
    run_dir: Path,
    texts: Iterable[str],
    source: Path | None = None,
    vocabulary_size: int | None = None,
    resume: bool = False,
):
    """`prepare_tokenizer` for any texts, which can be gone through several times."""
    file = run_dir / "tokenizer.json"
    if resume and file.exists():
        return load_tokenizer(file)
    if source:
        tokenizer = load_tokenizer(source)
    else:
        smallest, largest = VOCABULARY_RANGE
        size_for_text = min(max(sum(len(text.split()) for text in texts) // WORDS_PER_PIECE, smallest), largest)
        tokenizer = train_tokenizer(texts, vocabulary_size or size_for_text)
    write_atomically(file, tokenizer.to_str(pretty=True))
    return tokenizer


def mask_id_of(tokenizer) -> int:
    """The id of the token that stands in the place of hidden ones: the tokenizer's mask token, or its unknown token.

    Raises:
        UserError: it has neither.
    """
    for name in ("[MASK]", "<mask>", getattr(tokenizer.model, "unk_token", None), "[UNK]", "<unk>"):
        if name and tokenizer.token_to_id(name) is not None:
            return tokenizer.token_to_id(name)
    raise UserError(
        "the tokenizer has neither a mask token nor an unknown token, so no word can be hidden: give another --tokenizer, or (to "
        "train_squad.py) leave out --word-dropout"
    )


class StoredTexts:
    """The different paragraphs and questions of a table. They can be gone through several times."""

    def __init__(self, questions: QuestionTable):
        store = questions.store
        contexts = questions.context_numbers()
        hashes = np.fromiter((hash(question.question) for question in questions), np.int64, len(questions))
        first = np.sort(np.unique(hashes, return_index=True)[1])
        self._questions = questions.take(questions.numbers[first])
        self._contexts = contexts
        self._texts = store.contexts
        num_characters = store.contexts.num_bytes * len(contexts) / max(len(store.contexts), 1)
        num_characters += len(first) * np.mean(questions.store.rows["question_size"])
        self._step = 1 + int(num_characters // MAX_CHARACTERS)

    def __iter__(self) -> Iterator[str]:
        for number in self._contexts[:: self._step].tolist():
            yield self._texts[number]
        for question in self._questions[:: self._step]:
            yield question.question
