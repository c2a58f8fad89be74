"""The tokenizer of a run."""

from __future__ import annotations

from pathlib import Path

from utils.common.files import write_atomically
from utils.text.tokenization import load_tokenizer, train_tokenizer

WORDS_PER_PIECE = 80
"""Words of training text for each piece of a vocabulary whose size is not set."""
VOCABULARY_RANGE = (1_000, 16_000)


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
    file = run_dir / "tokenizer.json"
    if resume and file.exists():
        return load_tokenizer(file)
    if source:
        tokenizer = load_tokenizer(source)
    else:
        texts = dict.fromkeys(text for question in questions for text in (question.context, question.question))
        smallest, largest = VOCABULARY_RANGE
        size_for_text = min(max(sum(len(text.split()) for text in texts) // WORDS_PER_PIECE, smallest), largest)
        tokenizer = train_tokenizer(texts, vocabulary_size or size_for_text)
    write_atomically(file, tokenizer.to_str(pretty=True))
    return tokenizer
