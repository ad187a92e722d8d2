"""What the jobs share that measure batches of stores made for them: options, the table, the result file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.common.arguments import parser
from bench.common.printing import Row, print_table
from bench.common.record import write_results
from pypack import PackedBatch


def run_batch_job(
    name: str,
    description: str | None,
    title: str,
    measure: Callable[[Path, int, int], list[Row]],
    arguments: list[str],
    packages: tuple[str, ...],
) -> None:
    """Measures, prints the table and writes the result file.

    Args:
        measure: rows of the table, from a folder for stores, their tokens, and how often to repeat.
        packages: whose versions the result file names.
    """
    options = parser(name, description)
    options.add_argument("--tokens", type=int, default=20_000_000)
    options.add_argument("--repeats", type=int, default=15)
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    args = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), args.tokens, args.repeats)
    print_table(rows, title)
    if not args.no_results:
        print(write_results(name, rows, *packages))


def batch_bytes(batch: PackedBatch) -> int:
    """Bytes of the arrays of a batch that have rows or items: what making it writes at least."""
    arrays = [value for value in batch.to_dict().values() if isinstance(value, np.ndarray) and value.ndim > 1]
    return sum(array.nbytes for array in arrays)
