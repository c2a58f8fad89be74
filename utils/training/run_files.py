"""Which files a run has read, recognised by their content wherever they lie now."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from utils.common.errors import UserError

FILE_SETTINGS = ("facts", "templates", "train_files", "validation_files", "test_files", "truth")
"""The settings of the train scripts that name data files."""
SIGNAL_SETTINGS = ("cloze_files", "teachers", "teacher", "init_from", "first_stage")
"""Those that name what a training learns from beside its data. A finished run is not scored on it."""
TEXT_SETTINGS = ("text_files", "exclude_files")
"""Those of a training on text alone. A run keeps checksums of the text's parts, not of each setting."""
_BLOCK_BYTES = 2**20


def checksum_of(path: str | Path) -> str:
    """SHA-256 of a file's bytes, or of the names and bytes of all files in a folder.

    Raises:
        UserError: it cannot be read.
    """
    path, digest = Path(path), hashlib.sha256()
    try:
        if path.is_dir():
            for file in sorted(file for file in path.rglob("*") if file.is_file()):
                digest.update(f"{file.relative_to(path)} {checksum_of(file)}\n".encode())
        else:
            with open(path, "rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    digest.update(block)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); name a file that exists") from None
    return f"sha256:{digest.hexdigest()}"


def paths_of(settings: Mapping, name: str) -> list[Path]:
    """The files that a setting names."""
    value = settings.get(name) or []
    return [Path(path) for path in ([value] if isinstance(value, str | Path) else value)]


def file_checksums(settings: Mapping, names: Sequence[str] = FILE_SETTINGS) -> dict[str, dict[str, str]]:
    """Setting to file name to checksum, of all data files of a run that can be read; for `results.json`.

    Args:
        settings: the run's settings.
        names: those of them that name the files.
    """
    checksums: dict[str, dict[str, str]] = {}
    for setting in names:
        paths = [path for path in paths_of(settings, setting) if path.exists()]
        names_of_files = [path.name for path in paths]
        if paths:
            checksums[setting] = {
                path.name if names_of_files.count(path.name) == 1 else str(path): checksum_of(path) for path in paths
            }
    return checksums


def changed_data(settings: Mapping, stored: Mapping, config_file: Path) -> str:
    """The data files of a run that have changed since it began, for a message; empty where no files are named.

    A run keeps one checksum for several files. So of the files whose checksum differs those are named that were written after the
    run began, or all, if no time of a file says so.

    Args:
        settings: the settings now, with `data_checksums`.
        stored: the run's own, from its `config.json`.
        config_file: that file, which was written when the run began.
    """
    then, now = (values.get("data_checksums") or {} for values in (stored, settings))
    parts = {name for name in {**then, **now} if then.get(name) != now.get(name)}
    names = [name for name in (*FILE_SETTINGS, *SIGNAL_SETTINGS) if name.removesuffix("_files") in parts]
    if not any(paths_of(settings, name) for name in names):
        names = (*FILE_SETTINGS, *TEXT_SETTINGS)
    files = [path for name in names for path in paths_of(settings, name) if path.exists()]
    began = config_file.stat().st_mtime
    later = [path for path in files if max(file.stat().st_mtime for file in (path, *path.rglob("*"))) > began]
    named = [str(path) for path in later or files]
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")


@dataclass(frozen=True)
class DataSource:
    """What a finished run is scored on.

    Args:
        is_own: whether it is the run's own test data, so that the scores should be those of its `results.json`.
        files: setting to files. Of the run's own data these are the files of its training, from which it takes its test data as it
            did then. None at all: data that is built in.
        notes: lines on files that the run was trained on.
        absent: setting to the names of the run's own files that are nowhere to be found.
    """

    is_own: bool
    files: dict[str, list[Path]]
    notes: list[str] = field(default_factory=list)
    absent: dict[str, list[str]] = field(default_factory=dict)

    def files_of(self, split: str) -> list[Path]:
        """The files of a split, or those that it is held out of; for titles."""
        return next((self.files[name] for name in (f"{split}_files", "train_files", "facts") if name in self.files), [])

    def check_complete(self, *settings: str) -> None:
        """Check that the run's own files are there, all or those of some settings.

        Raises:
            UserError: names one that is not.
        """
        for setting in settings or FILE_SETTINGS:
            for name in self.absent.get(setting, ()):
                flag = f"--{setting}" if setting in ("facts", "templates") else "--test-files"
                raise UserError(
                    f"{name}: the run's own data, from which its test data is taken, is not where it was (or has changed); name "
                    f"it, or other data, with {flag}"
                )


