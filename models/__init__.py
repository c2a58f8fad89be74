"""One `keras.Model` a file, and `load_model`, which reads a saved one whichever it is."""

import importlib
import math
import pkgutil

LARGEST_SETTINGS = {
    **dict.fromkeys(("num_layers", "num_hops", "num_cycles", "hidden_dims"), 100),
    **dict.fromkeys(("max_length", "context_length", "hidden_dim", "value_dim"), 2**13),
    "num_slots": 2**12,
}
"""The largest value, or length of a list, of the settings from which a model computes something before it has weights. No other
number is above `LARGEST_NUMBER`."""
LARGEST_NUMBER = 10**9
LARGEST_TABLE = 2**25
"""The largest product of `max_length` and `hidden_dim`: a table of positions is computed from them."""
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16", "bfloat16", "float16", "float64")


def model_classes() -> dict:
    """Find the model classes of this package by importing all of its files.

    Returns:
        A dict of class name to class, in alphabetical order. A file in `models/` adds its own by being there.
    """
    import keras  # here, so that `import models` stays quick

    classes = {}
    for file in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{file.name}")
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, keras.Model) and value.__module__ == module.__name__:
                classes[name] = value
    return dict(sorted(classes.items()))


def load_model(path):
    """Read a trained model of this package from a `.keras` file, which may come from a stranger.

    The file is checked before Keras opens it, in its safe mode: it holds a model of this package whose settings are plain values,
    and as many weights as the settings ask for. So no code in it can run, and it cannot fill the memory: its contents take at
    most 64 MiB or 16 times its size. The model is not compiled: it answers, but it cannot go on training.

    Args:
        path: a `.keras` file, a run directory that holds `best.keras`, the name of a published model, or `hf://owner/name`.

    Returns:
        The model: an instance of one of `model_classes()`.

    Raises:
        UserError: there is no such file, directory or published model, or it cannot be downloaded.
        ValueError: the directory has no `best.keras`, the file is damaged, or it holds a model that is not of this package.
    """
    import keras

    from utils.common.archives import read_model_file
    from utils.common.references import model_folder

    path = model_folder(path)
    if path.is_dir():
        path = path / "best.keras"
    classes = model_classes()  # imports, and so registers, all that a file may name
    try:
        config, num_stored = read_model_file(path)
        name = config["class_name"]
        if name in classes and config["registered_name"] == keras.saving.get_registered_name(classes[name]):
            _check_settings(config)
            _check_size(classes[name], config["config"], num_stored)
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
            _check_finite(model)
            return model
    except Exception as error:  # Keras, HDF5 and the models raise any kind of error for damaged files
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise ValueError(f"{path}: not a readable model ({reason})") from None
    raise ValueError(f"{path}: holds a {' '.join(str(name)[:80].split())}, not one of {', '.join(classes)}")


def _check_settings(config: dict) -> None:
    """Check that a model's description holds plain values alone, and none from which a model would compute without end.

    A dict that names a class, a function or a module would make Keras look for it.
    """
    known = {"module", "class_name", "config", "registered_name", "build_config", "compile_config"}
    settings = dict(config["config"])
    precision = settings.pop("dtype", "float32")
    if isinstance(precision, dict):
        is_policy = (precision.get("module"), precision.get("class_name")) == ("keras", "DTypePolicy")
        precision = precision["config"]["name"] if is_policy and not precision.get("registered_name") else None
    if precision not in PRECISIONS or set(config) - known:
        raise ValueError("its config.json is not that of a model of this package")
    values = [("", settings, 0), ("", config.get("build_config"), 0)]
    while values:
        name, value, depth = values.pop()
        size = len(value) if isinstance(value, list) else value
        if isinstance(size, int | float) and not abs(size) <= LARGEST_SETTINGS.get(name, LARGEST_NUMBER):  # or NaN
            raise ValueError(f"its setting {name} is {size}")
        if isinstance(value, dict | list):
            if depth > 5 or "class_name" in value:
                raise ValueError(f"its setting {name} is no plain value")
            pairs = value.items() if isinstance(value, dict) else (("", part) for part in value)
            values += [(inner_name, part, depth + 1) for inner_name, part in pairs]
        if isinstance(value, dict):
            table = [value[name] for name in ("max_length", "hidden_dim") if isinstance(value.get(name), int | float)]
            if math.prod(table) > LARGEST_TABLE:
                raise ValueError("its settings max_length and hidden_dim are too large together")


def _check_size(model_class: type, settings: dict, num_stored: int) -> None:
    """Check that no more weights are needed than are stored. The model is built without values for it."""
    import keras
    from keras.src.backend.common import global_state

    # Keras notes variables without values, and would give them some at the end of its next scope: they are taken off its list.
    waiting = global_state.get_global_attribute("uninitialized_variables", [], set_to_default=True)
    num_waiting = len(waiting)
    try:
        with keras.StatelessScope(initialize_variables=False):
            model = model_class.from_config(settings)
            model.build()
    finally:
        del waiting[num_waiting:]
    num_needed = sum(math.prod(weight.shape) for weight in model.weights)
    if num_needed > num_stored:
        raise ValueError(f"its settings ask for {num_needed:,} weights, but it holds {num_stored:,}")


def _check_finite(model) -> None:
    import keras
    import numpy as np

    for weight in model.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            raise ValueError(f"its weights {weight.path} are not finite")
