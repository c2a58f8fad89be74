"""Features that are kept on disk between runs."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np

from utils.common.archives import open_npz
from utils.common.files import write_atomically
from utils.squad.features import SquadFeatures, build_features
from utils.squad.stored_features import stored_features
from utils.squad.stored_questions import QuestionTable
from utils.squad.tokens import TokenizedTexts

FORMAT = 4
"""Part of the cache key: raise it when the meaning of a field of `SquadFeatures` changes."""
MANY_WIDER = 0.05
"""Fraction of labels that are wider than their answer from which on the tokenizer is questioned. Published data has 1 to 3 %."""


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
    make = stored_features if isinstance(questions, QuestionTable) else cached_features
    features = make(questions, tokenizer, cache_dir, progress=split, **settings)
    line = (
        f"{split}: {len(questions):,} questions, {len(features):,} windows, mean length {features.lengths.mean():.0f}"
    )
    num_cut = int((np.diff(features.questions.offsets) > features.question_lengths).sum())
    line += f"; {num_cut} questions cut to {features.question_lengths.max()} tokens" if num_cut else ""
    kinds = {
        "labels are wider than their answer": features.wider_labels,
        "labels are cut": features.cut_labels,
        "answers are lost": features.lost_labels,
    }
    for kind, labels in kinds.items():
        if features.num_labels and (labels or kind.endswith("answer")):
            line += f"; {len(labels):,} of {features.num_labels:,} {kind}"
            line += f" (such as {labels[0]})" if labels else ""
    if len(features.wider_labels) > MANY_WIDER * features.num_labels:
        line += "; the tokenizer cuts this text coarsely, another --tokenizer may fit it better"
    print(line, flush=True)
    return features


def describe_labels(features: SquadFeatures) -> dict[str, int]:
    """The counts of `prepare_features`, for `results.json`."""
    return {
        "labels": features.num_labels,
        "wider_than_answer": len(features.wider_labels),
        "cut": len(features.cut_labels),
        "lost": len(features.lost_labels),
    }


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
    with open_npz(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    texts = {
        group: TokenizedTexts(**{field.name: arrays[f"{group}.{field.name}"] for field in fields(TokenizedTexts)})
        for group in ("questions", "contexts")
    }
    plain = {field.name: arrays[field.name] for field in fields(SquadFeatures) if field.name in arrays}
    for name in ("num_labels", "num_separators"):
        plain[name] = int(plain[name])
    for name in ("wider_labels", "cut_labels", "lost_labels"):
        plain[name] = tuple(str(line) for line in plain[name])
    plain["special_ids"] = tuple(int(value) for value in plain["special_ids"])
    return SquadFeatures(**texts, **plain)
