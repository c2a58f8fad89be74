"""Archives of arrays and Parquet files are checked before a library opens them."""

import ast
import io
import warnings
import zipfile

import numpy as np
import pytest

from tests.helpers.memory import memory_limit, peak_mib, reset_peak
from tests.helpers.paths import ROOT
from tests.helpers.small_files import parquet
from utils.common.archives import check_npz, open_npy, open_npz, open_parquet


@pytest.fixture
def little_memory():
    """Let this process reserve 4 GiB more than it has, so that a bomb fails at once."""
    with memory_limit(4 * 2**30):
        yield


def npz(path, compression=zipfile.ZIP_DEFLATED, **contents):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(f"{name}.npy", content)
    return path


def header_of(shape, dtype="<f4"):
    """The beginning of an array."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"shape": shape, "fortran_order": False, "descr": dtype})
    return buffer.getvalue()


def test_arrays_as_numpy_writes_them_pass(tmp_path):
    arrays = {
        "a": np.arange(7),
        "b": np.zeros((0, 3)),
        "c": np.array(["", "text"]),
        "d": np.array(3.5),
        "e": np.ones((3, 2)).T,
    }
    for write in (np.savez, np.savez_compressed):
        write(tmp_path / "a.npz", **arrays)
        check_npz(tmp_path / "a.npz")


def test_an_archive_of_zeros_is_refused_before_it_is_read(tmp_path, little_memory):
    file = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w", force_zip64=True) as member,
    ):
        member.write(header_of((300 * 2**18,)))
        for _ in range(300):
            member.write(bytes(2**20))
    with pytest.raises(ValueError, match="zip bomb"):
        check_npz(file)


@pytest.mark.parametrize(
    "content",
    [
        header_of((10**12,)),
        header_of((10**12, 10**12)),
        header_of((-1,)),
        header_of((10**12,), "<U0"),
        header_of((True,)) + bytes(4),
        header_of((3,)) + bytes(8),
        b"\x93NUMPY\x02\x00" + (2**32 - 1).to_bytes(4, "little") + bytes(100),
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65_535,
        b"\x93NUMPY\x09\x00",
        b"no array",
        b"",
    ],
)
def test_an_array_that_is_not_what_its_header_says(tmp_path, little_memory, content):
    with pytest.raises(ValueError, match=r"its array 'a\.npy'"):
        check_npz(npz(tmp_path / "a.npz", a=content))


def test_an_array_that_is_larger_than_the_archive_says(tmp_path, little_memory):
    """A lying directory: 140 bytes are declared, and 100 MiB come."""
    file = npz(tmp_path / "a.npz", a=header_of((3,)) + bytes(100 * 2**20))
    content = bytearray(file.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (128 + 12).to_bytes(4, "little")
    file.write_bytes(content)
    before = reset_peak()
    with pytest.raises(zipfile.BadZipFile):
        check_npz(file)
    assert peak_mib() - before < 50


def test_an_archive_of_other_files_or_of_odd_ones(tmp_path):
    file = tmp_path / "a.npz"
    for names, compression in (
        (["a.txt"], 0),
        (["a.npy", "a.npy"], 0),
        (["a.npy"], zipfile.ZIP_BZIP2),
        (["a.npy"], zipfile.ZIP_LZMA),
    ):
        with zipfile.ZipFile(file, "w", compression) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of two files of one name
            for name in names:
                archive.writestr(name, header_of((0,)))
        with pytest.raises(ValueError, match=r"its file|one name"):
            check_npz(file)


def test_an_array_file_that_is_not_as_large_as_it_says(tmp_path, little_memory):
    file = tmp_path / "a.npy"
    np.save(file, np.arange(6.0).reshape(2, 3))
    assert open_npy(file).tolist() == [[0, 1, 2], [3, 4, 5]]
    for content in (
        header_of((10**15,)),
        header_of((3,)) + bytes(100),
        header_of((1,), "|O") + b"cos\nsystem\n.",
        b"PK",
        b"",
    ):
        file.write_bytes(content)
        with pytest.raises(ValueError):
            open_npy(file)


def test_what_is_opened_cannot_be_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([{}], object))
    with open_npz(tmp_path / "a.npz") as arrays, pytest.raises(ValueError, match="allow_pickle=False"):
        arrays["a"]
    np.save(tmp_path / "a.npz.npy", np.arange(3))
    with pytest.raises(ValueError, match="one array"):
        open_npz(tmp_path / "a.npz.npy")


def test_a_parquet_file_whose_rows_or_texts_grow_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "a.parquet"
    file.write_bytes(parquet([{"a": "b" * 1_000}] * 50_000))
    with open_parquet(file) as opened:
        assert opened.metadata.num_rows == 50_000
    monkeypatch.setattr("utils.common.archives.MIN_BOMB_ROWS", 10_000)
    monkeypatch.setattr("utils.common.archives.MAX_ROWS_PER_BYTE", 2)
    with pytest.raises(ValueError, match="50,000 rows"):
        open_parquet(file)


def test_one_module_opens_archives_of_arrays():
    """All others use it, so that none is opened without the check."""
    paths = [path for folder in ("utils", "models", "components") for path in (ROOT / folder).rglob("*.py")]
    opening = {"np.load", "parquet.ParquetFile", "ParquetFile"}
    callers = [
        path.name
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in opening
    ]
    assert set(callers) == {"archives.py"}
