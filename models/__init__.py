"""One `keras.Model` a file, and `load_model`, which reads a saved one whichever it is."""

import importlib
import pkgutil
import zipfile
import zlib
from pathlib import Path


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
    """Read a trained model of this package from a `.keras` file.

    The file is read in Keras' safe mode, so no code in it can run. The model is not compiled: it answers, but it cannot go on
    training.

    Args:
        path: a `.keras` file, or a run directory that holds `best.keras`.

    Returns:
        The model: an instance of one of `model_classes()`.

    Raises:
        ValueError: the file is missing or damaged, or it holds a model that is not of this package.
    """
    import keras

    path = Path(path)
    if path.is_dir():
        path = path / "best.keras"
    classes = tuple(model_classes().values())  # imports, and so registers, all that a file may name
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path}: not a readable model ({reason})") from None
    if not isinstance(model, classes):
        raise ValueError(f"{path}: holds a {type(model).__name__}, not one of {', '.join(c.__name__ for c in classes)}")
    return model
