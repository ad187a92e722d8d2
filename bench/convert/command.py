r"""How fast stores are converted, both ways, beside the disk and the other libraries themselves.

    python bench convert

A store of made-up documents is written in each format, and read back into a store. Beside it, in turns: the
same bytes of tokens written to the disk and synced; and where the format's own library is installed, its
writer or reader with the same rows. Checked first: that reader gives the ids of the store. MB are those of
the tokens as int32, 4 bytes each, whatever a format makes of them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.common.arguments import parser
from bench.common.printing import Row, print_table
from bench.common.record import write_results
from bench.common.timing import measure_in_turns
from bench.convert.libraries import READERS, ids_of
from pypack import Ragged, StoreWriter, TokenStore
from pypack.formats.convert import import_store, write
from pypack.formats.formats import FORMATS
from pypack.formats.from_store import stream_of
from pypack.formats.opening import opened

VOCABULARY = 100_000


def make_store(path: Path, tokens: int) -> TokenStore:
    """Documents of some 600 tokens each."""
    numbers = np.random.default_rng(0)
    with StoreWriter(path, vocab_size=VOCABULARY) as writer:
        while writer.num_tokens < tokens:
            lengths = np.clip(numbers.lognormal(6, 1, 2000), 1, 50_000).astype(np.int64)
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
            values = numbers.integers(0, VOCABULARY, int(offsets[-1]), dtype=np.uint32)
            writer.append(Ragged(values, offsets))
    return TokenStore.open(path)


def removed(path: Path) -> None:
    """Takes away what a run before has written."""
    for place in path.parent.glob(f"{path.name}*"):
        shutil.rmtree(place) if place.is_dir() else place.unlink()


def to_format(store: TokenStore, form: str, path: Path) -> None:
    """A store into a format."""
    removed(path)
    write(stream_of(store, None), path, form, "the store", allow_loss=False)


def to_store(source: Path, path: Path) -> None:
    """A format into a store."""
    removed(path)
    found = opened(source)
    import_store(found.stream, path, vocab_size=VOCABULARY, found=found.found)


def to_disk(data: bytes, path: Path) -> None:
    """Bytes to the disk, synced."""
    with path.open("wb") as file:
        file.write(data)
        os.fsync(file.fileno())


def measure(store: TokenStore, form: str, folder: Path, repeats: int) -> Row:
    """The row of a format."""
    there, back = folder / f"{form}_there", folder / f"{form}_back"
    to_format(store, form, there)
    expected = np.concatenate(list(store))
    ways: dict[str, Callable[[], Any]] = {
        "write": partial(to_format, store, form, there),
        "read": partial(to_store, there, back),
        "disk": partial(to_disk, expected.astype(np.int32).tobytes(), folder / "bytes"),
    }
    reader = READERS.get(form)
    if reader is not None and reader.is_installed():
        assert np.array_equal(ids_of(reader.read(there)), expected), form
        ways["library"] = partial(reader.read, there)
    timings = measure_in_turns(ways, repeats)
    megabytes = store.num_tokens * 4 / 1e6
    assert np.array_equal(np.concatenate(list(TokenStore.open(back))), expected), form
    speeds = {name: megabytes / timing.median for name, timing in timings.items()}
    row: Row = {"format": form, "MB": megabytes}
    row |= {f"{name}, MB/s": speeds.get(name, float("nan")) for name in ("write", "read", "disk", "library")}
    slower = min(speeds["disk"], speeds.get("library", speeds["disk"]))
    removed(there), removed(back)
    return row | {"write / disk": speeds["write"] / speeds["disk"], "read / slower": speeds["read"] / slower}


def main(arguments: list[str]) -> None:
    """Measures every format, prints the table and writes the result file."""
    options = parser("convert", __doc__)
    options.add_argument("--tokens", type=int, default=50_000_000)
    options.add_argument("--formats", nargs="+", choices=[*FORMATS], default=[*FORMATS])
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    args = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        store = make_store(Path(name) / "store", args.tokens)
        rows = [measure(store, form, Path(name), args.repeats) for form in args.formats]
    print_table(rows, "stores into formats and back; MB of int32 ids a second")
    if not args.no_results:
        print(write_results("convert", rows, "pyarrow", "datasets", "array_record", "litdata"))
