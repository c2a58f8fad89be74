"""Item response theory: logits of ordered categories from ability, discrimination and thresholds."""

from keras import ops


def gpcm_logits(ability, discrimination, thresholds):
    """Logits of ordered categories under the generalised partial credit model (Muraki 1992, equation 4).

        logit_k = sum_{h=1..k} alpha (theta - beta_h),  k = 0 .. K - 1;  P(k) = softmax_k(logit_k)

    The sum is 0 for k = 0. With two categories this is the two-parameter logistic model. Computed in float32.

    Args:
        ability: theta, `(...)`.
        discrimination: alpha above 0, `(...)`.
        thresholds: beta, `(..., K - 1)`.

    Returns:
        float32 `(..., K)`.
    """
    ability, discrimination, thresholds = _float32(ability, discrimination, thresholds)
    steps = discrimination[..., None] * (ability[..., None] - thresholds)
    return ops.concatenate([ops.zeros_like(steps[..., :1]), ops.cumsum(steps, axis=-1)], axis=-1)


def graded_logits(ability, discrimination, thresholds):
    """Log-probabilities of ordered categories under the graded response model (Samejima 1969).

        P(r > k) = sigmoid(alpha (theta - beta_{k+1}));  P(k) = P(r > k - 1) - P(r > k);  P(r > -1) = 1, P(r > K - 1) = 0

    With one discrimination and the same thresholds for all items this is the output of CORAL (Cao et al. 2020). Computed in
    float32.

    Args:
        ability: theta, `(...)`.
        discrimination: alpha above 0, `(...)`.
        thresholds: beta, `(..., K - 1)`, which must grow with the category, as with `IRTParameters(monotone=True)`.

    Returns:
        float32 `(..., K)`.
    """
    ability, discrimination, thresholds = _float32(ability, discrimination, thresholds)
    logit_above = discrimination[..., None] * (ability[..., None] - thresholds)  # falls with k
    log_above, log_not_above = -ops.softplus(-logit_above), -ops.softplus(logit_above)
    # log(sigmoid(a) - sigmoid(b)) without cancellation: sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - e^(b - a))
    log_gap = ops.log(ops.maximum(-ops.expm1(logit_above[..., 1:] - logit_above[..., :-1]), 1e-20))
    between = log_above[..., :-1] + log_not_above[..., 1:] + log_gap
    return ops.concatenate([log_not_above[..., :1], between, log_above[..., -1:]], axis=-1)


def with_reference_category(logits):
    """Logits of all categories from those above the first, which has logit 0: the softmax leaves one free.

    Args:
        logits: `(..., K - 1)`.

    Returns:
        float32 `(..., K)`.
    """
    logits = ops.cast(logits, "float32")
    return ops.concatenate([ops.zeros_like(logits[..., :1]), logits], axis=-1)


def _float32(*arrays):
    return (ops.cast(array, "float32") for array in arrays)


HEADS = {"gpcm": gpcm_logits, "graded": graded_logits}
"""Name to function of the ways to compute logits."""
