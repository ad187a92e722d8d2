"""What is done with a damaged file: everything that pypack does with a good one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import orjson

from pypack import Plan, Schedule, TokenStore, corpus
from pypack.columnar.process import ColumnarReader, DamagedColumnsError
from pypack.columnar.request import ReadRequest
from pypack.corpus.json_lines import parse_with_kernel, parse_with_python
from pypack.formats.convert import read_documents
from pypack.loader.state import read_state

# One process reads them all, but for those that end it.
_READER = ColumnarReader()


class BrokenPromiseError(AssertionError):
    """A reader did what none may do."""


def _named(path: Path, error: Exception) -> None:
    if path.name not in str(error):
        raise BrokenPromiseError(f"the error does not name the file: {error!r}") from error
    if len(str(error)) > 5000:
        raise BrokenPromiseError(f"an error of {len(str(error))} characters") from error


def _store(path: Path) -> None:
    try:
        store = TokenStore.open(path)
    except (ValueError, OSError) as error:
        return _named(path, error)
    try:
        for document in (*store, *store.lengths[:3]):
            document.sum()
        store.verify()
    except (ValueError, OSError) as error:
        _named(path, error)


def _plan(path: Path) -> None:
    try:
        plan = Plan.open(path)
    except (ValueError, OSError) as error:
        return _named(path, error)
    try:
        plan.summary()
        plan.verify()
    except ValueError:
        pass


def _documents(**options: object) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        try:
            for batch in read_documents(path, **options):  # type: ignore[arg-type]
                rows = batch[0] if isinstance(batch, tuple) else batch
                rows.values.sum()
        except (ValueError, OSError) as error:
            _named(path, error)
        except ImportError:  # MosaicML's reader, and what is wrong is seen before it is needed
            pass

    return read


def _columnar(kind: str, fields: tuple[str, ...]) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        for field in fields:
            request = ReadRequest(str(path), kind, field, is_text=True, keep=("nested", "k"), batch_bytes=500)
            try:
                for batch in _READER.read(request):
                    for column in batch.columns:
                        column.to_pylist()
            except DamagedColumnsError:
                pass

    return read


def _json_lines(path: Path) -> None:
    """The compiled scanner against orjson, line by line; then through the reader."""
    data = path.read_bytes()
    for keep in ((), ("k", "b")):
        fast = parse_with_kernel(data, "text", keep, 1 << 20)
        slow = parse_with_python(data, "text", keep, 1 << 20)
        texts = fast.texts if isinstance(fast.texts, list) else fast.texts.to_pylist()
        if (texts, fast.columns, fast.faults, fast.blank_lines, fast.lines.tolist(), fast.ends.tolist()) != (
            slow.texts, slow.columns, slow.faults, slow.blank_lines, slow.lines.tolist(), slow.ends.tolist(),
        ):  # fmt: skip
            raise BrokenPromiseError("the scanner and orjson differ")
    documents = sum(len(batch) for batch in corpus.read([path]))
    if documents > data.count(b"\n") + 1:
        raise BrokenPromiseError("more documents than lines")


def _schedule(path: Path) -> None:
    try:
        schedule = Schedule.from_yaml(path)
    except ValueError as error:
        if len(str(error)) > 5000:
            raise BrokenPromiseError("a long error") from error
    else:
        orjson.dumps(schedule.fingerprint)


def _state(path: Path) -> None:
    try:
        state = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    try:
        read_state(state)
    except ValueError as error:
        if len(str(error)) > 5000:
            raise BrokenPromiseError("a long error") from error


TARGETS: dict[str, Callable[[Path], None]] = {
    "store": _store,
    "plan": _plan,
    "nemo": _documents(),
    "flat": _documents(dtype="uint16"),
    "ids": _documents(),
    "arrow": _columnar("arrow", ("text", "view", "dictionary", "nested.b")),
    "parquet": _columnar("parquet", ("text", "dictionary", "nested.b")),
    "json_lines": _json_lines,
    "schedule": _schedule,
    "state": _state,
    "mds": _documents(),
}
