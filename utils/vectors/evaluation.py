"""What a model of next vectors finds: predictions, scores with intervals, ablations, several steps ahead, attention."""

from __future__ import annotations

import numpy as np

from utils.vectors.data import VectorDocuments, windows
from utils.vectors.metrics import means, nearness, retrieval
from utils.vectors.splits import VectorSplit

BATCH = 256
AHEAD = 5
MEASURED = 512
"""Windows whose places are measured."""
SHOWN = 4
"""Of them, how many are drawn with their texts."""


def predict(model, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The model's outputs for these windows; `query` is `predicted` where it has none."""
    count, parts = len(inputs["padding_mask"]), []
    for start in range(0, count, BATCH):
        chosen = np.resize(np.arange(start, min(start + BATCH, count)), BATCH)  # one shape for all batches
        outputs = model.predict_on_batch({name: array[chosen] for name, array in inputs.items()})
        parts.append({name: np.asarray(array)[: count - start] for name, array in outputs.items()})
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {"query": found["predicted"], **found}


def predict_split(model, split: VectorSplit, context_length: int, shuffle: bool = False) -> dict[str, np.ndarray]:
    """`predict` for the targets of a split; with `shuffle`, each context is in a random order."""
    parts = []
    for start in range(0, len(split.rows), 8 * BATCH):
        inputs = windows(split.data, split.rows[start : start + 8 * BATCH], context_length)
        parts.append(predict(model, shuffled(inputs, start) if shuffle else inputs))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def shuffled(inputs: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """The same windows, the vectors of each in another order; padding stays where it is."""
    mask = inputs["padding_mask"]
    order = np.where(mask > 0, np.random.default_rng(seed).random(mask.shape), -1.0).argsort(axis=1, kind="stable")
    return {**inputs, "vectors": np.take_along_axis(inputs["vectors"], order[..., None], axis=1)}


def scores(split: VectorSplit, found: dict[str, np.ndarray], centre: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays, a number for each target: nearness of `predicted`, retrieval by `query`, and where that is another vector also by
    `predicted`, with `_predicted` after the name."""
    of = nearness(split.data, split.rows, found["predicted"], centre)
    of |= retrieval(split.data, split.rows, found["query"], split.documents)
    if found["query"] is not found["predicted"]:
        by_predicted = retrieval(split.data, split.rows, found["predicted"], split.documents)
        of |= {f"{name}_predicted": values for name, values in by_predicted.items()}
    return of


def steps_ahead(model, split: VectorSplit, context_length: int, steps: int = AHEAD) -> list[dict[str, float]]:
    """Scores of the targets 1 to `steps` places ahead, each prediction going on as the next one's context.

    Only targets count whose document has `steps` places from them on, so that all steps are scored on the same ones.
    """
    data: VectorDocuments = split.data
    ends = data.starts[data.document[split.rows] + 1]
    rows = split.rows[split.rows + steps <= ends]
    if not len(rows):
        return []
    inputs, found = windows(data, rows, context_length), []
    for step in range(steps):
        outputs = predict(model, inputs)
        cosine = (outputs["predicted"] * data.take(rows + step)).sum(axis=1)
        retrieved = retrieval(data, rows + step, outputs["query"], split.documents, ahead=step)
        found.append({"step": step + 1, "cosine": float(cosine.mean()), **means(retrieved), "total": len(rows)})
        vectors = np.concatenate([inputs["vectors"][:, 1:], outputs["predicted"][:, None]], axis=1)
        mask = np.concatenate([inputs["padding_mask"][:, 1:], np.ones((len(rows), 1), np.int32)], axis=1)
        inputs = {"vectors": vectors, "padding_mask": mask}
    return found


def influence(model, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """How much each place of the context moves the prediction, as shares `(windows, context)`; of any model, with attention or not.

    A place's vector is replaced by the mean of the context, and `1 - cosine` of the predictions before and after taken.
    """
    vectors, mask = inputs["vectors"], inputs["padding_mask"]
    middle = vectors.sum(axis=1) / mask.sum(axis=1, keepdims=True)
    before, moved = predict(model, inputs)["predicted"], np.zeros(mask.shape)
    for place in range(mask.shape[1]):
        changed = vectors.copy()
        changed[:, place] = middle * mask[:, place, None]
        after = predict(model, {"vectors": changed, "padding_mask": mask})["predicted"]
        moved[:, place] = np.maximum(1 - (before * after).sum(axis=1), 0) * mask[:, place]
    return moved / np.maximum(moved.sum(axis=1, keepdims=True), 1e-12)


def samples(model, split: VectorSplit, context_length: int, found: dict, ranks: np.ndarray) -> tuple[dict, list[dict]]:
    """What the model looks at, for plots: shares by place of some hundred windows, `(windows, context)` by what is measured, and of
    a few of them the texts.

    Args:
        found: `predict_split` of the split; `attention` is among the shares where it is there.
        ranks: of the right vector in its document, for each target.
    """
    data, mixed = split.data, np.random.default_rng(0).permutation(len(split.rows))[:MEASURED]
    rows = split.rows[mixed]
    shares = {"influence on the prediction": influence(model, windows(data, rows, context_length))}
    if "attention" in found:
        shares["attention"] = found["attention"][mixed]

    def text(row: int) -> str:
        return data.texts[row] if data.texts else f"row {row:,} ({data.names[data.document[row]]})"

    shown = []
    for number, row in enumerate(rows[:SHOWN]):
        first = max(row - context_length, data.starts[data.document[row]])
        shown.append(
            {
                "target": text(row),
                "rank": float(ranks[mixed[number]]),
                "texts": [text(before) for before in range(first, row)],
                "shares": {name: of[number, first - row :] for name, of in shares.items()},
            }
        )
    return shares, shown