def find_data(
    settings: Mapping, results: Mapping, named: Mapping[str, Sequence[Path]], split: str = "test"
) -> DataSource:
    """Find out whether files are the run's own, and where its own files are.

    Without files, the run is scored on its own test data. So it is with the very files that it took its test data from, whatever
    their names are now. Any others are new data, each of whose examples is scored.

    Args:
        settings: the run's `config.json`.
        results: its `results.json`.
        named: setting to the files that the command line names.
        split: `test`, or `validation` for that part of the run's own data.

    Raises:
        UserError: a file cannot be read, or the run has no such data of its own and none is named.
    """
    named = {name: list(files) for name, files in named.items() if files}
    paths = {checksum_of(path): path for files in named.values() for path in files}
    recorded = recorded_checksums(results["data"]) or file_checksums(settings)
    setting_of = {digest: setting for setting, files in recorded.items() for digest in files.values()}
    settings_of_named = {setting_of.get(digest) for digest in paths}
    has_split = split in results["metrics"]
    if not paths and not has_split:
        raise UserError(f"the run has no {split} data of its own; name files with --test-files")
    is_own = None not in settings_of_named
    if split == "test" and paths_of(settings, "test_files"):
        is_own = is_own and set(recorded.get("test_files", {"": ""}).values()) <= set(paths)
    elif split == "test":
        is_own = is_own and settings_of_named != {"validation_files"}
    if not paths or (has_split and is_own):
        return _own_data(settings, recorded, paths, split)
    if split != "test":
        raise UserError(f"--split {split}: is a part of the run's own data; name its files, or leave --split out")
    notes = [
        f"{path}: is one of the run's {setting_of[digest].replace('_', ' ')}, so scores on it are not those of new data"
        for digest, path in paths.items()
        if setting_of.get(digest) in ("train_files", "validation_files")
    ]
    if not recorded and any(paths_of(settings, name) for name in FILE_SETTINGS):
        notes.append("the run keeps no checksums of its files: whether it was trained on these is not known")
    return DataSource(False, named, notes)


def recorded_checksums(data: Mapping) -> dict[str, dict[str, str]]:
    """The checksums that `results.json` has of the run's files; of earlier runs of squad, those of splits of one file."""
    if "file_checksums" in data:
        return data["file_checksums"]
    files, checksums = data.get("files"), data.get("checksum")
    if not isinstance(files, dict) or not isinstance(checksums, dict):
        return {}
    return {f"{split}_files": {names[0]: checksums[split]} for split, names in files.items() if len(names) == 1}


def _own_data(settings: Mapping, recorded: Mapping, paths: Mapping[str, Path], split: str) -> DataSource:
    """The run's own data: each file is the named one of its content, or lies where the run read it."""
    files, absent = {}, {}
    for setting in FILE_SETTINGS:
        for path in paths_of(settings, setting):
            checksums = recorded.get(setting, {})
            digest = checksums.get(str(path), checksums.get(path.name))
            if digest in paths:
                files.setdefault(setting, []).append(paths[digest])
            elif path.exists() and digest in (None, checksum_of(path)):
                files.setdefault(setting, []).append(path)
            else:
                absent.setdefault(setting, []).append(path.name)
    notes = []
    if split == "test" and files.get("test_files"):
        others = [path for digest, path in paths.items() if digest not in recorded.get("test_files", {}).values()]
        notes = [f"{path}: is one of the run's other files, which are not scored; its test data are" for path in others]
    return DataSource(True, files, notes, absent)
