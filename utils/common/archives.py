"""Check archives that a stranger may have made before a library opens them: they must not fill the memory or lead elsewhere."""

from __future__ import annotations

import io
import json
import math
import os
import struct
import zipfile
from pathlib import Path

MAX_EXPANSION = 100
"""An `.npz` file whose arrays take more than this many times its size, and more than `MIN_BOMB_BYTES`, is taken for a bomb."""
MIN_BOMB_BYTES = 256 * 2**20
MAX_ROWS_PER_BYTE = 20
"""A Parquet file with more rows than this for each of its bytes, and more than `MIN_BOMB_ROWS`, is taken for a bomb."""
MIN_BOMB_ROWS = 1_000_000
MIN_MAPPED_BYTES = 256 * 2**20
"""An array of an `.npz` file that is at least so large is mapped into memory."""
READ_BYTES = 2**20
ZIP_NAME_LENGTHS, ZIP_HEADER_BYTES = 26, 30
"""Of the header before each file in a zip archive: where the lengths of what follows it stand, and its own length."""
MAX_HEADER_BYTES = 2**16
"""Bytes at the beginning of an array that hold its header. NumPy refuses a header of more than 10,000 characters."""
MODEL_FILES = ("metadata.json", "config.json", "model.weights.h5")
"""What a `.keras` file of this project holds."""
MAX_CONFIG_BYTES = 16 * 2**20
"""Bytes of a model's `config.json`, which may list a skill for each of many items."""
MAX_WEIGHT_ENTRIES, MAX_WEIGHT_DEPTH = 100_000, 50
"""Arrays and groups in a file of weights, and how deep they are nested."""
MAX_MODEL_EXPANSION, MIN_MODEL_BOMB_BYTES = 16, 64 * 2**20
"""A `.keras` file whose contents take more than this many times its size, and more than so many bytes, is taken for a bomb. Weights
that `utils/training/small_weights.py` stored grow to at most eight times their size."""


def open_npz(path: str | Path):
    """Open an `.npz` file with `numpy.load`, after `check_npz`; nothing in it is unpickled. Use it in a `with` statement.

    Raises:
        ValueError, OSError, zipfile.BadZipFile, zlib.error, EOFError: the file, or an array that is taken from it, is damaged.
    """
    import numpy as np

    check_npz(path)
    arrays = np.load(path, allow_pickle=False)
    if isinstance(arrays, np.ndarray):
        raise ValueError("it holds one array and is no archive of arrays")
    return arrays


def open_npy(path: str | Path):
    """Open an `.npy` file as a memory map, after a check that it is as large as its header says.

    Raises:
        ValueError, OSError: the file is damaged or cannot be read.
    """
    import numpy as np

    _check_is_file(path)
    with open(path, "rb") as file:
        _check_array(Path(path).name, file.read(MAX_HEADER_BYTES), os.path.getsize(path))
    return np.load(path, mmap_mode="r", allow_pickle=False)


def map_npz_array(archive, name: str):
    """An array of an `.npz` file, mapped from the file if it is large and not compressed; else it is read.

    Its checksum is compared before, in one pass over the file.

    Args:
        archive: from `open_npz`.
        name: of the array.

    Raises:
        ValueError, OSError, zipfile.BadZipFile, zlib.error, EOFError: the array is damaged.
    """
    import numpy as np
    from numpy.lib import format as npy

    member = archive.zip.getinfo(f"{name}.npy") if f"{name}.npy" in archive.zip.namelist() else None
    if member is None or member.compress_type != zipfile.ZIP_STORED or member.file_size < MIN_MAPPED_BYTES:
        return archive[name]
    with archive.zip.open(member) as file:
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(file)]
        shape, is_fortran, dtype = read_header(file)
        header_bytes = file.tell()
        while file.read(READ_BYTES):  # zipfile compares the checksum at the end
            pass
    if dtype.hasobject:
        return archive[name]
    with open(archive.zip.filename, "rb") as file:
        file.seek(member.header_offset + ZIP_NAME_LENGTHS)
        name_bytes, extra_bytes = struct.unpack("<HH", file.read(4))
    start = member.header_offset + ZIP_HEADER_BYTES + name_bytes + extra_bytes + header_bytes
    return np.memmap(archive.zip.filename, dtype, "r", start, shape, "F" if is_fortran else "C")


def check_npz(path: str | Path) -> None:
    """Check an `.npz` file before `numpy.load`: each array is as large as its shape says, and none grows without measure.

    Arrays of Python objects pass, because NumPy refuses them by itself. So does any file that is no zip archive.

    Raises:
        ValueError: the archive holds something else than arrays, an array is damaged, or the archive is a bomb.
        OSError, zipfile.BadZipFile, zlib.error, EOFError: the file cannot be read.
    """
    _check_is_file(path)
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(members)
            limit = max(MIN_BOMB_BYTES, MAX_EXPANSION * os.path.getsize(path))
            if sum(member.file_size for member in members) > limit:
                raise ValueError(
                    f"its arrays take more than {limit // 2**20:,} MiB, {MAX_EXPANSION} times the file: is it a zip bomb?"
                )
            for member in members:
                with archive.open(member) as file:
                    if not member.filename.endswith(".npy"):
                        raise ValueError(f"its file {member.filename!r} is no array")
                    _check_array(member.filename, file.read(MAX_HEADER_BYTES), member.file_size)
    except NotImplementedError as error:  # an archive of another kind
        raise ValueError(str(error)) from None


