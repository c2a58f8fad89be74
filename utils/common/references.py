"""What a trained model may be called: a run directory, a published model, or a repository on the Hugging Face Hub."""

from __future__ import annotations

import os
import re
from pathlib import Path

from utils.common.errors import UserError

ZOO = Path(__file__).parents[2] / "zoo"
"""The published models, one folder each."""
HUB_PREFIX = "hf://"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def model_folder(reference: str | Path) -> Path:
    """The folder that holds a trained model.

    A path that exists comes first; then a published model of that name; `hf://owner/name` and `hf://owner/name@revision` are
    downloaded, once.

    Args:
        reference: a run directory, the name of a published model, or `hf://owner/name`.

    Raises:
        UserError: there is no such model, or it cannot be downloaded.
    """
    name = os.fspath(reference)
    if name.startswith(HUB_PREFIX):
        return download(name)
    path = Path(name)
    if path.exists():
        return path
    if name in published_models():
        return ZOO / name
    if path.name == name:
        published = ", ".join(published_models()) or "none"
        raise UserError(f"{name}: no finished run there, and no published model of that name (there are: {published})")
    raise UserError(f"{name}: no finished run there; name the --run-dir of a training, or a published model")


def published_models() -> list[str]:
    """The names of the published models, in alphabetical order."""
    return sorted(path.parent.name for path in ZOO.glob("*/results.json"))


def download(reference: str) -> Path:
    """The folder of a repository on the Hugging Face Hub, which is downloaded unless the local cache has it.

    Args:
        reference: `hf://owner/name`, or `hf://owner/name@revision`.

    Raises:
        UserError: the name is wrong, there is no such repository, or the Hub cannot be reached.
    """
    name, _, revision = reference.removeprefix(HUB_PREFIX).partition("@")
    if not _HUB_NAME.fullmatch(reference.removeprefix(HUB_PREFIX)):
        raise UserError(f"{reference}: no name of a repository; give hf://owner/name or hf://owner/name@revision")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision or None))
    except Exception as error:  # the Hub's client raises many kinds, and those of the HTTP library below it
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{reference}: cannot be downloaded ({reason}); check the name and the network") from None
