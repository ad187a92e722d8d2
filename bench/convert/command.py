r"""How fast stores are converted, both ways, beside the disk and the other libraries themselves.

    python bench convert

A store of made-up documents is written in each format, and read back into a store. Beside it, in turns: the
files of the format copied as they are, and synced; and where the format's own library is installed, its
writer of the same rows, from memory, and its reader. Checked first: that reader gives the ids of the store.
MB are those of the tokens as int32, 4 bytes each, whatever a format makes of them.

`--memory` asks for something else: the most memory that a conversion takes, of stores of several sizes
(`--sizes`, in MB), without the pages of mapped files, which the system takes back when it needs them. Of so
many bytes, the disk needs twice as many.
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
from bench.convert.libraries import READERS, WRITERS, ids_of
from bench.convert.memory import memory_cells
from pypack import Ragged, StoreWriter, TokenStore
from pypack.formats.convert import import_store, write
from pypack.formats.formats import FORMATS
from pypack.formats.from_store import stream_of
from pypack.formats.opening import opened

VOCABULARY = 100_000
SMALL_VOCABULARY = 50_000  # ids of two bytes, in the stores whose memory is measured: half of the disk
WAYS = ("write", "read", "copy", "library writes", "library reads")


def make_store(path: Path, tokens: int, vocabulary: int = VOCABULARY) -> TokenStore:
    """Documents of some 600 tokens each."""
    numbers = np.random.default_rng(0)
    with StoreWriter(path, vocab_size=vocabulary) as writer:
        while writer.num_tokens < tokens:
            lengths = np.clip(numbers.lognormal(6, 1, 2000), 1, 50_000).astype(np.int64)
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
            values = numbers.integers(0, vocabulary, int(offsets[-1]), dtype=np.uint32)
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


def copied(source: Path, target: Path) -> None:
    """The files of a format as they are, to another place of the disk, synced."""
    removed(target)
    target.mkdir()
    for place in source.parent.glob(f"{source.name}*"):
        for file in [place] if place.is_file() else [one for one in place.rglob("*") if one.is_file()]:
            to = target / f"{len(os.listdir(target))}"  # noqa: PTH208
            shutil.copyfile(file, to)
            with to.open("rb") as written:
                os.fsync(written.fileno())


def measure(store: TokenStore, form: str, folder: Path, repeats: int) -> Row:
    """The row of a format."""
    there, back, other = folder / f"{form}_there", folder / f"{form}_back", folder / f"{form}_library"
    to_format(store, form, there)
    expected = np.concatenate(list(store))
    ways: dict[str, Callable[[], Any]] = {
        "write": partial(to_format, store, form, folder / f"{form}_again"),
        "read": partial(to_store, there, back),
        "copy": partial(copied, there, folder / f"{form}_copy"),
    }
    reader = READERS.get(form)
    if reader is not None and reader.is_installed():
        assert np.array_equal(ids_of(reader.read(there)), expected), form
        ways["library reads"] = partial(reader.read, there)
        if form in WRITERS:
            write_rows = WRITERS[form](there)
            ways["library writes"] = lambda: (removed(other), write_rows(other))
    timings = measure_in_turns(ways, repeats)
    megabytes = store.num_tokens * 4 / 1e6
    assert np.array_equal(np.concatenate(list(TokenStore.open(back))), expected), form
    speeds = {name: megabytes / timing.median for name, timing in timings.items()}
    row: Row = {"format": form, "MB": megabytes}
    row |= {f"{name}, MB/s": speeds.get(name, float("nan")) for name in WAYS}
    for place in folder.glob(f"{form}_*"):
        removed(place)
    return row | {f"{way} / slower": ratio(speeds, way) for way in ("write", "read")}


def ratio(speeds: dict[str, float], way: str) -> float:
    """A speed beside the slower one of copying and the library."""
    return speeds[way] / min(speeds["copy"], speeds.get(f"library {way}s", speeds["copy"]))


def memory_rows(formats: list[str], sizes: list[int], folder: Path) -> list[Row]:
    """The most memory of each format, at every size; one store at a time is on the disk."""
    rows: dict[str, Row] = {form: {"format": form} for form in formats}
    for megabytes in sizes:
        store = folder / "store"
        make_store(store, megabytes * 250_000, SMALL_VOCABULARY)
        for form in formats:
            rows[form] |= memory_cells(store, megabytes, form, folder)
            print(rows[form], flush=True)
        removed(store)
    return list(rows.values())


def main(arguments: list[str]) -> None:
    """Measures every format, prints the table and writes the result file."""
    options = parser("convert", __doc__)
    options.add_argument("--tokens", type=int, default=50_000_000)
    options.add_argument("--formats", nargs="+", choices=[*FORMATS], default=[*FORMATS])
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    options.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    options.add_argument(
        "--sizes", type=int, nargs="+", default=[500, 4000], help="MB of int32 ids, of --memory"
    )
    args = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        if args.memory:
            rows = memory_rows(args.formats, args.sizes, Path(name))
        else:
            store = make_store(Path(name) / "store", args.tokens)
            rows = [measure(store, form, Path(name), args.repeats) for form in args.formats]
    title = "most MB of memory" if args.memory else "MB of int32 ids a second"
    print_table(rows, f"stores into formats and back; {title}")
    if not args.no_results:
        file = "convert_memory" if args.memory else "convert"
        print(write_results(file, rows, "pyarrow", "datasets", "array_record", "litdata"))
