"""What is done with a damaged file: everything that pypack does with a good one."""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import orjson
from fixtures.compared_scanners import same_block
from fuzz.seeds import BETWEEN_RECORDS

import pypack
from pypack import Loader, Plan, Schedule, Source, StreamPacker, Tokenizer, TokenStore, corpus
from pypack.columnar.process import ColumnarReader, DamagedColumnsError
from pypack.columnar.request import ReadRequest
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
        store.columns().to_pylist()
        for i in range(len(store)):
            store.loss_mask(i).sum()
        _ = store.groups
        plan = pypack.pack(store.lengths, 64)
        batch = Loader(Source(store, plan), batch_sequences=plan.num_sequences, seed=0).batch_at(0)
        batch.labels.sum()
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
    except ValueError as error:
        _named(path, error)


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


def _array_record(path: Path) -> None:
    if path.suffix == ".records":
        from array_record.python import array_record_module

        file = path.with_name("damaged.array_record")
        writer = array_record_module.ArrayRecordWriter(str(file), "group_size:1")
        for record in path.read_bytes().split(BETWEEN_RECORDS):
            writer.write(record)
        writer.close()
        path = file
    _documents()(path)


def _columnar(kind: str, fields: tuple[str, ...]) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        field = next(turns)
        request = ReadRequest(str(path), kind, field, is_text=True, keep=("nested", "k"), batch_bytes=500)
        try:
            for batch in _READER.read(request):
                for column in batch.columns:
                    column.to_pylist()
        except DamagedColumnsError:
            pass

    turns = itertools.cycle(fields)

    return read


def _json_lines(path: Path) -> None:
    """The compiled scanner against orjson, line by line; then through the reader."""
    data = path.read_bytes()
    for keep in ((), ("k", "b")):
        same_block(data, keep)
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


def _packer(path: Path) -> None:
    try:
        state = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    for name, array in state.items() if isinstance(state, dict) else ():
        with suppress(ValueError, TypeError, OverflowError):
            if name in ("pieces", "ids"):  # what a state is, and is no longer in JSON
                state[name] = np.array(array, np.uint8)
    packer = StreamPacker(32, buffer_tokens=200)
    try:
        packer.load_state_dict(state)
    except (ValueError, TypeError) as error:
        if isinstance(error, TypeError) and "pieces are uint8" not in str(error):
            raise
        if len(str(error)) > 5000:
            raise BrokenPromiseError("a long error") from error
    for sequence in (*packer.add([1, 2, 3]), *packer.flush()):
        sequence.input_ids.sum()


def _corpus(path: Path) -> None:
    for batch in corpus.read([path], max_document_bytes=10_000):
        for text in batch.text_list():
            text.encode()
        for reject in batch.rejects:
            if len(reject.reason) > 5000:
                raise BrokenPromiseError("a long reason")


_SAID = ["ab a\u0301 \u00e9\u4e2d don't <s> 12 \ufb01", "", "x" * 50]


def _tokenizer(path: Path) -> None:
    engine = next(_ENGINES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tokenizer = Tokenizer.from_file(path, engine=engine)  # type: ignore[arg-type]
    except ValueError as error:
        return _named(path, error)
    try:
        rows = tokenizer.encode_batch(_SAID, num_threads=1)
        tokenizer.decode_batch(rows)
        tokenizer.encode_batch(_SAID, num_threads=1, return_offsets=True, add_special_tokens=True)
        _ = tokenizer.fingerprint, tokenizer.ids_fingerprint, tokenizer.vocab_size, tokenizer.dropout
    except ValueError as error:
        if len(str(error)) > 5000:
            raise BrokenPromiseError("a long error") from error


_ENGINES = itertools.cycle([None, "huggingface"])


def _tiktoken(path: Path) -> None:
    try:
        tokenizer = Tokenizer.from_tiktoken(path, pattern="gpt2", special_tokens={"<s>": 270})
    except ValueError as error:
        _named(path, error)
    else:
        tokenizer.decode_batch(tokenizer.encode_batch(_SAID, num_threads=1))


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
    "litdata": _documents(),
    "arrayrecord": _array_record,
    "packer": _packer,
    "compressed": _corpus,
    "kinds": _corpus,
    "texts": _corpus,
    "tokenizer": _tokenizer,
    "tiktoken": _tiktoken,
}
