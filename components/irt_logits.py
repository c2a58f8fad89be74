"""Item response theory: logits of ordered categories from ability, discrimination and thresholds."""

from keras import ops


def gpcm_logits(ability, discrimination, thresholds):
    """Logits of ordered categories under the generalised partial credit model (Muraki 1992, equation 4).

    `logit_k = sum_{h=1..k} alpha (theta - beta_h)`, the empty sum being 0; their softmax is `P(k)`. With two categories this is the
    two-parameter logistic model. Computed in float32.

    Args:
        ability: theta, `(...)`.
        discrimination: alpha > 0, `(...)`.
        thresholds: beta, `(..., categories - 1)`.

    Returns:
        float32 `(..., categories)`.
    """
    ability, discrimination, thresholds = (ops.cast(part, "float32") for part in (ability, discrimination, thresholds))
    steps = discrimination[..., None] * (ability[..., None] - thresholds)
    return ops.concatenate([ops.zeros_like(steps[..., :1]), ops.cumsum(steps, axis=-1)], axis=-1)


def graded_logits(ability, discrimination, thresholds):
    """Logits of ordered categories under the graded response model (Samejima 1969): log-probabilities, float32.

    `P(r > k) = sigmoid(alpha (theta - beta_{k+1}))`: logits that differ by thresholds alone, the ordinal head of CORAL (Cao et al.
    2020), whose loss is `components.losses.ordinal_loss`'s `cumulative`, with thresholds and a slope of each item's own.

    Args and return value as of `gpcm_logits`; thresholds must grow with the category (`IRTParameters(monotone=True)`).
    """
    ability, discrimination, thresholds = (ops.cast(part, "float32") for part in (ability, discrimination, thresholds))
    above = discrimination[..., None] * (ability[..., None] - thresholds)  # falls with k
    over, under = -ops.softplus(-above), -ops.softplus(above)  # log P(r > k), log P(r <= k)
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - e^(b-a))
    apart = ops.log(ops.maximum(-ops.expm1(above[..., 1:] - above[..., :-1]), 1e-20))
    between = over[..., :-1] + under[..., 1:] + apart
    return ops.concatenate([under[..., :1], between, over[..., -1:]], axis=-1)


HEADS = {"gpcm": gpcm_logits, "graded": graded_logits}
"""How ability, discrimination and thresholds become logits."""
