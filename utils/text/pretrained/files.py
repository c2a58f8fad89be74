"""The folder of a pretrained checkpoint, from the disk or the hub, and the JSON settings in it."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from utils.common.errors import UserError
from utils.common.files import read_json

DOWNLOADED = ["*.json", "*.safetensors", "*vocab.txt", "*merges.txt"]
"""Files of a hub's repository that are downloaded: settings, weights and tokenizers, in folders within it too."""
_NOT_THE_FILE = {
    b"version https://git-lfs.github.com/spec/": "is a Git LFS pointer, not the file itself; run `git lfs install` and "
    "`git lfs pull` in that folder, or download the file again",
    b"<!doctype html": "is a web page, not the file itself; download it with its link to the raw file (`resolve`, not `blob`)",
    b"<html": "is a web page, not the file itself; download it with its link to the raw file (`resolve`, not `blob`)",
}
"""How files begin that stand in the place of the real one, and what to do."""


def checkpoint_folder(name_or_folder: str | Path) -> Path:
    """The folder of a checkpoint.

    Args:
        name_or_folder: a folder, or a name on the Hugging Face hub (`distilbert-base-uncased`, `owner/name`). A checkpoint of
            the hub is downloaded on first use.

    Raises:
        UserError: there is neither such a folder nor such a name on the hub, or no network.
    """
    folder, name = Path(name_or_folder), str(name_or_folder)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise UserError(f"{name}: is a file; name the checkpoint's folder")
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", name):
        raise UserError(f"{name}: no such folder; name one with config.json and model.safetensors")
    from huggingface_hub import snapshot_download

    try:
        local_copy = Path(snapshot_download(name, allow_patterns=DOWNLOADED))
    except Exception as error:  # the hub's errors come from several libraries
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{name}: no such folder, and cannot be downloaded from the hub ({type(error).__name__}: {reason[:300]}); "
            "check the name and the network, or name a folder with config.json and model.safetensors"
        ) from None
    if not list(local_copy.rglob("*.safetensors")):
        raise UserError(
            f"{name}: has no model.safetensors on the hub; convert it where you trust it: "
            "AutoModel.from_pretrained(NAME).save_pretrained(FOLDER), and name the folder"
        )
    return local_copy


def check_is_the_file(file: Path) -> None:
    """Check that a file is not a Git LFS pointer or a web page that stands in its place.

    Raises:
        UserError: it is, or it cannot be read.
    """
    if file.exists() and not file.is_file():
        raise UserError(f"{file}: is no file; check the path")
    try:
        with open(file, "rb") as opened:
            start = opened.read(64).lstrip().lower()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); check the path") from None
    for beginning, advice in _NOT_THE_FILE.items():
        if start.startswith(beginning):
            raise UserError(f"{file}: {advice}")


def read_settings(file: Path) -> dict:
    """The settings in a JSON file.

    Raises:
        UserError: the file cannot be read, or holds no JSON object.
    """
    check_is_the_file(file)
    settings = read_json(file)
    if not isinstance(settings, dict):
        raise UserError(f"{file}: must be a JSON object with settings; download it again")
    return settings


def read_optional_settings(file: Path) -> dict:
    """As `read_settings`, but empty where there is no such file."""
    return read_settings(file) if file.is_file() else {}


def read_flag(file: Path, settings: dict, name: str) -> bool | None:
    """A setting that is true or false, also as a text or as 1 or 0; None where it is not set.

    Args:
        file: the file of the settings, for messages.
        settings: its content.
        name: the setting.

    Raises:
        UserError: it is neither.
    """
    value = settings.get(name)
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in ("true", "1", "false", "0"):
        raise UserError(f"{file}: {name} must be true or false, but is {str(value)[:80]!r}; correct it")
    return word in ("true", "1")


def path_within(folder: Path, path, named_in: Path) -> Path:
    """The file or folder within a checkpoint's folder that one of its files names.

    Args:
        folder: the checkpoint's folder.
        path: the path as the file has it; the empty path is the folder itself.
        named_in: the file that names it, for messages.

    Raises:
        UserError: the path is no text or leads out of the folder.
    """
    parts = PurePosixPath(path).parts if isinstance(path, str) else ("..",)
    is_name = all(re.fullmatch(r"[^\0\\/\ud800-\udfff]{1,100}", part) and part != ".." for part in parts)
    if not is_name:
        raise UserError(f"{named_in}: names {str(path)[:80]!r}, which is not within its folder; correct it")
    return folder.joinpath(*parts)
