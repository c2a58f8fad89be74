"""Files that are small and valid in part, but grow without measure, hide code, or lead out of their folder.

`HOSTILE` has, by name, the readers that are tried and what is written for them: the contents of files by their names. Whatever is
unpickled makes the file `CANARY`.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tests.helpers import hostile_models
from tests.helpers.readers import READERS

CANARY = Path(tempfile.gettempdir()) / f"unpickled-{os.getpid()}"
MEBIBYTE = 2**20
BOMB_MEBIBYTES = 512
"""What a bomb grows to."""
LONG_LINE = 10**7
"""Bytes of a long line."""


class Malicious:
    """Makes a file when it is unpickled."""

    def __reduce__(self):
        return (open, (str(CANARY), "w"))


JSON_READERS = ("squad questions", "squad predictions", "facts", "memory questions", "responses", "item parameters", "documents",
                "rankings", "searched texts")  # fmt: skip
TEXT_READERS = ("facts", "templates", "memory questions", "responses", "documents", "rankings", "searched texts")


def _bomb(compress: Callable[[bytes], bytes], part: bytes) -> bytes:
    """A file of many compressed parts, which together grow to `BOMB_MEBIBYTES`."""
    member = compress(part * (MEBIBYTE // len(part)))
    return member * BOMB_MEBIBYTES


def _text_file(content: str | bytes) -> dict[str, bytes]:
    return {"data.txt": content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content}


def _vectors_of_zeros() -> dict[str, bytes]:
    """An archive of arrays of zeros, which grows a thousand times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("document.npy", array_bytes(np.zeros(3, int)))
        with archive.open("vectors.npy", "w", force_zip64=True) as member:
            member.write(array_header((BOMB_MEBIBYTES * MEBIBYTE // 16, 4)))
            for _ in range(BOMB_MEBIBYTES // 16):
                member.write(bytes(16 * MEBIBYTE))
    return {"v.npz": buffer.getvalue()}


def array_header(shape: tuple, dtype: str = "<f4") -> bytes:
    """The beginning of an array."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"shape": shape, "fortran_order": False, "descr": dtype})
    return buffer.getvalue()


def array_bytes(array: np.ndarray, **options) -> bytes:
    """A whole array file."""
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def _archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def _objects() -> bytes:
    return array_bytes(np.array([Malicious()], object), allow_pickle=True)


COLUMNS = (
    *("subject", "relation", "object", "student", "item", "response"),
    *("query", "candidate", "relevance", "text", "question", "context"),
)
"""Columns that readers of tables look for."""


def _parquet_of_many_rows() -> bytes:
    """A Parquet file of 5 million rows that are all alike."""
    import pyarrow
    from pyarrow import parquet

    rows = 10**6
    table = pyarrow.table(
        {name: pyarrow.DictionaryArray.from_arrays(np.zeros(rows, np.int8), ["1"]) for name in COLUMNS}
    )
    buffer = io.BytesIO()
    with parquet.ParquetWriter(buffer, table.schema) as writer:
        for _ in range(5):
            writer.write_table(table, row_group_size=rows)
    return buffer.getvalue()


def _parquet_of_long_texts() -> bytes:
    """A Parquet file with very long texts, which compress a thousand times."""
    import pyarrow
    from pyarrow import parquet

    buffer = io.BytesIO()
    table = pyarrow.table({name: ["a" * (BOMB_MEBIBYTES // 8 * MEBIBYTE)] for name in COLUMNS})
    parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


XML_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE posts [<!ENTITY a0 "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + ']><posts><row Id="1" PostTypeId="1" Title="&a9;" Body="&a9;"/>&a9;</posts>'
)
XML_QUADRATIC = f'<!DOCTYPE posts [<!ENTITY a "{"a" * 100_000}">]><posts>{"&a;" * 100_000}</posts>'
XML_FILE = (
    '<!DOCTYPE posts [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY % b SYSTEM "file:///dev/zero"> %b;]>'
    '<posts><row Id="1" PostTypeId="1" Title="&a;" Body="b"/></posts>'
)
XML_DEEP = "<posts>" + "<a>" * 1_000_000
_XML_ATTRIBUTES = "<posts><row " + " ".join(f'a{n}="1"' for n in range(300_000)) + "/></posts>"


def _pretrained(**changes: bytes) -> dict[str, bytes]:
    names = {
        "weights": "model.safetensors",
        "config": "config.json",
        "tokenizer": "tokenizer.json",
        "pickle": "pytorch_model.bin",
    }
    files = dict(READERS["pretrained folders"].examples()["bert"])
    for name, content in changes.items():
        files[names[name]] = content
        if name == "pickle":
            del files["model.safetensors"]
    return files


def _safetensors(header: bytes, length: int | None = None) -> bytes:
    return (len(header) if length is None else length).to_bytes(8, "little") + header


def _tokenizer(**parts) -> bytes:
    tokenizer = json.loads(READERS["tokenizers"].examples()["bert"]["tokenizer.json"])
    return json.dumps({**tokenizer, **parts}).encode()


def _replace(content: str) -> dict:
    return {"type": "Replace", "pattern": {"String": content[:1]}, "content": content}


def _model(**contents) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        file, *_ = hostile_models.saved_model(Path(folder))
        return {"model.keras": hostile_models.with_files(file, **contents).read_bytes()}


def _setting(**settings) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        file, config, _ = hostile_models.saved_model(Path(folder))
        return {"model.keras": hostile_models.with_settings(file, config, **settings).read_bytes()}


HOSTILE: dict[str, tuple[tuple[str, ...], Callable[[], dict[str, bytes]]]] = {
    "gzip bomb, one line": (JSON_READERS, lambda: _text_file(_bomb(gzip.compress, b"[[],"))),
    "gzip bomb, many lines": (TEXT_READERS, lambda: _text_file(_bomb(gzip.compress, b"a\tb\tc\n1 "))),
    "bzip2 bomb": (TEXT_READERS, lambda: _text_file(_bomb(bz2.compress, b"a,b,1\n"))),
    "xz bomb": (TEXT_READERS, lambda: _text_file(_bomb(lzma.compress, b"a\tb\t1\n"))),
    "compressed XML bomb": (("rankings",), lambda: _text_file(_bomb(gzip.compress, b"<posts>"))),
    "XML entities in entities": (("rankings", "searched texts"), lambda: _text_file(XML_BOMB)),
    "XML entity, repeated": (("rankings",), lambda: _text_file(XML_QUADRATIC)),
    "XML entities of files": (("rankings",), lambda: _text_file(XML_FILE)),
    "XML, a million tags deep": (("rankings",), lambda: _text_file(XML_DEEP)),
    "XML tag of 300,000 attributes": (("rankings",), lambda: _text_file(_XML_ATTRIBUTES)),
    "JSON, a million brackets deep": (JSON_READERS, lambda: _text_file("[" * 10**6)),
    "JSON, 100,000 objects deep": (JSON_READERS, lambda: _text_file('{"data":' * 10**5 + "1" + "}" * 10**5)),
    "JSON lines, one deep": (JSON_READERS, lambda: _text_file('{"a": 1}\n' + "[" * 10**6 + "\n" + '{"a": 1}\n')),
    "JSON number of 10,000 digits": (JSON_READERS, lambda: _text_file('{"a": ' + "9" * 10**4 + "}")),
    "long line": (TEXT_READERS, lambda: _text_file("a" * LONG_LINE)),
    "long line of tabs": (TEXT_READERS, lambda: _text_file("\t" * LONG_LINE)),
    "long line of quotes": (TEXT_READERS, lambda: _text_file('"' * LONG_LINE + "\na\tb\n")),
    "100,000 lines of quotes": (TEXT_READERS, lambda: _text_file('a"\t"b\n' * 10**5)),
    "JSON, long texts": (JSON_READERS, lambda: _text_file(json.dumps([{"text": "a" * LONG_LINE, "question": "a" * LONG_LINE}]))),
    "NUL bytes": (TEXT_READERS, lambda: _text_file(bytes(10**6))),
    "half characters": (JSON_READERS, lambda: _text_file('{"text": "\\ud83d", "subject": "\\ud83d", "\\ud83d": "\\ud83d"}')),
    "Parquet of 5 million rows": (JSON_READERS, lambda: _text_file(_parquet_of_many_rows())),
    "Parquet of long texts": (JSON_READERS, lambda: _text_file(_parquet_of_long_texts())),
    "vectors that are a zip bomb": (("vectors",), _vectors_of_zeros),
    "vectors of a false shape": (
        ("vectors",),
        lambda: {"v.npz": _archive(vectors=array_header((10**12, 4)), document=array_bytes(np.zeros(3, int)))},
    ),
    "vectors that are pickled": (("vectors",), lambda: {"v.npz": _archive(vectors=_objects(), document=_objects())}),
    "array of a false shape": (
        ("vectors",),
        lambda: {"v.npy": array_header((10**12, 4)), "v.document.npy": array_header((10**12,), "<U0")},
    ),
    "array that is pickled": (("vectors",), lambda: {"v.npy": _objects(), "v.document.npy": _objects()}),
    "pickle in the place of vectors": (("vectors",), lambda: {"v.npz": pickle.dumps(Malicious())}),
    "safetensors, header of 2**63 bytes": (
        ("pretrained folders",), lambda: _pretrained(weights=_safetensors(b"{}", 2**63)),
    ),
    "safetensors, header of 90 MiB": (
        ("pretrained folders",),
        lambda: _pretrained(weights=_safetensors(b"{" + b" " * 90 * MEBIBYTE + b"}")),
    ),
    "safetensors, deep header": (("pretrained folders",), lambda: _pretrained(weights=_safetensors(b'{"a":' * 10**5))),
    "safetensors of a false shape": (
        ("pretrained folders",),
        lambda: _pretrained(
            weights=_safetensors(
                b'{"embeddings.word_embeddings.weight": {"dtype": "F32", "shape": [1000000000000, 24], "data_offsets": [0, 8]}}'
            )
        ),
    ),
    "pretrained weights that are a pickle": (("pretrained folders",), lambda: _pretrained(pickle=pickle.dumps(Malicious()))),
    "pretrained sizes": (
        ("pretrained folders",),
        lambda: _pretrained(
            config=json.dumps({"model_type": "bert", "vocab_size": 10**12, "hidden_size": 10**12, "num_hidden_layers": 10**12,
                               "num_attention_heads": 1, "intermediate_size": 10**12, "max_position_embeddings": 10**12}).encode()
        ),
    ),
    "tokenizer that makes texts grow": (
        ("tokenizers",),
        lambda: {"tokenizer.json": _tokenizer(normalizer={"type": "Sequence", "normalizers": [_replace("o" * 1_000)] * 9})},
    ),
    "tokenizer with a pattern that goes back": (
        ("tokenizers",),
        lambda: {
            "tokenizer.json": _tokenizer(
                pre_tokenizer={"type": "Split", "pattern": {"Regex": "(\\w+)+!"}, "behavior": "Isolated", "invert": False}
            )
        },
    ),
    "tokenizer, deep": (("tokenizers",), lambda: {"tokenizer.json": b'{"a":' * 10**6}),
    "model of 10**9 words": (("saved models",), lambda: _setting(vocabulary_size=10**9)),
    "model that names code": (("saved models",), lambda: _setting(encoder=hostile_models.CODE)),
    "model with a lambda": (("saved models",), lambda: _model(config=hostile_models.LAMBDA)),
    "model with a deep config": (("saved models",), lambda: _model(config=b"[" * 10**6)),
    "model with a file outside of it": (("saved models",), lambda: _model(more={"../../evil": b"1"})),
    "model that is a zip bomb": (
        ("saved models",), lambda: _model(weights=bytes(256 * MEBIBYTE), compression=zipfile.ZIP_DEFLATED),
    ),
    **{
        f"model, weights: {change.__name__.replace('_', ' ')}": (
            ("saved models",), partial(lambda change: _model(weights=hostile_models.weights_with(change)), change),
        )
        for change in hostile_models.WEIGHTS
    },
}  # fmt: skip
"""Name to the readers that it is given to, and a function that makes its files."""


MAY_BE_ACCEPTED = {
    "JSON, a million brackets deep", "JSON, 100,000 objects deep", "JSON number of 10,000 digits", "long line",
    "long line of quotes", "100,000 lines of quotes", "JSON, long texts", "NUL bytes", "half characters",
}  # fmt: skip
"""Names of files in which some reader finds a harmless text."""


def files_of(name: str) -> dict[str, bytes]:
    """The contents of the files, by their names."""
    return HOSTILE[name][1]()


def cases() -> Iterator[tuple[str, str]]:
    """Yield each name of `HOSTILE` with each of its readers."""
    for name, (readers, _) in HOSTILE.items():
        for reader in readers:
            yield name, reader
