"""Good files of every kind, small, for the fuzzer to damage. Past crashers are made anew by `fixtures`."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import random
import shutil
import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from fixtures.bombs import claiming_index, claiming_plan, laughs
from fixtures.compared_tokenizers import CHARSMAP
from fixtures.corpus_files import json_lines
from fixtures.damaged_columns import bad_index, bad_offset, bad_view, encrypted_column, lying_footer
from fixtures.evil_pickles import EVIL, npy_of_pickle
from fixtures.random_tokenizers import KINDS, definition

import pypack
from pypack import Loader, Phase, Plan, Ragged, Schedule, Source, StoreWriter, TokenStore
from pypack.formats.convert import export

BETWEEN_RECORDS = b"<next>"


def _store(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    beside = [".mask", ".group", ".weight"]
    with StoreWriter(folder / "a.store", vocab_size=300, shard_tokens=300, beside=beside) as writer:
        for _ in range(2):
            rows = Ragged.from_rows([rng.integers(0, 300, n) for n in rng.integers(0, 40, 12)])
            columns = pa.RecordBatch.from_pydict({"k": [str(i) for i in range(12)]})
            learned = rng.integers(0, 2, len(rows.values)).astype(bool)
            places = np.tile(np.arange(3, dtype=np.int32), 4)
            writer.append(rows, columns, learned=learned, places=places, weights=np.ones(12, np.float32))
    return folder / "a.store"


def _plan(folder: Path) -> Path:
    pypack.pack(TokenStore.open(_store(folder)).lengths, 32).save(folder / "a.plan")
    return folder / "a.plan"


def _exported(to: str, name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        plan = Plan.open(_plan(folder))
        export(TokenStore.open(folder / "a.store"), folder / name, to, plan)
        return folder / name

    return make


def _arrow(folder: Path) -> Path:
    texts = pa.array(["one", "two", None, "three" * 9, "é"] * 20)
    table = pa.table(
        {
            "text": texts,
            "view": texts.cast(pa.string_view()),
            "dictionary": texts.dictionary_encode(),
            "nested": pa.array([{"a": [1, 2], "b": "x"}, None] * 50),
        }
    )
    with pa.ipc.new_file(folder / "a.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=30)
    return folder / "a.arrow"


def _parquet(folder: Path) -> Path:
    with pa.ipc.open_file(_arrow(folder)) as reader:
        table = reader.read_all().select(["text", "dictionary", "nested"])
    pq.write_table(table, folder / "a.parquet", row_group_size=40, use_dictionary=["text"])
    return folder / "a.parquet"


def _lines(folder: Path) -> Path:
    texts = [f'a "quote" \\ é 中 {i}' for i in range(30)]
    records = [{"text": text, "k": [len(text), None, {"x": 1.5e3}], "b": "1" in text} for text in texts]
    (folder / "a.jsonl").write_bytes(json_lines(records) + b"\n\r\n" + b'{"text": "\\ud83d\\ude42"}\n')
    return folder / "a.jsonl"


def _schedule(folder: Path) -> Path:
    phases = [
        Phase(steps=5, weights={"a": 1, "b": 2.5}),
        Phase(steps=9, curriculum="grow-p2", max_epochs={"a": 2}),
    ]
    (folder / "a.yaml").write_text(Schedule(phases, total_steps=20).to_yaml())
    return folder / "a.yaml"


def _state(folder: Path) -> Path:
    source = Source(
        TokenStore.open(_store(folder)), pypack.pack(TokenStore.open(folder / "a.store").lengths, 32)
    )
    loader = Loader({"a": source, "b": source}, schedule=Schedule([Phase(steps=30)]), batch_sequences=2)
    loader.set_weights({"a": 1, "b": 3}, from_step=2)
    (folder / "state.json").write_text(json.dumps(loader.state_dict()))
    return folder / "state.json"


def _packer(folder: Path) -> Path:
    packer = pypack.StreamPacker(32, buffer_tokens=200)
    for i in range(40):
        list(packer.add(list(range(i, i + i % 13))))
    state = {
        name: getattr(value, "tolist", lambda v=value: v)() for name, value in packer.state_dict().items()
    }
    (folder / "packer.json").write_text(json.dumps(state))
    return folder / "packer.json"


def _compressed(folder: Path) -> list[Path]:
    data = _lines(folder).read_bytes()
    # Two members each, the way that tools append.
    packed = {
        "gz": gzip.compress(data, mtime=0) * 2,
        "zst": zstandard.ZstdCompressor(write_checksum=True).compress(data) * 2,
    }
    for suffix, content in packed.items():
        (folder / f"a.jsonl.{suffix}").write_bytes(content)
    return [folder / f"a.jsonl.{suffix}" for suffix in packed]


def _kinds(folder: Path) -> list[Path]:
    """Arrays, tables and archives of texts, and the compressions that few have."""
    lines = _lines(folder).read_bytes()
    made = {
        "a.json": b"[" + b",\n".join(lines.splitlines()) + b"]",
        "a.csv": 'text,k\n"one, ""two""\n",1\n\u00e9\u4e2d,2\n'.encode() * 3,
        "a.tsv": b"text\tk\none\t1\n",
        "a.jsonl.bz2": bz2.compress(lines) * 2,
        "a.jsonl.xz": lzma.compress(lines) * 2,
        "a.warc": b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 9\r\n\r\nsome text\r\n\r\n" * 3,
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
    with tarfile.open(folder / "a.tar", "w") as archive:
        for name in ("0.txt", "0.json", "1.txt"):
            (folder / name).write_bytes(b'{"text": "x"}' if name.endswith("json") else b"some text")
            archive.add(folder / name, name)
    return [*(folder / name for name in made), folder / "a.tar"]


def _texts(folder: Path) -> Path:
    (folder / "a.txt").write_bytes("\ufeffone line\r\n\n\u00e9\u4e2d\U0001f642 \x00\n".encode() * 5)
    return folder / "a.txt"


def _tokenizers(folder: Path) -> list[Path]:
    """One of each kind, as small as it may be."""
    paths = []
    for kind in KINDS:
        for seed in range(3):
            path = folder / f"{kind.replace(' ', '_')}{seed}.json"
            path.write_text(json.dumps(definition(kind, random.Random(f"{kind} {seed}"), CHARSMAP)))
            paths.append(path)
    return paths


def _tiktoken(folder: Path) -> Path:
    tokens = [bytes([byte]) for byte in range(256)] + [b"ab", b"abc", b" a", b"\xe4\xb8"]
    lines = [base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens)]
    (folder / "a.tiktoken").write_bytes(b"".join(lines))
    return folder / "a.tiktoken"


def _mds(folder: Path) -> Path:
    shard = {
        "column_encodings": ["ndarray:int32"], "column_names": ["tokens"], "column_sizes": [None],
        "compression": None, "format": "mds", "hashes": [], "samples": 3, "size_limit": 1 << 26, "version": 2,
        "raw_data": {"basename": "shard.00000.mds", "bytes": 100, "hashes": {}}, "zip_data": None,
    }  # fmt: skip
    (folder / "mds").mkdir()
    (folder / "mds" / "index.json").write_text(json.dumps({"version": 2, "shards": [shard]}))
    return folder / "mds"


def _columns_exported(to: str, name: str) -> Callable[[Path], Path]:
    """A store's documents with all that is kept beside them."""

    def make(folder: Path) -> Path:
        store = TokenStore.open(_store(folder))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            export(store, folder / name, to)
        return folder / name

    return make


