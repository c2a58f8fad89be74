"""What a trained model may be called: a run directory, a published model, or a repository on the Hugging Face Hub."""

from __future__ import annotations

import os
import re
from pathlib import Path

from utils.common.errors import UserError

ZOO = Path(__file__).parents[2] / "zoo"
"""The published models, one folder each."""
HUB_PREFIX = "hf://"
PUBLISHED_FILES = (
    "README.md",
    "card.yaml",
    "config.json",
    "results.json",
    "metrics.csv",
    "best.keras",
    "tokenizer.json",
    "vocabulary.json",
    "facts.tsv",
    "items.json",
    "skills.json",
    "training_summary.npz",
    "first_stage.json",
    "words.json",
)
"""What a published folder holds, as far as a model of its task has it. Beside these it has a folder of examples."""
EXAMPLES = "examples"
MAX_DOWNLOAD_BYTES = 2**30
"""Of all files of a model on the Hub. They may come from a stranger."""
HUB_SECONDS = 10
"""How long to wait for the Hub's answer."""
_EXAMPLE_NAME = re.compile(r"\w[\w-]*(\.\w+)+")
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


def run_folder(reference: str | None) -> Path | None:
    """The folder of a run of this project; None for other checkpoints, and where there is none.

    Args:
        reference: as of `model_folder`, or the folder or the name of a checkpoint of another project.
    """
    if not reference:
        return None
    is_published = (ZOO / reference / "results.json").is_file() and not Path(reference).exists()
    if is_published or reference.startswith(HUB_PREFIX):
        return model_folder(reference)
    return Path(reference) if (Path(reference) / "best.keras").is_file() else None


def published_models() -> list[str]:
    """The names of the published models, in alphabetical order."""
    return sorted(path.parent.name for path in ZOO.glob("*/results.json"))


def download(reference: str) -> Path:
    """The folder of a repository on the Hugging Face Hub; what the local cache has is not downloaded again.

    Only the files of a published model are fetched. Without a network, the cache is used.

    Args:
        reference: `hf://owner/name`, or `hf://owner/name@revision`.

    Raises:
        UserError: the name is wrong, there is no such repository, it holds no model of this project or too large files, or the Hub
            cannot be reached.
    """
    name, _, revision = reference.removeprefix(HUB_PREFIX).partition("@")
    if not _HUB_NAME.fullmatch(reference.removeprefix(HUB_PREFIX)):
        raise UserError(f"{reference}: no name of a repository; give hf://owner/name or hf://owner/name@revision")
    from huggingface_hub import HfApi, snapshot_download

    try:
        information = HfApi().model_info(name, revision=revision or None, files_metadata=True, timeout=HUB_SECONDS)
    except Exception as error:  # the Hub's client raises many kinds, and those of the HTTP library below it
        try:
            return Path(snapshot_download(name, revision=revision or None, local_files_only=True))
        except Exception:
            reason = reason_of(error)
            raise UserError(f"{reference}: cannot be downloaded ({reason}); check the name and the network") from None
    files = {file.rfilename: file.size or 0 for file in information.siblings or () if is_published_file(file.rfilename)}
    if not {"config.json", "results.json", "best.keras"} <= set(files):
        raise UserError(
            f"{reference}: holds no published model of this project (config.json, results.json, best.keras)"
        )
    if sum(files.values()) > MAX_DOWNLOAD_BYTES:
        raise UserError(
            f"{reference}: holds {sum(files.values()):,} bytes, more than {MAX_DOWNLOAD_BYTES:,}; name another"
        )
    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=list(files)))
    except Exception as error:
        raise UserError(f"{reference}: cannot be downloaded ({reason_of(error)}); try again") from None


def is_published_file(name: str) -> bool:
    """Whether a file of a repository belongs to a published model: one of `PUBLISHED_FILES`, or an example."""
    folder, _, file = name.rpartition("/")
    is_example = folder == EXAMPLES and _EXAMPLE_NAME.fullmatch(file) is not None
    return name in PUBLISHED_FILES or is_example


def reason_of(error: Exception) -> str:
    """What the Hub's client says went wrong, in a few words."""
    words = {
        "RepositoryNotFoundError": "there is no such repository, or it is private",
        "RevisionNotFoundError": "there is no such revision",
        "OfflineModeIsEnabled": "HF_HUB_OFFLINE is set",
    }
    first_line = (str(error).strip().splitlines() or [""])[0][:200]
    return words.get(type(error).__name__) or first_line or type(error).__name__
