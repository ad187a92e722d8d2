"""Whatever a Parquet or Arrow file holds, it costs that file alone: no crash, no hang, no flood."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.bombs import (
    dictionary_bomb,
    one_long_page,
    one_long_text,
    shared_dictionary,
    shared_views,
)
from fixtures.corpus_files import read_all, write, write_arrow, write_parquet
from fixtures.damaged_columns import (
    ROWS,
    TEXTS,
    bad_index,
    bad_offset,
    bad_view,
    encrypted_column,
)

from pypack import corpus
from pypack.columnar.process import ColumnarReader, DamagedColumnsError
from pypack.columnar.request import ReadRequest
from pypack.formats.convert import read_documents
from pypack.store.column_types import joined_tables, record_batch

_ARROW: dict[str, Callable[[Path], str]] = {
    "offset": lambda p: bad_offset(p, pa.string(), "text", 20, 2**31 - 65536),
    "negative": lambda p: bad_offset(p, pa.string(), "text", 20, -(2**31) + 65536),
    "last": lambda p: bad_offset(p, pa.string(), "text", ROWS, 2**31 - 65536),
    "large": lambda p: bad_offset(p, pa.large_string(), "text", 7, 2**62),
    "kept": lambda p: bad_offset(p, pa.string(), "k", 25, 2**31 - 2**20),
    "kept large": lambda p: bad_offset(p, pa.large_string(), "k", 25, -(2**62)),
    "view": bad_view,
    "index": bad_index,
    "kept index": lambda p: bad_index(p, "k"),
}


@pytest.mark.parametrize("kind", _ARROW)
def test_damaged_buffers_cost_their_file(kind: str, tmp_path: Path) -> None:
    bad = _ARROW[kind](tmp_path / "a.arrow")
    good = write(tmp_path / "b.jsonl", b'{"text": "after it"}\n')
    texts, rejects = read_all([bad, good], keep=["k"])
    assert texts == ["after it"]
    assert rejects == [(0, "damaged_file")]


def test_damage_in_a_column_that_nobody_asks_for_costs_nothing(tmp_path: Path) -> None:
    path = bad_offset(tmp_path / "a.arrow", pa.string(), "k", 25, 2**31 - 2**20)
    assert read_all(path) == (TEXTS, [])


def test_columns_of_one_name(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"]), pa.array(["c"])], ["text", "text", "k"])
    parquet, arrow = write_parquet(tmp_path / "a.parquet", table), write_arrow(tmp_path / "b.arrow", table)
    good = write(tmp_path / "c.jsonl", b'{"text": "after it"}\n')
    assert read_all([parquet, arrow, good]) == (["after it"], [(0, "column_twice")] * 2)
    assert read_all([parquet], field="k") == (["c"], [])


@pytest.mark.parametrize("field", ["text", "secret"])
def test_an_encrypted_column(field: str, tmp_path: Path) -> None:
    path = encrypted_column(tmp_path / "a.parquet")
    good = write(tmp_path / "b.jsonl", b'{"%s": "after it"}\n' % field.encode())
    texts, rejects = read_all([path, good], field=field)
    assert texts == ["after it"] or (field == "text" and texts == [*TEXTS, "after it"])
    assert len(texts) > 1 or rejects == [(0, "damaged_file")]


def test_a_reader_that_dies_costs_its_file(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", pa.table({"text": TEXTS * 4000}), row_group_size=1000)
    request = ReadRequest(path, "parquet", "text", is_text=True, batch_bytes=1000)
    with ColumnarReader() as reader:
        batches = reader.read(request)
        next(batches)
        assert reader._process is not None
        os.kill(reader._process.pid, signal.SIGSEGV)
        with pytest.raises(DamagedColumnsError, match="crashed \\(SIGSEGV\\)"):
            list(batches)
        assert sum(batch.rows for batch in reader.read(request)) == 4000 * ROWS  # another took its place


def test_a_mapped_file_that_shrinks_costs_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    table = pa.table({"text": ["x" * 1000] * 20000})
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    batches = corpus.read([path], batch_bytes=1 << 16)
    next(batches)
    os.truncate(path, 8192)
    *_, last = batches
    assert [reject.kind for reject in last.rejects] == ["damaged_file"]


def test_a_reader_that_loops_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pypack.columnar import process

    loop = "import pypack.columnar.files as f; "
    loop += "f.read_pieces = lambda *_: iter(lambda: [0 for _ in iter(int, 1)], 0); "
    loop += "import pypack.columnar.child as c; c._SECONDS_PER_BATCH = 0.2; "
    monkeypatch.setattr(
        process,
        "_PROGRAM",
        process._PROGRAM.replace("from pypack.columnar.child", loop + "from pypack.columnar.child"),
    )
    path = write_parquet(tmp_path / "a.parquet", pa.table({"text": TEXTS}))
    *_, last = corpus.read([path])
    assert "does not come to an end" in last.rejects[0].reason


# What runs in a process of its own, so that its memory and that of its children can be told.
_MEASURED = """
import resource, sys
from pypack import corpus
rejects = [r for batch in corpus.read(sys.argv[1:]) for r in batch.rejects]
own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) >> 10)
print(*{r.kind for r in rejects})
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no limits on memory elsewhere")
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.parquet", dictionary_bomb),
        ("b.parquet", one_long_page),
        ("c.arrow", one_long_text),
        ("d.arrow", shared_views),
        ("e.arrow", shared_dictionary),
    ],
)
def test_bombs_are_refused_with_little_memory(name: str, make: Callable[[Path], str], tmp_path: Path) -> None:
    path = make(tmp_path / name)
    assert os.path.getsize(path) < 200_000  # noqa: PTH202
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, path], capture_output=True, text=True, timeout=60, check=True
    )
    megabytes, *kinds = done.stdout.split()
    assert int(megabytes) < 512
    assert kinds
    assert set(kinds) <= {"damaged_file", "expands_too_far", "too_long"}
    assert time.monotonic() - begin < 30


