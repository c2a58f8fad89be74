"""modules.json, in which a folder of sentence-transformers lists the steps from a text to its vector."""

from __future__ import annotations

import re
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import read_json
from utils.text.pretrained.files import check_is_the_file, path_within


def read_modules(folder: Path) -> list[tuple[str, Path]]:
    """The kind of each step, such as `Pooling`, and the folder of its settings, in order; empty where there is no modules.json.

    Raises:
        UserError: modules.json cannot be used, or names code that is not a part of sentence-transformers.
    """
    file = folder / "modules.json"
    if not file.is_file():
        return []
    check_is_the_file(file)
    modules = read_json(file)
    steps = []
    for module in modules if isinstance(modules, list) else [None]:
        kind = module.get("type") if isinstance(module, dict) else None
        if not isinstance(kind, str):
            raise UserError(f"{file}: must be a list of modules with a type each; download it again")
        if not kind.startswith("sentence_transformers."):
            raise UserError(
                f"{file}: the step {kind[:80]!r} is code of its own, which is not run; name another checkpoint"
            )
        steps.append((kind.rpartition(".")[2], path_within(folder, module.get("path", ""), file)))
    return steps


def modules_by_name(folder: Path) -> list[tuple[str, Path]]:
    """The steps that folders like `1_Pooling` stand for, where modules.json is missing."""
    named = [(re.fullmatch(r"(\d+)_(Pooling|Dense|Normalize)", path.name), path) for path in folder.glob("[0-9]*_*")]
    ordered = sorted((int(match[1]), match[2], path) for match, path in named if match)
    return [(kind, path) for _, kind, path in ordered]


def encoder_folder(folder: Path) -> Path:
    """The folder with the encoder's config.json: the folder itself, or the one within it that modules.json names (`0_BERT`).

    Raises:
        UserError: modules.json cannot be used.
    """
    kind, place = next(iter(read_modules(folder)), ("", folder))
    return place if kind == "Transformer" and (place / "config.json").is_file() else folder
