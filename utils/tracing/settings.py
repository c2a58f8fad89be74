"""Settings of `train_tracing.py`: what they mean for reading, and checks."""

from __future__ import annotations

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.tracing.columns import parse_columns
from utils.tracing.data import ResponseFormat
from utils.tracing.sequences import MAX_CATEGORIES
from utils.tracing.splits import HeldOut, ResponseData, read_files, simulate
from utils.training.settings import as_flag, check_common, check_ranges


def format_of_files(config) -> ResponseFormat:
    """How the files are read, from the settings of `train_tracing.py`."""
    return ResponseFormat(parse_columns(config.columns), config.expand_skills, config.credit_levels)


def held_out_students(config) -> HeldOut:
    """Which students are held out, from the settings of `train_tracing.py`."""
    return HeldOut(
        validation_fraction=config.validation_fraction,
        test_fraction=config.test_fraction,
        folds=config.folds,
        fold=config.fold,
        limit=config.limit,
        seed=config.split_seed,
    )


def load_data(config, reading: Reading) -> ResponseData:
    """The students by split, from files or a simulation, by the settings of `train_tracing.py`.

    Args:
        config: has the settings as attributes.
        reading: counts records of files that cannot be used.

    Raises:
        UserError: a file is not usable, or a split would be empty.
    """
    held_out = held_out_students(config)
    if not config.train_files:
        return simulate(config.data, held_out, config.students, config.items, config.categories)
    return read_files(
        config.train_files,
        held_out,
        validation_files=config.validation_files,
        test_files=config.test_files,
        truth_file=config.truth,
        categories=config.categories,
        response_format=format_of_files(config),
        reading=reading,
    )


def check_settings(config, model_settings: dict[str, tuple[str, ...]]) -> None:
    """Check the settings before any work is done.

    Args:
        config: the settings of `train_tracing.py`.
        model_settings: model to the names of the settings that only some models take.

    Raises:
        UserError: the first setting that cannot work.
    """
    check_common(config)
    check_ranges(
        config,
        less_than_1="validation_fraction test_fraction dropout ema",
        more_than_0="max_length num_slots key_dim value_dim summary_dim hidden_dim num_cycles num_heads item_scale",
        at_least_0="students items folds fold history split_seed credit_levels",
    )
    check_model_settings(config, model_settings)
    if config.categories and not 2 <= config.categories <= MAX_CATEGORIES:
        raise UserError(f"--categories {config.categories}: must be from 2 to {MAX_CATEGORIES}")
    if config.credit_levels and not 2 <= config.credit_levels <= MAX_CATEGORIES:
        raise UserError(f"--credit-levels {config.credit_levels}: must be from 2 to {MAX_CATEGORIES}")
    if config.credit_levels and config.categories:
        raise UserError("--credit-levels is the number of categories of fractions of credit: leave --categories out")
    parse_columns(config.columns)
    if not 0 <= config.confident <= 1:
        raise UserError(f"--confident {config.confident}: must be from 0 to 1")
    if config.folds == 1 or config.fold >= (config.folds or 1):
        raise UserError(
            f"--folds {config.folds} --fold {config.fold}: give at least 2 folds, and a fold from 0 to folds - 1"
        )
    if config.folds and config.test_files:
        raise UserError("--folds and --test-files both name the test students: leave one out")
    if config.history >= config.max_length:
        raise UserError(f"--history {config.history}: must be less than --max-length {config.max_length}")
    if config.truth and not config.train_files:
        raise UserError("--truth goes with --train-files")
    if not config.train_files and (config.columns or config.expand_skills or config.credit_levels):
        raise UserError("--columns, --expand-skills and --credit-levels go with --train-files")
    if config.train_files and (config.students or config.items):
        raise UserError("--students and --items are for simulated data, not for --train-files; leave them out")


def check_model_settings(config, model_settings: dict[str, tuple[str, ...]]) -> None:
    """Check that no setting of another model is changed, and that heads divide the vectors that they attend with.

    Arguments and errors are those of `check_settings`.
    """
    models_of_setting: dict[str, list[str]] = {}
    for model, names in model_settings.items():
        for name in names:
            models_of_setting.setdefault(name, []).append(model)
    for name, models in models_of_setting.items():
        default = getattr(type(config), name)
        if config.model not in models and getattr(config, name) != default:
            flag = as_flag(name, off=default is True)
            raise UserError(f"{flag}: only for --model {' or '.join(models)}; leave it out for {config.model}")
    for name in ("hidden_dim", "summary_dim"):
        uses_heads = config.model in models_of_setting[name] and config.model in models_of_setting["num_heads"]
        if uses_heads and getattr(config, name) % config.num_heads:
            raise UserError(
                f"{as_flag(name)} {getattr(config, name)}: must be a multiple of --num-heads {config.num_heads}"
            )