def test_the_limit_of_a_document_holds_for_rows(tmp_path: Path) -> None:
    texts = ["short", "x" * 2000, "also short", "y" * 3000, "z" * 3000, "end"]
    expected = (["short", "also short", "end"], [(1, "too_long"), (3, "too_long"), (4, "too_long")])
    columns = {
        "plain": pa.array(texts),
        "view": pa.array(texts, pa.string_view()),
        "dictionary": pa.array(texts).dictionary_encode(),
    }
    for name, column in columns.items():
        table = pa.table({"text": column, "k": list(range(6))})
        for path in (
            write_arrow(tmp_path / f"{name}.arrow", table),
            write_parquet(tmp_path / f"{name}.parquet", table),
        ):
            assert read_all(path, max_document_bytes=1000) == expected, name
    long = pa.table({"text": ["a", "b"], "k": ["x" * 2000, "y"]})
    assert read_all(write_arrow(tmp_path / "k.arrow", long), keep=["k"], max_document_bytes=1000) == (
        ["b"],
        [(0, "too_long")],
    )


def test_kept_columns_that_cannot_be_kept(tmp_path: Path) -> None:
    bad = pa.array([b"ok", b"\xff\xfe"]).view(pa.string())
    nested = pa.StructArray.from_arrays([bad], ["s"])
    for name, column in {"plain": bad, "nested": nested}.items():
        path = write_arrow(tmp_path / f"{name}.arrow", pa.table({"text": ["a", "b"], "k": column}))
        assert read_all(path, keep=["k"]) == (["a"], [(1, "invalid_utf8")]), name
    far = pa.array([0, 2**62], pa.timestamp("s"))
    path = write_arrow(tmp_path / "far.arrow", pa.table({"text": ["a", "b"], "k": far}))
    assert read_all(path, keep=["k"]) == (["a"], [(1, "kept_value")])
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array(["x"]))
    path = write_arrow(tmp_path / "runs.arrow", pa.table({"text": ["a", "b"], "k": runs}))
    assert read_all(path, keep=["k"]) == ([], [(0, "column_type")])


def test_damaged_files_of_token_ids(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"input_ids": [[1, 2], [3, None]]}), path)
    with pytest.raises(ValueError, match=r"a\.parquet: a list of token ids holds a null"):
        list(read_documents(path))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"a\.parquet: "):
        list(read_documents(path))
    pq.write_table(pa.table({"input_ids": pa.array([[1, 2]], pa.list_(pa.int32(), 2))}), path)
    with pytest.raises(ValueError, match="must be a list of integers"):
        list(read_documents(path))


def test_times_in_nanoseconds_beside_text(tmp_path: Path) -> None:
    """Their joint type is JSON text; Python has no value for them."""
    times = pa.array([1_600_000_000_123_456_789, None], pa.timestamp("ns"))
    columns = {
        "plain": times,
        "list": pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), times),
        "struct": pa.StructArray.from_arrays(
            [times, times.cast(pa.int64()).cast(pa.duration("ns"))], ["t", "d"]
        ),
    }
    for name, column in columns.items():
        one = write_arrow(tmp_path / f"{name}.arrow", pa.table({"text": ["a", "b"], "k": column}))
        two = write(tmp_path / f"{name}.jsonl", b'{"text": "c", "k": "word"}\n')
        first, second = corpus.read([one, two], keep=["k"])
        tables = [
            pa.table(
                [record_batch(batch.columns, len(batch)).column(0)],
                schema=record_batch(batch.columns, len(batch)).schema,
            )
            for batch in (first, second)
        ]
        values = joined_tables(tables).column("k").to_pylist()
        assert "2020-09-13 12:26:40.123456789" in values[0], name
        assert values[2] == '"word"'
