"""An exported model that ONNX Runtime runs."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.common.errors import UserError

NUMPY_TYPES = {"tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(float)": np.float32}


class OnnxModel:
    """A model in an ONNX file. It answers batches like the Keras model that it was exported from.

        model = OnnxModel("export/model.onnx")
        model.predict_on_batch({"token_ids": ..., "padding_mask": ...})

    Args:
        path: the file.
        outputs: names of outputs that the model must have.
        num_threads: threads that compute; None means one for each core.

    Attributes:
        input_names: the names of the inputs.
        output_names: the names of the outputs.
        max_sizes: the largest size of each free axis that has one, such as `{"sequence": 512}`.

    Raises:
        UserError: there is no such file, it is damaged, or it is another model.
    """

    def __init__(self, path: str | Path, outputs: Sequence[str] = (), num_threads: int | None = None):
        import onnxruntime

        if not os.path.isfile(path):
            raise UserError(f"{path}: no such file; copy the export folder as a whole, or export the model again")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors alone
        options.intra_op_num_threads = num_threads or 0
        # Threads that wait in a loop keep each other off the cores as soon as another process wants them.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a class of its own for each status
            reason = str(error).splitlines()[0][:200]
            raise UserError(f"{path}: not a readable model ({reason}); export it again") from None
        self.path = path
        self.inputs = self.session.get_inputs()
        self.input_names = [value.name for value in self.inputs]
        self.output_names = [value.name for value in self.session.get_outputs()]
        lacking = [name for name in outputs if name not in self.output_names]
        if lacking:
            raise UserError(
                f"{path}: is the export of another model, without an output {lacking[0]}; name that of this one"
            )
        self.max_sizes = json.loads(self.session.get_modelmeta().custom_metadata_map.get("max_sizes", "{}"))

    def predict_on_batch(self, inputs: dict[str, np.ndarray]):
        """The model's outputs.

        Args:
            inputs: name of each input to its array; others are ignored.

        Returns:
            a dict of name to array; of a model with a single output, the array itself.

        Raises:
            UserError: an input is longer than the model takes, or the model takes other inputs.
        """
        outputs = self.outputs(inputs)
        return outputs if len(outputs) > 1 else outputs[self.output_names[0]]

    def outputs(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The model's outputs by their names, see `predict_on_batch`."""
        arrays = {}
        other_model = f"{self.path}: is the export of another model"
        for value in self.inputs:
            if value.name not in inputs:
                raise UserError(f"{other_model}, with an input {value.name}; name that of this one")
            array = np.asarray(inputs[value.name], NUMPY_TYPES[value.type])
            if len(value.shape) != array.ndim:
                raise UserError(f"{other_model}, whose {value.name} has {len(value.shape)} axes; name that of this one")
            for axis, size in zip(value.shape, array.shape, strict=True):
                limit = self.max_sizes.get(axis, size)
                if size > limit:
                    raise UserError(f"{value.name} is longer than {limit:,}, the most that this model takes; cut it")
            arrays[value.name] = array
        try:
            outputs = self.session.run(None, arrays)
        except Exception as error:  # ONNX Runtime raises a class of its own for each status
            reason = str(error).splitlines()[0][:200]
            raise UserError(f"{self.path}: cannot compute these inputs ({reason}); export the model again") from None
        return dict(zip(self.output_names, outputs, strict=True))
