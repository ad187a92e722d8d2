"""Batches on their way from the reading process, by pages or by copies: whole, checked, nothing left open."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from fixtures.corpus_files import read_all, write_arrow, write_parquet

from pypack.columnar import outlet
from pypack.columnar.outlet import Outlet
from pypack.columnar.process import ColumnarReader
from pypack.columnar.request import ReadRequest

_SIZES = [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 4097, 3 << 20, 5]


def _fails_after(calls: int) -> outlet._Splice:
    """A system that has the call, and then has it no longer."""
    real = outlet._found_splice()
    left = [calls]

    def splice(descriptor: int, address: int, size: int) -> int:
        left[0] -= 1
        if real is None or left[0] < 0:
            raise OSError(38, "Function not implemented")
        return real(descriptor, address, size)

    return splice


def _sent(out: Outlet, read: int, parts: list[bytes]) -> bytes:
    got: list[bytes] = []

    def take() -> None:
        with os.fdopen(read, "rb") as stream:
            while data := stream.read(100_000):
                got.append(data)

    reader = threading.Thread(target=take)
    reader.start()
    for part in parts:
        assert out.write(pa.py_buffer(part)) == len(part)
    out.flush()
    out.close()
    reader.join()
    return b"".join(got)


@pytest.mark.parametrize("way", ["pages", "copies", "pages no longer", "pages never"])
def test_all_that_is_written_arrives(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 256, size, np.uint8).tobytes() for size in _SIZES * 2]
    read, write = os.pipe()
    out = Outlet(write, splices=way != "copies")
    if way.startswith("pages n"):
        monkeypatch.setattr(out, "_splice", _fails_after(2 if way == "pages no longer" else 0))
    assert _sent(out, read, parts) == b"".join(parts)


def test_pages_are_held_until_they_are_forgotten() -> None:
    read, write = os.pipe()
    out = Outlet(write)
    data = pa.py_buffer(bytes(1 << 16))
    before = sys.getrefcount(data)
    threading.Thread(target=lambda: os.read(read, 1 << 17)).start()
    out.write(data)
    assert sys.getrefcount(data) == before + (out._splice is not None)
    out.forget()
    assert sys.getrefcount(data) == before
    out.close()
    os.close(read)


@pytest.mark.parametrize("splices", [True, False])
def test_a_reader_that_is_gone(splices: bool) -> None:
    read, write = os.pipe()
    out = Outlet(write, splices=splices)
    os.close(read)
    with pytest.raises(BrokenPipeError):
        out.write(pa.py_buffer(bytes(1 << 20)))
    out.close()


@pytest.mark.parametrize("way", ["pages", "copies"])
def test_batches_that_are_kept_stay_what_they_are(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pypack.columnar import process

    if way == "copies":
        without = "import pypack.columnar.outlet as o; o._found_splice = lambda: None; "
        program = process._PROGRAM.replace(
            "from pypack.columnar.child", without + "from pypack.columnar.child"
        )
        assert program != process._PROGRAM
        monkeypatch.setattr(process, "_PROGRAM", program)
        monkeypatch.setattr(process, "_IDLE", [])
    texts = [f"{i} " * (i % 5000) for i in range(3000)]
    path = write_parquet(
        tmp_path / "a.parquet", pa.table({"text": texts, "n": range(3000)}), row_group_size=700
    )
    request = ReadRequest(path, "parquet", "text", is_text=True, keep=("n",), batch_bytes=1 << 19)
    with ColumnarReader() as reader:
        batches = list(reader.read(request))
        assert len(batches) > 10
        reader.close()
    assert [text for batch in batches for text in batch.columns[0].to_pylist()] == texts
    assert [n for batch in batches for n in batch.columns[1].to_pylist()] == list(range(3000))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="tells descriptors by /proc")
def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", pa.table({"text": ["x" * 70_000] * 20}))
    request = ReadRequest(path, "parquet", "text", is_text=True, batch_bytes=1 << 18)

    def descriptors(process: int | str) -> int:
        return len(list(Path(f"/proc/{process}/fd").iterdir()))

    with ColumnarReader() as reader:
        before = descriptors("self")
        list(reader.read(request))
        assert reader._process is not None
        child = reader._process.pid
        ours, theirs = descriptors("self"), descriptors(child)
        for _ in range(5):
            list(reader.read(request))
        assert (descriptors("self"), descriptors(child)) == (ours, theirs)
        reader.close()
        assert descriptors("self") <= before


def _columns(rows: int) -> pa.Table:
    """Texts of all kinds, of which some are no UTF-8, too long or null, and so are kept ones."""
    texts = [b"good %d" % i for i in range(rows)]
    for i in range(0, rows, 7):
        texts[i] = b"\xff bad"
    for i in range(3, rows, 11):
        texts[i] = b"x" * 2000
    kept: list[bytes | None] = [b"k%d" % i for i in range(rows)]
    for i in range(5, rows, 13):
        kept[i] = b"caf\xe9"
    plain: list[bytes | None] = [None if i % 17 == 4 else text for i, text in enumerate(texts)]
    columns = {"text": pa.array(plain, pa.binary()).view(pa.string()), "raw": pa.array(plain, pa.binary())}
    return pa.table({**columns, "k": pa.array(kept, pa.binary()).view(pa.string()), "n": range(rows)})


@pytest.mark.parametrize("field", ["text", "raw"])
def test_rows_that_are_not_utf8_wherever_they_are_looked_at(field: str, tmp_path: Path) -> None:
    table = _columns(300)
    parquet = write_parquet(tmp_path / "a.parquet", table, row_group_size=64)
    arrow = write_arrow(tmp_path / "a.arrow", table)
    options = {"field": field, "keep": ["k", "n"], "max_document_bytes": 1000}
    found = read_all(parquet, **options)
    assert found == read_all(arrow, **options)
    assert {kind for _, kind in found[1]} == {"invalid_utf8", "too_long", "null_text"}
    assert len(found[0]) + len(found[1]) == 300
    # With a column of dates all is looked at in the reading process.
    dated = table.append_column("d", pa.array([0] * 300, pa.timestamp("s")))
    slowly = write_parquet(tmp_path / "b.parquet", dated, row_group_size=64)
    assert read_all(slowly, **{**options, "keep": ["k", "n", "d"]}) == found


def test_damage_is_told_from_text_that_is_not_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was damaged sends rows that are not there."""
    from pypack.columnar import process

    lie = "import pypack.columnar.child as c; send = c._send; "
    lie += "c._send = lambda out, kind, v: send(out, kind, {**v, 'rows': v.get('rows', 0) + 1}); "
    program = process._PROGRAM.replace("from pypack.columnar.child", lie + "from pypack.columnar.child")
    monkeypatch.setattr(process, "_PROGRAM", program)
    monkeypatch.setattr(process, "_IDLE", [])
    path = write_parquet(tmp_path / "a.parquet", pa.table({"text": pa.array([b"\xff"]).view(pa.string())}))
    assert read_all(path) == ([], [(0, "damaged_file")])
