"""What other libraries' own readers make of converted files: all ids, in whatever form they have them."""

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


def ids_of(found: Any) -> NDArray[Any]:
    """All ids, end to end."""
    if hasattr(found, "combine_chunks"):
        return np.asarray(found.combine_chunks().flatten())
    return np.asarray(found) if isinstance(found, np.ndarray) else np.concatenate(found)
