"""Training over several devices on JAX: how data and weights are laid out, and what every process then does together.

A batch is dealt out by rows. XLA computes with it as one array, so that a loss over the whole batch (such as one with in-batch
negatives), dropout and gradients are those of a single device, but for the order of sums.
"""

from __future__ import annotations

import contextlib

import keras
import numpy as np
from keras import ops

from utils.common.batching import BATCH_SIZE_MARK, MARK_AXES, WHOLE, BatchPart
from utils.common.errors import UserError

BATCH_AXIS, MODEL_AXIS = "batch", "model"
CONTINUE, SAVE, STOP = 0, 1, 2
"""What a process asks of all of them, beside its rows of a batch: nothing, a checkpoint, a checkpoint and the end."""

SPLIT_AXES = {
    "/qkv_kernel": -1,
    "/qkv_bias": -1,
    "/attention/output/kernel": 0,
    "/expand/kernel": -1,
    "/expand/bias": -1,
    "/contract/kernel": 0,
    "/embeddings": -1,
}
"""How `--distribute model` splits weights, by the ends of their paths: the axis that is divided among devices.

In a Transformer block each matrix that widens is split by columns and the one after it by rows (Shoeybi et al. 2019, section 3);
embedding tables are split by the vector's places, because a vocabulary rarely divides evenly.
"""


class SplitWeights(keras.distribution.ModelParallel):
    """Weights of `SPLIT_AXES` lie in parts on the devices of the mesh's model axis; others are on every device.

    Args:
        mesh: `keras.distribution.DeviceMesh` of two axes, batch and model.
    """

    def __init__(self, mesh):
        layouts = keras.distribution.LayoutMap(mesh)
        super().__init__(layout_map=layouts, batch_dim_name=BATCH_AXIS, auto_shard_dataset=False)

    def get_variable_layout(self, variable):
        axes = [None] * len(variable.shape)
        split_axis = next((axis for end, axis in SPLIT_AXES.items() if variable.path.endswith(end)), None)
        num_parts = self.device_mesh.shape[1]
        if split_axis is not None and variable.shape[split_axis] % num_parts == 0:
            axes[split_axis] = MODEL_AXIS
        return keras.distribution.TensorLayout(axes, self.device_mesh)

    def get_data_layout(self, data_shape):
        axes = [BATCH_AXIS, *[None] * (len(data_shape) - 1)]
        if len(data_shape) == MARK_AXES:
            axes[1] = MODEL_AXIS  # what a process asks for is its own, even where its rows are not
        return keras.distribution.TensorLayout(axes, self.device_mesh)


def distribute(mode: str, model_devices: int | None, devices: list[str] | None = None) -> None:
    """Lay out what Keras makes from now on over devices; a single one needs no layout.

    Args:
        mode: `data` for a copy of the model on every device; `model` for weights that are split over devices.
        model_devices: devices that one copy of a split model lies on; None for all.
        devices: Keras' names of the devices; None for all devices of all processes.

    Raises:
        UserError: the devices do not come out even.
    """
    devices = devices or keras.distribution.list_devices()
    if len(devices) == 1:
        distribution = None
    elif mode == "data":
        distribution = keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
    else:
        count = model_devices or len(devices)
        if len(devices) % count:
            raise UserError(f"--model-devices {count}: must divide the number of devices, which is {len(devices)}")
        distribution = SplitWeights(
            keras.distribution.DeviceMesh((len(devices) // count, count), [BATCH_AXIS, MODEL_AXIS], devices)
        )
    keras.distribution.set_distribution(distribution)


def is_distributed() -> bool:
    """Whether models that are made now lie on several devices."""
    return keras.distribution.distribution() is not None


@contextlib.contextmanager
def on_one_device():
    """Within the block, Keras makes models on this process' first device alone."""
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def batch_part() -> BatchPart:
    """The rows of each batch that this process makes."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return WHOLE
    import jax

    # Devices of the same place on the batch axis hold the same rows.
    mesh = distribution.device_mesh
    replicas = mesh.backend_mesh.devices.reshape(mesh.shape[0], -1)
    is_own = np.array([[device.process_index == jax.process_index() for device in row] for row in replicas])
    places = np.flatnonzero(is_own.any(axis=1))
    parts = int(is_own[places[0]].sum())
    return BatchPart(int(places[0]), len(places), len(replicas), is_marked=True, local_parts=parts)


def host_value(variable) -> np.ndarray:
    """The whole value of a variable, wherever its parts lie. All processes must ask for the same variables in the same order."""
    value = variable.value
    if getattr(value, "is_fully_addressable", True) or getattr(value, "is_fully_replicated", False):
        return ops.convert_to_numpy(value)
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.process_allgather(value, tiled=True))


def prepare(model) -> None:
    """Let a model train on, and predict, batches that are dealt out to several devices.

    Its training step leaves out the repeated rows of a batch (see `BatchPart`) and returns, as `logs["request"]`, the highest of
    what the processes asked for. Its `predict_on_batch` takes the whole batch in every process and gives the whole result.
    """
    train_step = model.train_step

    def train_step_of_part(state, data):
        inputs, targets, weights = keras.utils.unpack_x_y_sample_weight(data)
        mark = inputs[BATCH_SIZE_MARK]
        inputs = {name: array for name, array in inputs.items() if name != BATCH_SIZE_MARK}
        data = (inputs, targets) if weights is None else (inputs, targets, weights)
        data = keras.tree.map_structure(lambda array: array[: mark.shape[-1]], data)
        logs, state = train_step(state, data)
        return {**logs, "request": ops.max(ops.cast(mark, "int32"))}, state

    model.train_step = train_step_of_part
    for submodel in _models_within(model):
        submodel.predict_on_batch = _gathering_forward(submodel)


def _models_within(layer):
    """A model and the models that are its layers, such as the encoder of a ranker, which is asked alone."""
    if isinstance(layer, keras.Model):
        yield layer
    for inner in getattr(layer, "layers", []):
        yield from _models_within(inner)


def _gathering_forward(model):
    import jax

    distribution, part = keras.distribution.distribution(), batch_part()
    mesh = distribution.device_mesh.backend_mesh
    by_rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(distribution.batch_dim_name))
    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())

    def forward(trainable, non_trainable, inputs):
        return model.stateless_call(trainable, non_trainable, inputs, training=False)[0]

    compiled = jax.jit(forward, out_shardings=everywhere)

    def predict_on_batch(inputs):
        size = len(next(iter(inputs.values())))
        rows = part.rows(size)
        inputs = {
            name: jax.make_array_from_process_local_data(by_rows, np.ascontiguousarray(np.asarray(array)[rows]))
            for name, array in inputs.items()
        }
        variables = model.trainable_variables, model.non_trainable_variables
        values = [[variable.value for variable in group] for group in variables]
        outputs = compiled(*values, inputs)
        return keras.tree.map_structure(lambda array: np.asarray(array)[:size], outputs)

    return predict_on_batch


def ask(batch: tuple, request: int) -> None:
    """Send a request (`SAVE`, `STOP`) to all processes with a batch of this one."""
    if request:
        batch[0][BATCH_SIZE_MARK][:] = request


def end_distribution() -> None:
    """After the training: models that are made from now on lie on this process' first device, split ones on all of its devices."""
    import jax

    is_split = isinstance(keras.distribution.distribution(), SplitWeights)
    keras.distribution.set_distribution(None)
    if is_split:
        distribute("model", None, [f"{device.platform}:{device.id}" for device in jax.local_devices()])
