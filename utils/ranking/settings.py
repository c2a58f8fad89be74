"""Checks of the settings of a ranking run."""

from __future__ import annotations

from utils.common.errors import UserError
from utils.training.settings import as_flag, check_common, check_held_out, check_ranges


def check_settings(config) -> None:
    """Check the settings before any work is done.

    Raises:
        UserError: a setting is out of range, or settings contradict each other.
    """
    from components.losses import RANKING_LOSSES

    check_common(config)
    check_ranges(
        config,
        less_than_1="validation_fraction test_fraction dropout mine_margin",
        more_than_0="slots chunks temperature hidden_dim num_layers num_heads",
        at_least_0="margin output_dim split_seed",
    )
    for name, minimum in (("query_length", 3), ("max_length", 3), ("vocabulary_size", 100)):
        if getattr(config, name) is not None and getattr(config, name) < minimum:
            raise UserError(f"{as_flag(name)} {getattr(config, name)}: must be at least {minimum}")
    if not config.init_from and config.hidden_dim % config.num_heads:
        raise UserError(f"--hidden-dim {config.hidden_dim}: must be a multiple of --num-heads {config.num_heads}")
    if config.batch_size % config.chunks:
        raise UserError(f"--batch-size {config.batch_size}: must be a multiple of --chunks {config.chunks}")
    for name, values in (("losses", config.losses), ("seeds", config.seeds)):
        if len(set(values)) < len(values) or not config.seeds:
            raise UserError(f"--{name} {' '.join(map(str, values))}: give at least one seed, and each value once")
    for flag, names in (("--loss", [config.loss]), ("--losses", config.losses)):
        unknown = [name for name in names if name not in RANKING_LOSSES]
        if unknown:
            raise UserError(f"{flag} {unknown[0]}: no such loss; choose from {', '.join(RANKING_LOSSES)}")
    if config.lexical and (config.learned_temperature or config.chunks > 1):
        raise UserError("--lexical: learns the scale of its scores, and takes whole batches; leave out the other flag")
    if config.learned_temperature and config.temperature < 0.01:
        raise UserError(f"--temperature {config.temperature:g}: a learned temperature must be at least 0.01")
    for name in (config.losses or RANKING_LOSSES) if config.suite else [config.loss]:
        loss = RANKING_LOSSES[name]
        if config.slots < 2 and loss.needs_own_negatives:
            raise UserError(f"--slots {config.slots}: {name} compares the slots of one question; give 2 or more")
        if config.lexical and loss.shorter_dims(2):
            raise UserError(f"--lexical: {name} cuts vectors, in which words have no order; choose another --loss")
        if config.learned_temperature and not loss.uses_temperature:
            raise UserError(f"--learned-temperature: {name} has no temperature; omit the flag")
    check_held_out(config, "questions")
