"""Read a script's settings from its command line, and show them in groups with `--help`."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import inspect
import os
import re
import textwrap
from pathlib import Path
from types import NoneType
from typing import Annotated, get_args, get_type_hints

from utils.common.errors import UserError
from utils.training.settings import as_flag

GROUPS = ("data", "model", "training", "extra_training_signal", "output", "machines")
"""The groups of settings, in the order in which `--help` shows them."""
_BANNER = re.compile(r"\s*# --- (\w+)\b")


def parse_command_line(config_class: type, description: str | None = None):
    """The settings of a script, as an instance of its dataclass.

    A comment `# --- model` in the source of the dataclass begins a group of settings (see `GROUPS`); those above the first such
    comment are data. The text below a field is its help.

    Args:
        config_class: a dataclass.
        description: what `--help` says above the settings.

    Raises:
        UserError: there is no such flag (the message names the nearest one), or a flag names one file twice.
        SystemExit: `--help`, or a value that a setting cannot have, which is printed.
    """
    import tyro

    settings = setting_groups(config_class)
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    hints = get_type_hints(config_class, include_extras=True)
    parts = {}
    for group in GROUPS:
        names = [name for name, (group_of_setting, _) in settings.items() if group_of_setting == group]
        if names:
            members = [
                (name, _annotated(fields[name], hints[name], settings[name][1]), _default(fields[name]))
                for name in names
            ]
            parts[group] = dataclasses.make_dataclass(group, members, kw_only=True, namespace={"__doc__": ""})
    nested_class = dataclasses.make_dataclass("Settings", parts.items())
    nested, unknown = tyro.cli(
        nested_class, description=description, return_unknown_args=True, config=(tyro.conf.OmitArgPrefixes,)
    )
    if unknown:
        similar = difflib.get_close_matches(unknown[0], map(as_flag, settings), 1)
        hint = f"did you mean {similar[0]}? " if similar else ""
        raise UserError(f"{unknown[0]}: no such flag or argument; {hint}--help lists them all")
    values = {name: value for group in parts for name, value in vars(getattr(nested, group)).items()}
    for name, value in values.items():
        if isinstance(value, list):
            check_named_once(as_flag(name), [path for path in value if isinstance(path, Path)])
    return config_class(**values)


def check_named_once(flag: str, paths: list[Path]) -> None:
    """Check that a flag names each file once: else its records would count twice.

    Raises:
        UserError: a file is named twice.
    """
    place_of_file: dict[str, Path] = {}
    for path in paths:
        if (first := place_of_file.setdefault(os.path.realpath(path), path)) is not path:
            as_name = "" if str(path) == str(first) else f" (as {first} too)"
            raise UserError(f"{flag}: {path} is named twice{as_name}; name it once")


def setting_groups(config_class: type) -> dict[str, tuple[str, str]]:
    """The group and the help of each setting of a dataclass, from its source and those of the classes that it inherits.

    A class's own settings come first, in the order of its source.

    >>> from utils.training.settings import CachedRunConfig
    >>> setting_groups(CachedRunConfig)["epochs"]
    ('training', 'Passes over the training data, at most.')
    """
    groups = {}
    for cls in config_class.__mro__[:-1]:
        source = textwrap.dedent(inspect.getsource(cls))
        body = ast.parse(source).body[0].body
        banners = [
            (number, match[1]) for number, line in enumerate(source.splitlines(), 1) if (match := _BANNER.match(line))
        ]
        for statement, following in zip(body, [*body[1:], None], strict=True):
            if isinstance(statement, ast.AnnAssign):
                above = [name for number, name in banners if number < statement.lineno]
                groups.setdefault(statement.target.id, (above[-1] if above else GROUPS[0], _text_of(following)))
    return groups


def _text_of(statement: ast.stmt | None) -> str:
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return " ".join(str(statement.value.value).split()) if is_text else ""


def _annotated(field: dataclasses.Field, hint, text: str):
    """A setting's type with its help. A default of nothing (None, an empty list or text) is not shown."""
    import tyro

    is_positional = tyro.conf.Positional[str].__metadata__[0] in getattr(hint, "__metadata__", ())
    default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    is_shown = default not in (None, "", [])
    settings = {"help": text, "metavar": field.name.upper() if is_positional else _metavar(hint)}
    return Annotated[hint, tyro.conf.arg(**settings, help_behavior_hint=None if is_shown else "")]


def _metavar(hint) -> str | None:
    """What `--help` shows in the place of a value that may be None: the others alone. None where tyro's own words do."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    if NoneType not in get_args(hint) or len(kinds) != 1:
        return None
    choices = (True, False) if kinds[0] is bool else get_args(kinds[0])
    return f"{{{','.join(map(str, choices))}}}" if choices else kinds[0].__name__.upper()


def _default(field: dataclasses.Field):
    if field.default_factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=field.default_factory)
    return dataclasses.field() if field.default is dataclasses.MISSING else dataclasses.field(default=field.default)
