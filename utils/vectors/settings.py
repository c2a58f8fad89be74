"""Settings of `train_vectors.py`: those that each model has of its own, and checks."""

from __future__ import annotations

from components.losses.vector_loss import VectorLoss
from utils.common.errors import UserError
from utils.training.settings import as_flag, check_common, check_held_out, check_ranges, weighted_parts

OWN_SETTINGS = {
    "amn": {"context_length": 160},
    "lstm": {"context_length": 80, "hidden_dim": 256, "num_layers": 1},
    "gru": {"context_length": 80, "num_layers": 1},
    "transformer": {"context_length": 80, "hidden_dim": 128, "num_layers": 2},
}
"""What a setting of 0 stands for (docs/vectors.md, "Four networks with the same context")."""

COMMON_CONTEXT = 80
"""The context of all models that are compared, so that they and the baselines see the same."""


def fill_in_own_settings(config) -> None:
    """Give settings that are 0 the model's own value.

    Args:
        config: the settings of `train_vectors.py`, for one model.
    """
    for name, value in OWN_SETTINGS[config.model].items():
        setattr(config, name, getattr(config, name) or value)


def check_settings(config) -> None:
    """Check the settings before any work is done.

    Args:
        config: the settings of `train_vectors.py`.

    Raises:
        UserError: a setting that cannot work.
    """
    check_common(config)
    check_ranges(
        config,
        less_than_1="validation_fraction test_fraction dropout",
        more_than_0="min_context encoder_dim num_heads temperature",
        at_least_0="context_length hidden_dim similarity_dim num_layers split_seed",
    )
    for flag, parts in (("--loss", config.loss), ("--query-loss", config.query_loss)):
        weighted_parts(flag, parts, tuple(VectorLoss.PARTS))
    if min(config.hidden_dims) < 1:
        raise UserError(f"--hidden-dims {' '.join(map(str, config.hidden_dims))}: must be more than 0")
    hidden_dim = config.hidden_dim or OWN_SETTINGS["transformer"]["hidden_dim"]
    if config.model in ("transformer", "all") and hidden_dim % config.num_heads:
        raise UserError(f"--hidden-dim {hidden_dim}: must be a multiple of --num-heads {config.num_heads}")
    for name, models in (("num_layers", ("amn",)), ("hidden_dim", ("amn", "gru"))):
        if (value := getattr(config, name)) and config.model in models:
            raise UserError(f"{as_flag(name)} {value}: --model {config.model} has no such setting; leave it out")
    own = COMMON_CONTEXT if config.model == "all" else OWN_SETTINGS[config.model]["context_length"]
    context_length = config.context_length or own
    if config.min_context > context_length:
        raise UserError(f"--min-context {config.min_context}: must be at most --context-length {context_length}")
    check_held_out(config, "documents")
