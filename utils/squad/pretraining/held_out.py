"""Paragraphs that are held out of the text, whole articles at a time."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from utils.common.errors import UserError
from utils.common.splitting import hold_out
from utils.squad.pretraining.texts import Paragraph
from utils.squad.splits import MAX_ARTICLE_FRACTION

MAX_VALIDATION = 1_000
"""Paragraphs that are held out, at most: the model is scored on all of them after each epoch."""


def split_paragraphs(
    paragraphs: Sequence[Paragraph], fraction: float, seed: int
) -> tuple[list[Paragraph], list[Paragraph]]:
    """Hold out a fraction of the paragraphs, at most `MAX_VALIDATION`, drawn by a hash of the article and the seed.

    Paragraphs of one group (`group_names`) stay together.

    Returns:
        `(train, validation)`, each in the order of the text and neither empty.

    Raises:
        UserError: there is a single paragraph.
    """
    names = group_names(paragraphs)
    groups = Counter(names)
    if len(groups) < 2:
        raise UserError("--text-files: hold a single paragraph, of which none can be held out; give more text")

    def place(name):
        return hashlib.sha256(f"{seed} {name}".encode("utf-8", "surrogatepass")).digest()

    ordered = sorted(groups, key=place)
    sizes_in_order = [groups[name] for name in ordered]
    fraction = min(fraction, MAX_VALIDATION / len(paragraphs))
    parts = hold_out(sizes_in_order, {"validation": fraction}, order=range(len(ordered)))
    held_out = {ordered[number] for number in parts["validation"]} or {min(ordered, key=lambda name: groups[name])}
    return (
        [paragraph for paragraph, name in zip(paragraphs, names, strict=True) if name not in held_out],
        [paragraph for paragraph, name in zip(paragraphs, names, strict=True) if name in held_out],
    )


def group_names(paragraphs: Sequence[Paragraph]) -> list[str]:
    """The name of each paragraph's group: its article.

    An article with more than a tenth of all paragraphs, such as a file of plain text, is treated as separate paragraphs.
    """
    sizes = Counter(paragraph.article for paragraph in paragraphs)
    is_large = {article for article, size in sizes.items() if size > MAX_ARTICLE_FRACTION * len(paragraphs)}
    return [
        f"{paragraph.article} {paragraph.text}" if paragraph.article in is_large else paragraph.article
        for paragraph in paragraphs
    ]
