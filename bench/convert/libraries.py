"""Other libraries' own readers of converted files, and their writers of the same rows."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LibraryReader:
    """A library's reader of a format."""

    module: str
    read: Callable[[Path], Any]

    def is_installed(self) -> bool:
        """Whether the library is."""
        return importlib.util.find_spec(self.module.partition(".")[0]) is not None


def _parquet(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(path).column("input_ids")


def _datasets(path: Path) -> Any:
    import datasets

    return datasets.load_from_disk(str(path)).with_format("arrow")[:].column("input_ids")


def _arrayrecord(path: Path) -> Any:
    from array_record.python import array_record_module

    from pypack.formats.examples import parse
    from pypack.formats.varints import numbers_of

    records = array_record_module.ArrayRecordReader(str(path)).read_all()
    return numbers_of(*parse(records, ["input_ids"])["input_ids"][1])[0]


def _megatron(path: Path) -> Any:
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    dataset = IndexedDataset(str(path))
    # Its arrays end with it: they are views of its mapping.
    return np.concatenate([dataset[i] for i in range(len(dataset))])


def _nemo(path: Path) -> Any:
    return [sequence["input_ids"] for sequence in np.load(path, allow_pickle=True)]


def _mds(path: Path) -> Any:
    import streaming

    dataset = streaming.LocalDataset(str(path))
    return [dataset[i]["tokens"] for i in range(len(dataset))]


def _litdata(path: Path) -> Any:
    import litdata

    dataset = litdata.StreamingDataset(str(path))
    return [dataset[i]["input_ids"] for i in range(len(dataset))]


READERS: Mapping[str, LibraryReader] = {
    "parquet": LibraryReader("pyarrow", _parquet),
    "datasets": LibraryReader("datasets", _datasets),
    "arrayrecord": LibraryReader("array_record", _arrayrecord),
    "megatron": LibraryReader("megatron", _megatron),
    "nemo": LibraryReader("numpy", _nemo),
    "mds": LibraryReader("streaming", _mds),
    "litdata": LibraryReader("litdata", _litdata),
}


def _write_parquet(path: Path) -> Callable[[Path], None]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    return lambda target: pq.write_table(table, target)


def _write_dataset(path: Path) -> Callable[[Path], None]:
    import datasets

    # In memory: of a mapped one the library copies files.
    dataset = datasets.load_from_disk(str(path), keep_in_memory=True)
    return lambda target: dataset.save_to_disk(str(target))


def _write_arrayrecord(path: Path) -> Callable[[Path], None]:
    from array_record.python import array_record_module

    records = array_record_module.ArrayRecordReader(str(path)).read_all()

    def write(target: Path) -> None:
        writer = array_record_module.ArrayRecordWriter(str(target), "group_size:1")
        for record in records:
            writer.write(record)
        writer.close()

    return write


def _write_nemo(path: Path) -> Callable[[Path], None]:
    sequences = np.load(path, allow_pickle=True)

    def write(target: Path) -> None:
        with target.open("wb") as file:
            np.save(file, sequences, allow_pickle=True)

    return write


def _write_megatron(path: Path) -> Callable[[Path], None]:
    from megatron.core.datasets.indexed_dataset import IndexedDataset, IndexedDatasetBuilder

    dataset = IndexedDataset(str(path))
    rows = [np.array(dataset[i]) for i in range(len(dataset))]

    def write(target: Path) -> None:
        builder = IndexedDatasetBuilder(f"{target}.bin", dtype=np.int32)
        for row in rows:
            builder.add_document(row, [len(row)])
        builder.finalize(f"{target}.idx")

    return write


# Each takes what was converted, and gives a function that writes the same rows.
WRITERS: Mapping[str, Callable[[Path], Callable[[Path], None]]] = {
    "parquet": _write_parquet,
    "datasets": _write_dataset,
    "arrayrecord": _write_arrayrecord,
    "nemo": _write_nemo,
    "megatron": _write_megatron,
}


def ids_of(found: Any) -> NDArray[Any]:
    """All ids, end to end."""
    if hasattr(found, "combine_chunks"):
        return np.asarray(found.combine_chunks().flatten())
    return np.asarray(found) if isinstance(found, np.ndarray) else np.concatenate(found)
