"""The process that reads ends with whoever reads, however that one goes."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path

import pyarrow as pa
from fixtures.corpus_files import write_parquet

from pypack.columnar.process import ColumnarReader
from pypack.columnar.request import ReadRequest


def test_a_reader_in_a_cycle_leaves_nothing_open(tmp_path: Path) -> None:
    """The garbage collector asks older objects first: here a process that an earlier reader left."""
    path = write_parquet(tmp_path / "a.parquet", pa.table({"text": ["one", "two"]}))
    request = ReadRequest(path, "parquet", "text", is_text=True)
    with ColumnarReader() as earlier:
        assert len(list(earlier.read(request))) == 1
        assert earlier._process is not None
        pid = earlier._process.pid
    assert Path(f"/proc/{pid}").exists()  # it waits for the next one

    def leave_in_a_cycle() -> None:
        reader = ColumnarReader()
        batches = reader.read(request)
        next(batches)
        assert reader._process is not None
        assert reader._process.pid == pid
        cycle: list[object] = [batches, reader]
        cycle.append(cycle)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        leave_in_a_cycle()
        gc.collect()
    assert [str(warning.message) for warning in told] == []
    assert not Path(f"/proc/{pid}").exists()
