"""The arrays of a plan: their names and types, and how they are mapped from the files of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pypack._common import mapped
from pypack.plan import files as plan_files
from pypack.plan import literals
from pypack.plan.literals import Literals

# In the order that the kernels take them.
ARRAYS: Mapping[str, np.dtype[Any]] = {
    "sequence_offsets": np.dtype("<i8"),
    "span_document": np.dtype("<i8"),
    "span_start": np.dtype("<i4"),
    "span_length": np.dtype("<i4"),
    "sequence_capacity": np.dtype("<i4"),
}


class MappedArrays(NamedTuple):
    """What a plan has of its files.

    Attributes:
        arrays: those of `ARRAYS`, by name.
        documents: int64 [D], of a plan of a selection; None of another.
        literals: of a plan that has some.
        files: that they are mapped from.
    """

    arrays: dict[str, NDArray[Any]]
    documents: NDArray[np.int64] | None
    literals: Literals | None
    files: list[mapped.Mapped]


def map_arrays(directory: Path, header: Mapping[str, Any]) -> MappedArrays:
    """Maps the arrays of a plan, for reading.

    Args:
        directory: of the plan.
        header: its plan.json, checked.

    Raises:
        ValueError: a file is missing, or does not hold what plan.json states; the message names it.
    """
    sizes = plan_files.array_sizes(header)

    def map_those(dtypes: Mapping[str, np.dtype[Any]]) -> dict[str, NDArray[Any]]:
        return {
            name: plan_files.map_array(directory, name, dtype, sizes[name])
            for name, dtype in dtypes.items()
            if name in sizes
        }

    arrays = map_those(ARRAYS)
    documents = plan_files.map_documents(directory, header)
    beside = map_those(literals.ARRAYS)
    names = [*arrays, *(() if documents is None else ("documents",)), *beside]
    files = mapped.remember(directory.resolve() / f"{name}.npy" for name in names)
    return MappedArrays(arrays, documents, Literals(*beside.values()) if beside else None, files)
