"""Checks of settings that every train script makes."""

import math

from utils.common.errors import UserError


def as_flag(name: str, off: bool = False) -> str:
    """A setting's name as it is typed: `batch_size` is `--batch-size`; to turn it off, `--no-batch-size`."""
    return ("--no-" if off else "--") + name.replace("_", "-")


def check_ranges(config, *, less_than_1: str = "", more_than_0: str = "", at_least_0: str = "") -> None:
    """Tell of the first number that is out of its range; what is None is not looked at.

    Args:
        config: has the settings as attributes.
        less_than_1, more_than_0, at_least_0: names of settings, separated by spaces, whose numbers must be finite, and from 0 to
            less than 1; more than 0; 0 or more.

    Raises:
        UserError: one is not.
    """
    for names, fits, words in (
        (less_than_1, lambda value: 0 <= value < 1, "at least 0 and less than 1"),
        (more_than_0, lambda value: 0 < value < math.inf, "finite and more than 0"),
        (at_least_0, lambda value: 0 <= value < math.inf, "finite and 0 or more"),
    ):
        for name in names.split():
            value = getattr(config, name)
            if value is not None and not fits(value):
                raise UserError(f"{as_flag(name)} {value}: must be {words}")


def check_held_out(config, what: str) -> None:
    """Tell of files for validation or test without those for training, and of a split that would be left without anything.

    Args:
        config: has `NAME_files` for `train`, `validation` and `test`, and `NAME_fraction` for the last two.
        what: is held out, in words.

    Raises:
        UserError: either is so.
    """
    for name in ("validation", "test"):
        files = getattr(config, f"{name}_files")
        if files and not config.train_files:
            raise UserError(f"--{name}-files goes with --train-files")
        if not files and not getattr(config, f"{name}_fraction"):
            raise UserError(f"--{name}-fraction 0.0: leaves no {name} {what}; give --{name}-files or more than 0")


def weighted_parts(flag: str, texts: list[str], parts: tuple[str, ...]) -> dict[str, float]:
    """The weights of a sum, from `name=weight` or `name`, which is `name=1`.

    Raises:
        UserError: a name that is not of `parts`, a weight that is no number of 0 or more, or none above 0.
    """
    found = {}
    for text in texts:
        name, _, weight = text.partition("=")
        try:
            found[name] = float(weight or 1)
        except ValueError:
            found[name] = math.nan
        if name not in parts or not 0 <= found[name] < math.inf:
            raise UserError(f"{flag} {text}: wants one of {', '.join(parts)}, and perhaps = and a weight of 0 or more")
    if not sum(found.values()) > 0:
        raise UserError(f"{flag} {' '.join(texts)}: all weights are 0; give one more than that")
    return found
