"""Features of questions that do not fit into memory: built block by block, and kept in files that are mapped into memory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.files import temporary_name, write_json
from utils.squad.features import SquadFeatures, build_features
from utils.squad.stored_questions import QuestionTable
from utils.squad.tokens import TokenizedTexts

FORMAT = 1
"""Part of the cache key: raise it when the meaning of a file changes."""
QUESTIONS_AT_ONCE = 16_384
GROUPS = ("questions", "contexts")
DESCRIPTION = "features.json"


def stored_features(
    questions: QuestionTable, tokenizer, cache_dir: str | Path, progress: str | None = None, **settings
) -> SquadFeatures:
    """`build_features`, kept in a folder of the cache under a key made of the records, the tokenizer and the settings.

    The arrays are those of `build_features`, in narrower numbers where these hold all values.

    Args:
        questions: the questions.
        tokenizer: `tokenizers.Tokenizer`.
        cache_dir: folder of the cache.
        progress: words to show before the count on a terminal; None is silent.
        settings: the other arguments of `build_features`.

    Raises:
        UserError: as for `build_features`, or the folder cannot be written to.
    """
    digest = hashlib.sha256(repr((FORMAT, sorted(settings.items()))).encode())
    digest.update(tokenizer.to_str().encode())
    digest.update(np.ascontiguousarray(questions.numbers).tobytes())
    for block in questions.store.content():
        digest.update(block)
    folder = Path(cache_dir) / f"squad-{digest.hexdigest()[:20]}"
    if folder.exists():
        try:
            return load_stored_features(folder)
        except (OSError, ValueError, KeyError, TypeError):
            print(f"{folder}: unreadable cache, built again")
            shutil.rmtree(folder, ignore_errors=True)
    unfinished = temporary_name(folder)
    try:
        unfinished.mkdir(parents=True)
        _build(questions, tokenizer, unfinished, progress, settings)
        try:
            os.replace(unfinished, folder)
        except OSError:
            if not folder.exists():  # else another process was faster
                raise
        return load_stored_features(folder)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot keep the tokenized data there ({error.strerror}); name another --cache-dir"
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def load_stored_features(folder: Path) -> SquadFeatures:
    """Map what `stored_features` wrote into memory.

    Raises:
        OSError, ValueError, KeyError, TypeError: it is damaged.
    """
    description = json.loads((folder / DESCRIPTION).read_text())
    arrays = {}
    for name, (dtype, *shape) in description["arrays"].items():
        values = np.memmap(folder / name, dtype, "r") if 0 not in shape else np.zeros(0, dtype)
        arrays[name] = np.asarray(values).reshape(shape)  # a plain array is quicker to index than a memory map
    texts = {
        group: TokenizedTexts(**{field.name: arrays.pop(f"{group}.{field.name}") for field in fields(TokenizedTexts)})
        for group in GROUPS
    }
    labels = {name: tuple(lines) for name, lines in description["labels"].items()}
    special_ids = tuple(description["special_ids"])
    counts = {name: description[name] for name in ("num_labels", "num_separators")}
    return SquadFeatures(**texts, **arrays, **labels, **counts, special_ids=special_ids)


def _build(questions: QuestionTable, tokenizer, folder: Path, progress: str | None, settings: dict) -> None:
    """Write the features of all questions to a folder."""
    widest = max(questions.store.contexts.longest_bytes, int(questions.column("question_size").max()))
    place = np.uint16 if widest < 2**16 else np.int32
    token_id = np.uint16 if max(tokenizer.get_vocab().values()) < 2**16 else np.int32
    narrow = {"token_ids": token_id, "shape_ids": np.int8, "starts": place, "ends": place}
    columns = _Columns(folder)
    new_number = np.full(len(questions.store.contexts), -1, np.int32)  # of each paragraph, in the order of the windows
    before = {"contexts": 0, "spans": 0, "tokens of questions": 0, "tokens of contexts": 0}
    labels: dict[str, list[str]] = {"wider_labels": [], "cut_labels": [], "lost_labels": []}
    num_labels = 0
    for name in ("questions.offsets", "contexts.offsets", "answer_offsets"):
        columns.add(name, np.zeros(1, np.int64))
    for start in range(0, len(questions), QUESTIONS_AT_ONCE):
        block = questions[start : start + QUESTIONS_AT_ONCE]
        features = build_features(list(block), tokenizer, **settings)
        contexts = block.context_numbers()  # build_features numbers them in the same order
        is_new = new_number[contexts] < 0
        new_number[contexts[is_new]] = before["contexts"] + np.arange(is_new.sum())
        for group, is_kept in (("questions", np.ones(len(block), bool)), ("contexts", is_new)):
            texts = getattr(features, group)
            lengths = np.diff(texts.offsets)
            is_kept_token = np.repeat(is_kept, lengths)
            for field in fields(TokenizedTexts)[1:]:
                values = getattr(texts, field.name)[is_kept_token]
                columns.add(f"{group}.{field.name}", values.astype(narrow.get(field.name, np.int32)))
            columns.add(f"{group}.offsets", before[f"tokens of {group}"] + np.cumsum(lengths[is_kept]))
            before[f"tokens of {group}"] += int(is_kept_token.sum())
        columns.add("window_question", features.window_question + np.int32(start))
        columns.add("window_context", new_number[contexts][features.window_context])
        for name in ("window_start", "window_end", "question_lengths", "answer_spans"):
            columns.add(name, getattr(features, name))
        columns.add("answer_offsets", before["spans"] + features.answer_offsets[1:])
        before["spans"] += len(features.answer_spans)
        before["contexts"] += int(is_new.sum())
        num_labels += features.num_labels
        for name, lines in labels.items():
            lines += getattr(features, name)
        if progress and sys.stdout.isatty():
            done = start + len(block)
            print(
                f"\r{progress}: {done:,} of {len(questions):,}", end="\n" if done == len(questions) else "", flush=True
            )
    description = {"arrays": columns.close(), "labels": labels, "num_labels": num_labels}
    description |= {"special_ids": features.special_ids, "num_separators": features.num_separators}
    write_json(folder / DESCRIPTION, description)


class _Columns:
    """Arrays that grow in files of a folder, and end up in their full length on the disk."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._files = {}
        self._arrays: dict[str, list] = {}  # name to dtype and shape

    def add(self, name: str, values: np.ndarray) -> None:
        """Append some rows to an array."""
        if name not in self._files:
            self._files[name] = open(self._folder / name, "wb")  # noqa: SIM115 (`close` closes it)
            self._arrays[name] = [values.dtype.str, 0, *values.shape[1:]]
        self._arrays[name][1] += len(values)
        self._files[name].write(np.ascontiguousarray(values).data)

    def close(self) -> dict[str, list]:
        """Write what is left; the type and shape of each array."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
            file.close()
        return self._arrays