def _array_record(folder: Path) -> list[Path]:
    """A file, and the records in it: damage of a file shows in its hashes before its records are read."""
    from array_record.python import array_record_module

    file = _columns_exported("arrayrecord", "a.array_record")(folder)
    reader = array_record_module.ArrayRecordReader(str(file))
    (folder / "a.records").write_bytes(BETWEEN_RECORDS.join(reader.read_all()))
    reader.close()
    return [file, folder / "a.records"]


def _changed(good: Path, path: Path, old: bytes, new: bytes) -> None:
    data = good.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def _unaligned_plan(path: Path) -> None:
    """An array whose header is a byte longer, so that its items begin at odd places."""
    shutil.copytree(path.parent / "a.plan", path)
    array = path / "span_document.npy"
    data = array.read_bytes()
    longer = (int.from_bytes(data[8:10], "little") + 1).to_bytes(2, "little")
    array.write_bytes(data[:8] + longer + data[10:127] + b" \n" + data[128:])


def _half_a_character(path: Path) -> None:
    """The mark's byte is taken off the two of a character, and `tokenizers` aborts as it says so."""
    model = {"type": "BPE", "continuing_subword_prefix": "#", "vocab": {"a": 0, "\u0120": 1}}
    path.write_text(json.dumps({"version": "1.0", "model": {**model, "merges": [["a", "\u0120"]]}}))


# What each target reads: a file, a folder of which one file is damaged at a time, or a list of them.
SEEDS: dict[str, Callable[[Path], Path | list[Path]]] = {
    "store": _store,
    "plan": _plan,
    "nemo": _exported("nemo", "a.npy"),
    "flat": _exported("flat", "a.flat"),
    "ids": _exported("parquet", "ids.parquet"),
    "arrow": _arrow,
    "parquet": _parquet,
    "json_lines": _lines,
    "schedule": _schedule,
    "state": _state,
    "mds": _mds,
    "litdata": _columns_exported("litdata", "litdata"),
    "arrayrecord": _array_record,
    "packer": _packer,
    "compressed": _compressed,
    "kinds": _kinds,
    "texts": _texts,
    "tokenizer": _tokenizers,
    "tiktoken": _tiktoken,
}

# Files that ended a process once, or made it say what it must not.
CRASHERS: dict[str, list[Callable[[Path], object]]] = {
    "arrow": [
        lambda path: bad_offset(path, pa.string(), "text", 20, 2**31 - 65536),
        lambda path: bad_offset(path, pa.string(), "text", 20, -(2**31) + 65536),
        lambda path: bad_offset(path, pa.large_string(), "k", 25, 2**62),
        bad_view,
        bad_index,
    ],
    "parquet": [encrypted_column, lying_footer],
    "nemo": [lambda path, body=body: npy_of_pickle(path, body) for body in EVIL.values()],  # type: ignore[misc]
    "schedule": [lambda path: path.write_text(laughs("curriculum"))],
    "store": [lambda path: claiming_index(path.parent / "a.store", path)],
    "packer": [lambda path: _changed(_packer(path.parent), path, b'"empty_documents"', b'"\\ud800"')],
    "plan": [_unaligned_plan, lambda path: claiming_plan(path.parent / "a.plan", path)],
    "tokenizer": [_half_a_character],
}