def open_parquet(path: str | Path):
    """Open a Parquet file with pyarrow, after a check that its rows and texts do not grow without measure.

    Raises:
        ValueError, OSError, pyarrow.ArrowException: the file is a bomb, damaged, or cannot be read.
    """
    from pyarrow import parquet

    _check_is_file(path)
    file, size = parquet.ParquetFile(path), os.path.getsize(path)
    metadata = file.metadata
    num_bytes = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if metadata.num_rows > max(MIN_BOMB_ROWS, MAX_ROWS_PER_BYTE * size) or num_bytes > max(
        MIN_BOMB_BYTES, MAX_EXPANSION * size
    ):
        file.close()
        raise ValueError(
            f"{metadata.num_rows:,} rows and {num_bytes:,} bytes in a file of {size:,} bytes: is it a bomb?"
        )
    return file


def _check_is_file(path: str | Path) -> None:
    """Check that opening a path waits for nothing, as a named pipe would."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError("it is no file")


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    names = {member.filename for member in members}
    if len(names) < len(members):
        raise ValueError("it holds two files of one name")
    for member in members:
        if member.flag_bits & 1:
            raise ValueError(f"its file {member.filename!r} is encrypted")
        # zipfile bounds what it decompresses at once for these two only
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"its file {member.filename!r} is compressed in an unusual way")


def _check_array(name: str, head: bytes, size: int) -> None:
    """Check that an array's file is as large as its shape says.

    NumPy reserves memory for whatever shape stands there, and reads a file that is no array at once.

    Args:
        name: of the file.
        head: its first bytes, which hold the header.
        size: its size in bytes.
    """
    from numpy.lib import format as npy

    file = io.BytesIO(head)
    try:
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(file)]
        shape, _, dtype = read_header(file)
    except Exception:  # NumPy parses the header as Python code, so a damaged one gives any kind of error
        raise ValueError(f"its array {name!r} has a damaged header") from None
    count = math.prod(shape)
    is_shape = all(type(length) is int and length >= 0 for length in shape)
    is_whole = is_shape and file.tell() + count * dtype.itemsize == size
    if not dtype.hasobject and (not is_whole or (count and not dtype.itemsize)):
        raise ValueError(f"its array {name!r} is not as large as its shape {shape} says")


def read_model_file(path: str | Path) -> tuple[dict, int]:
    """Check a `.keras` file before Keras opens it, and read what it says of its model.

    The file must hold what Keras writes for a model of this project. It may be deflated, but it cannot grow without measure, no
    name can lead out of a folder, and no link in the file of weights can lead to another file.

    Returns:
        the model's `config.json`, and how many numbers are stored as its weights.

    Raises:
        ValueError: the file holds something else.
        OSError, zipfile.BadZipFile, zlib.error, EOFError: the file cannot be read.
    """
    if not os.path.isfile(path):
        raise ValueError("there is no such file")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check_members(members)
        if sorted(member.filename for member in members) != sorted(MODEL_FILES):
            raise ValueError(f"a saved model holds {', '.join(MODEL_FILES)} and nothing else")
        size = os.path.getsize(path)
        if sum(member.compress_size for member in members) > size:
            raise ValueError("its files are larger than itself")
        limit = max(MIN_MODEL_BOMB_BYTES, MAX_MODEL_EXPANSION * size)
        if sum(member.file_size for member in members) > limit:
            raise ValueError(
                f"its files take more than {limit // 2**20:,} MiB once they are unpacked: is it a zip bomb?"
            )
        if max(archive.getinfo(name).file_size for name in MODEL_FILES[:2]) > MAX_CONFIG_BYTES:
            raise ValueError(f"its config.json is larger than {MAX_CONFIG_BYTES // 2**20} MiB")
        config = json.loads(archive.read("config.json"))
        return config, _count_weights(io.BytesIO(archive.read("model.weights.h5")))


def _count_weights(file: io.BytesIO) -> int:
    """The number of elements of all arrays in a file of weights, after a check that they lie in it as a whole."""
    import h5py

    with h5py.File(file, "r") as weights:
        groups, num_entries, num_elements, num_bytes = [(weights, 0)], 0, 0, 0
        while groups:
            group, depth = groups.pop()
            for name in group:
                num_entries += 1
                if num_entries > MAX_WEIGHT_ENTRIES or depth > MAX_WEIGHT_DEPTH:
                    raise ValueError("its weights are nested too deeply, or are too many")
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise ValueError(f"its weights {name!r} are a link")
                entry = group[name]
                if isinstance(entry, h5py.Group):
                    groups.append((entry, depth + 1))
                else:
                    count = _check_weight(name, entry)
                    num_elements += count
                    num_bytes += count * entry.dtype.itemsize
        if num_bytes > file.getbuffer().nbytes:
            raise ValueError("its weights are larger than the file that holds them: some lie there twice")
        return num_elements


def _check_weight(name: str, entry) -> int:
    import h5py

    if not isinstance(entry, h5py.Dataset) or entry.shape is None or entry.dtype.hasobject:
        raise ValueError(f"its weights {name!r} are no array of numbers")
    count = math.prod(entry.shape)  # the `size` of h5py overflows
    if entry.external or entry.is_virtual or not _is_whole(entry):
        raise ValueError(f"its weights {name!r} are compressed, or lie in another file")
    if count * entry.dtype.itemsize > entry.id.get_storage_size():
        raise ValueError(f"its weights {name!r} are not as large as their shape {entry.shape} says")
    return count


def _is_whole(array) -> bool:
    """Whether an array is stored in full length: without a filter, or in one piece whose bytes are shuffled."""
    from h5py import h5z

    creation = array.id.get_create_plist()
    filters = [creation.get_filter(place)[0] for place in range(creation.get_nfilters())]
    return not filters or (filters == [h5z.FILTER_SHUFFLE] and array.chunks == array.shape)
