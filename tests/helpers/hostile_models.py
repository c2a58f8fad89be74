"""`.keras` files and run directories that try to run code, to leave the run directory, or to fill the memory."""

import io
import json
import zipfile

import h5py
import numpy as np

from models.kv_memnet import KVMemNet

SETTINGS = {"vocabulary_size": 9, "hidden_dim": 4, "num_buckets": 0}
LAMBDA = {"class_name": "__lambda__", "config": {"value": "gASVBQAAAAAAAACMATGULg=="}}
CODE = {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}


def saved_model(folder):
    """Save a small model; returns its file, its config and its weights."""
    file = folder / "model.keras"
    model = KVMemNet(**SETTINGS)
    model.build()
    model.save(file)
    with zipfile.ZipFile(file) as archive:
        return file, json.loads(archive.read("config.json")), archive.read("model.weights.h5")


def config_of(file):
    """The config of a saved model."""
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read("config.json"))


def with_files(file, **contents):
    """Write a `.keras` file with these contents of `config`, `metadata` and `weights`, and `more` names to contents."""
    with zipfile.ZipFile(file) as archive:
        old = {name: archive.read(name) for name in archive.namelist()}
    new = {
        "metadata.json": contents.get("metadata", old["metadata.json"]),
        "config.json": contents.get("config", old["config.json"]),
        "model.weights.h5": contents.get("weights", old["model.weights.h5"]),
        **contents.get("more", {}),
    }
    with zipfile.ZipFile(file, "w", contents.get("compression", zipfile.ZIP_STORED)) as archive:
        for name, content in new.items():
            archive.writestr(name, json.dumps(content) if isinstance(content, dict | list) else content)
    return file


def with_settings(file, config, **settings):
    """Write the model's file again with other settings."""
    return with_files(file, config={**config, "config": {**config["config"], **settings}})


def weights_with(change):
    """A file of weights in HDF5 that `change(file)` has filled."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        change(file)
    return buffer.getvalue()


def huge_unwritten(file):
    file.create_dataset("vars/0", (2**31,), "float32")


def huge_compressed(file):
    data = file.create_dataset("vars/0", (2**28,), "float32", chunks=(2**24,), compression="gzip")
    data[0] = 1


def small_chunk_of_a_shuffled_array(file):
    file.create_dataset("vars/0", data=np.zeros(2**10, "float32"), chunks=(2**5,), shuffle=True)


def one_array_under_many_names(file):
    array = file.create_dataset("vars/0", data=np.zeros(2**10, "float32"))
    for number in range(1, 1_000):
        file[f"vars/{number}"] = array


def overflowing(file):
    file.create_dataset("vars/0", (2**32, 2**32), "float32", chunks=(2**10, 2**10))


def link_to_a_file(file):
    file["vars"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file):
    file["vars"] = h5py.SoftLink("/")


def data_in_another_file(file):
    file.create_dataset("vars/0", (8,), "uint8", external=[("/etc/passwd", 0, 8)])


def circle(file):
    group = file.create_group("vars")
    for name in "abc":
        group[name] = group


def deep(file):
    group = file
    for _ in range(2_000):
        group = group.create_group("a")


def texts(file):
    file.create_dataset("vars/0", data=np.array(["text"], object), dtype=h5py.string_dtype())


WEIGHTS = (
    huge_unwritten,
    huge_compressed,
    small_chunk_of_a_shuffled_array,
    one_array_under_many_names,
    overflowing,
    link_to_a_file,
    soft_link,
    data_in_another_file,
    circle,
    deep,
    texts,
)
