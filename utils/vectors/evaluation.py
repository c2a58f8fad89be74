"""Score a model of next vectors: one step and several steps ahead, and what it looks at."""

from __future__ import annotations

import numpy as np

from utils.common.evaluation import Evaluation
from utils.common.scratch import scratch_array
from utils.vectors.data import VectorDocuments
from utils.vectors.features import BATCH_SIZE, contexts, contexts_at_once
from utils.vectors.metrics import nearness, retrieval, variance_ratio
from utils.vectors.predictor import VectorsPredictor
from utils.vectors.splits import VectorSplit

MAX_STEPS_AHEAD = 5
ROWS_AT_ONCE = 2048
"""Targets whose cosines are computed at once."""
INFLUENCE_PREDICTIONS = 10_240
"""Predictions for the influence of each place: one for each place of each context."""
DRAWN_CONTEXTS = 4
"""Contexts that are drawn with their texts."""


def evaluate(split: VectorSplit, predictions: dict[str, np.ndarray], global_mean: np.ndarray | None) -> Evaluation:
    """Score predictions of a split's targets.

    `predicted` is scored by nearness, `query` by retrieval. A model without a query retrieves by `predicted`. A model with one is
    also scored by the retrieval of `predicted`, under names with `_predicted`.

    Args:
        split: the split.
        predictions: `predicted` and perhaps `query`, float `(targets, dim)`, of unit norm.
        global_mean: float `(dim,)`, the mean of the training vectors; None where it is not known, for no `centred_cosine`.
    """
    data, rows, predicted = split.data, split.rows, predictions["predicted"]
    per_example = nearness(data, rows, predicted, global_mean)
    by_predicted = retrieval(data, rows, predicted, split.documents)
    if "query" in predictions:
        per_example |= retrieval(data, rows, predictions["query"], split.documents)
        by_predicted = {f"{name}_predicted": values for name, values in by_predicted.items()}
    evaluation = Evaluation.from_examples(per_example | by_predicted, split.groups)
    evaluation.metrics.update(variance_ratio=variance_ratio(data, rows, predicted), total=len(rows))
    return evaluation


def steps_ahead(
    predictor: VectorsPredictor, split: VectorSplit, max_steps: int = MAX_STEPS_AHEAD
) -> list[dict[str, float]]:
    """Scores of the targets 1 to `max_steps` places ahead; each prediction joins the context of the next.

    Only targets that have `max_steps` rows of their document from them on are scored, so that all steps have the same ones.

    Returns:
        a dict per step: `step`, `cosine`, the metrics of `retrieval`, and `total`, the number of targets. Empty where no document
        is long enough.
    """
    data: VectorDocuments = split.data
    ends = data.starts[split.groups + 1]
    rows = split.rows[split.rows + max_steps <= ends]
    if not len(rows):
        return []
    outputs = _outputs_ahead(predictor, data, rows, max_steps)
    scores = []
    for step, (predicted, query) in enumerate(outputs):
        blocks = (slice(start, start + ROWS_AT_ONCE) for start in range(0, len(rows), ROWS_AT_ONCE))
        cosine = [(predicted[block] * data.take(rows[block] + step)).sum(axis=1) for block in blocks]
        retrieved = retrieval(data, rows + step, query, split.documents, ahead=step)
        means = Evaluation.from_examples({"cosine": np.concatenate(cosine), **retrieved}).metrics
        scores.append({"step": step + 1, **means, "total": len(rows)})
    return scores


def _outputs_ahead(
    predictor: VectorsPredictor, data: VectorDocuments, rows: np.ndarray, max_steps: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The prediction and the query of each step, each `(rows, dim)`; many are kept on the disk."""
    outputs = [tuple(scratch_array((len(rows), data.dim)) for _ in range(2)) for _ in range(max_steps)]
    at_once = contexts_at_once(predictor.context_length, data.dim)
    for start in range(0, len(rows), at_once):
        block = slice(start, start + at_once)
        inputs = contexts(data, rows[block], predictor.context_length)
        for predictions, queries in outputs:
            step_outputs = predictor.predict(inputs, min(BATCH_SIZE, len(rows)))
            predicted = step_outputs["predicted"]
            predictions[block], queries[block] = predicted, step_outputs.get("query", predicted)
            vectors = np.concatenate([inputs["vectors"][:, 1:], predicted[:, None]], axis=1)
            is_vector = np.ones((len(predicted), 1), np.int32)
            mask = np.concatenate([inputs["padding_mask"][:, 1:], is_vector], axis=1)
            inputs = {"vectors": vectors, "padding_mask": mask}
    return outputs


def influence(predictor: VectorsPredictor, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """How much each place of the context moves the prediction, of a model with attention or without.

    The vector of a place is replaced by the mean of its context. What counts is `1 - cosine` of the predictions before and after.

    Returns:
        float `(contexts, context_length)`; the fractions of a context sum to 1.
    """
    vectors, mask = inputs["vectors"], inputs["padding_mask"]
    mean = vectors.sum(axis=1) / mask.sum(axis=1, keepdims=True)
    before, distance = predictor.predict(inputs)["predicted"], np.zeros(mask.shape)
    at_once = contexts_at_once(*vectors.shape[1:])
    for number, places in enumerate(map(np.flatnonzero, mask)):
        for start in range(0, len(places), at_once):
            block = places[start : start + at_once]
            changed = np.repeat(vectors[number : number + 1], len(block), axis=0)
            changed[np.arange(len(block)), block] = mean[number]
            masks = np.repeat(mask[number : number + 1], len(block), axis=0)
            after = predictor.predict({"vectors": changed, "padding_mask": masks}, min(BATCH_SIZE, mask.shape[1]))
            distance[number, block] = np.maximum(1 - after["predicted"] @ before[number], 0)
    return distance / np.maximum(distance.sum(axis=1, keepdims=True), 1e-12)


def context_weights(
    predictor: VectorsPredictor, split: VectorSplit, predictions: dict[str, np.ndarray], ranks: np.ndarray
) -> tuple[dict[str, np.ndarray], list[dict]]:
    """What the model looks at in some random contexts, for plots.

    Args:
        predictor: the model.
        split: the split.
        predictions: the outputs for its targets; `attention` is drawn where the model has it.
        ranks: float `(targets,)`, the rank of each target in its document.

    Returns:
        title to the weight of each place, `(contexts, context_length)`; and a few of these contexts as dicts: `target` and `texts`
        (texts), `rank`, `weights` (title to `(texts,)`).
    """
    data, context_length = split.data, predictor.context_length
    num_contexts = max(DRAWN_CONTEXTS, INFLUENCE_PREDICTIONS // context_length)
    chosen = np.random.default_rng(0).permutation(len(split.rows))[:num_contexts]
    rows = split.rows[chosen]
    weights = {"influence on the prediction": influence(predictor, contexts(data, rows, context_length))}
    if "attention" in predictions:
        weights["attention"] = predictions["attention"][chosen]

    def text_of(row: int) -> str:
        return data.texts[row] if data.texts else f"row {data.file_rows(row):,} ({data.names[data.document[row]]})"

    examples = []
    for number, row in enumerate(rows[:DRAWN_CONTEXTS]):
        first = max(row - context_length, data.starts[data.document[row]])
        examples.append(
            {
                "target": text_of(row),
                "rank": float(ranks[chosen[number]]),
                "texts": [text_of(other) for other in range(first, row)],
                "weights": {title: values[number, first - row :] for title, values in weights.items()},
            }
        )
    return weights, examples
