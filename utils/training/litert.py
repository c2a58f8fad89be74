"""Export a model for LiteRT (formerly TensorFlow Lite), and measure its time per example."""

from __future__ import annotations

import time
from pathlib import Path

CALLS = 2000
"""Calls that are timed."""


def export_litert(model, path: str | Path, inputs: dict[str, tuple[int, ...]], floating: tuple[str, ...] = ()) -> None:
    """Write a model for batches of one example; outputs keep the model's names. TensorFlow backend only.

    Args:
        model: built model.
        path: the `.tflite` file to write.
        inputs: name of each input to its shape without the batch axis.
        floating: names of the float32 inputs; the others are int32.
    """
    import keras

    signature = {
        name: keras.InputSpec(shape=(1, *shape), dtype="float32" if name in floating else "int32", name=name)
        for name, shape in inputs.items()
    }
    model.export(str(path), format="litert", input_signature=[signature], verbose=False)


def latency(path: str | Path, calls: int = CALLS) -> dict[str, float]:
    """The time of one call on one thread.

    All inputs are ones. The time of a network without branches does not depend on its inputs.

    Args:
        path: a `.tflite` file.
        calls: calls that are timed, after a tenth as many to warm up.

    Returns:
        `p50_ms` and `p95_ms`, the median and the 95th percentile in milliseconds.
    """
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    for details in interpreter.get_input_details():
        interpreter.set_tensor(details["index"], np.ones(details["shape"], details["dtype"]))
    seconds = np.empty(calls + calls // 10)
    for call in range(len(seconds)):
        start = time.perf_counter()
        interpreter.invoke()
        seconds[call] = time.perf_counter() - start
    p50, p95 = 1000 * np.quantile(seconds[calls // 10 :], (0.5, 0.95))
    return {"p50_ms": float(p50), "p95_ms": float(p95)}
