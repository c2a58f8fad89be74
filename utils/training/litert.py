"""Export a model for LiteRT (formerly TensorFlow Lite), and measure how long it takes for one example."""

from __future__ import annotations

import time
from pathlib import Path

CALLS = 2000


def export_litert(model, path: str | Path, inputs: dict[str, tuple[int, ...]], floating: tuple[str, ...] = ()) -> None:
    """Write `model` for batches of one example. Outputs are named as the model names them; TensorFlow backend only.

    Args:
        inputs: names of the inputs, to their shapes without the batch.
        floating: inputs that are float32; others are int32.
    """
    import keras

    signature = {
        name: keras.InputSpec(shape=(1, *shape), dtype="float32" if name in floating else "int32", name=name)
        for name, shape in inputs.items()
    }
    model.export(str(path), format="litert", input_signature=[signature], verbose=False)


def latency(path: str | Path, calls: int = CALLS) -> dict[str, float]:
    """Milliseconds of one call on one thread: `p50_ms` and `p95_ms` over so many calls, after a tenth as many to warm up.

    Inputs are ones: what stands in them changes nothing in the time of networks without branches.
    """
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    for given in interpreter.get_input_details():
        interpreter.set_tensor(given["index"], np.ones(given["shape"], given["dtype"]))
    seconds = np.empty(calls + calls // 10)
    for call in range(len(seconds)):
        begin = time.perf_counter()
        interpreter.invoke()
        seconds[call] = time.perf_counter() - begin
    p50, p95 = 1000 * np.quantile(seconds[calls // 10 :], (0.5, 0.95))
    return {"p50_ms": float(p50), "p95_ms": float(p95)}
