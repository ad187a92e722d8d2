"""Records with named fields, of whatever library, as a block of rows."""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types
from numpy.typing import NDArray

from pypack.batch import IGNORE_LABEL
from pypack.formats import about_file
from pypack.formats.stream import About, Block, Stream, with_first_tokens
from pypack.formats.table import (
    ASSISTANT,
    ATTENTION,
    COMPLETION,
    GROUP,
    LABELS,
    LENGTHS,
    POSITIONS,
    WEIGHT,
)
from pypack.ragged import Ragged

_OWN = {"groups": GROUP, "weights": WEIGHT}  # what a description tells of → its field
Numbers: TypeAlias = "NDArray[np.int32] | NDArray[np.int64]"
_PER_TOKEN = (LABELS, COMPLETION, ASSISTANT, POSITIONS, ATTENTION)


@dataclass(frozen=True)
class RecordReader:
    """Turns batches of records into blocks.

    Attributes:
        place: the file or folder, for messages.
        ids: the field of the token ids.
        names: the fields that there are.
        is_packed: the description says that rows are sequences, so that values a document are lists; None:
            nothing says so, and further fields have one value a row, whatever it is.
        own: of "groups", "weights": the fields that the description says are pypack's.
    """

    place: str
    ids: str
    names: Collection[str]
    is_packed: bool | None = None
    own: Collection[str] = ()

    @classmethod
    def of(cls, place: str, ids: str, names: Collection[str], found: about_file.Found | None) -> RecordReader:
        """The reader of files with a description, or without."""
        if found is None:
            return cls(place, ids, names)
        own = [one.removeprefix("loss_") for one in found.about.features if one != "loss_mask"]
        return cls(place, ids, names, found.is_packed, own)

    def __post_init__(self) -> None:
        if self.ids not in self.names:
            known = ", ".join(map(repr, list(self.names)[:20]))
            raise about_file.MissingOptionsError(
                f"{self.place}: no column {self.ids!r}, but {known or 'none'}: name one with --column"
            )
        for part, name in _OWN.items():
            if part in self.own and name not in self.names:
                raise ValueError(f"{self.place}: no column {name!r}, which its description tells of")

    @property
    def has_mask(self) -> bool:
        """Whether something tells what is learned."""
        return any(name in self.names for name in (LABELS, COMPLETION, ASSISTANT))

    @property
    def tells_borders(self) -> bool:
        """Whether something tells of several documents in a row."""
        return LENGTHS in self.names or POSITIONS in self.names

    @property
    def columns(self) -> list[str]:
        """The fields that are kept columns."""
        own = [name for part, name in _OWN.items() if part in self.own]
        known = {self.ids, LENGTHS, *_PER_TOKEN, *own}
        return [name for name in self.names if name not in known]

    def block(self, batch: pa.RecordBatch, first_row: int) -> Block:
        """The rows of a batch, whose first is number `first_row`.

        Raises:
            ValueError: a field is not what it must be; the message names the first such row.
        """
        found = _Found(self.place, first_row, batch)
        values, offsets = found.numbers(self.ids)
        if len(values) and not 0 <= int(values.min()) <= int(values.max()) < 2**31:
            raise ValueError(
                f"{self.place}: token ids must be from 0 to 2^31-1, found {values.min()} to {values.max()}"
            )
        token_fields = {name: found.per_token(name, offsets) for name in _PER_TOKEN if name in self.names}
        documents, row_documents = self._borders(found, offsets, token_fields.get(POSITIONS))
        learned = self._learned(found, values, documents, token_fields) if self.has_mask else None
        if ATTENTION in token_fields:
            attended = token_fields[ATTENTION]
            if not attended.all():  # what is not attended to is padding
                ends = np.concatenate([[0], np.cumsum(attended)])
                values, documents = values[attended], ends[documents]
                learned = None if learned is None else learned[attended]
        counts = np.diff(row_documents)
        own = {
            name: found.of_documents(name, counts, self.is_packed)
            for part, name in _OWN.items()
            if part in self.own
        }
        columns = {name: found.of_documents(name, counts, self.is_packed) for name in self.columns}
        return Block(
            Ragged(
                values.view(np.uint32) if values.dtype == np.int32 else values.astype(np.uint32), documents
            ),
            row_documents,
            learned,
            None if GROUP not in own else found.as_numbers(GROUP, own[GROUP], np.int64),
            None if WEIGHT not in own else found.as_numbers(WEIGHT, own[WEIGHT], np.float32),
            _batch(columns, batch.schema) if columns else None,
        )

    def _borders(
        self, found: _Found, offsets: NDArray[np.int64], positions: NDArray[Any] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where documents begin in the ids, and which documents a row holds."""
        if LENGTHS in self.names:
            lengths, row_documents = found.numbers(LENGTHS)
            documents = np.zeros(len(lengths) + 1, np.int64)
            np.cumsum(lengths, out=documents[1:])
            wrong = documents[row_documents] != offsets
            if wrong.any() or (len(lengths) and int(lengths.min()) < 0):
                found.refuse(int(np.argmax(wrong)) - 1, f"its {LENGTHS} do not add up to its tokens")
            return documents, row_documents
        if positions is not None:
            begins = positions == 0
            begins[offsets[:-1][np.diff(offsets) > 0]] = True
            starts, empty = np.flatnonzero(begins), np.diff(offsets) == 0
            # A row without tokens holds one document without tokens.
            documents = np.sort(np.concatenate([starts, offsets[:-1][empty], offsets[-1:]]))
            rows = np.searchsorted(offsets, starts, side="right") - 1
            counts = np.bincount(rows, minlength=len(empty)) + empty
            return documents, np.concatenate([[0], np.cumsum(counts)])
        return offsets, np.arange(len(offsets), dtype=np.int64)

    def _learned(
        self,
        found: _Found,
        values: Numbers,
        documents: NDArray[np.int64],
        fields: dict[str, NDArray[Any]],
    ) -> NDArray[np.bool_]:
        learned = np.ones(len(values), np.bool_)
        if LABELS in fields:
            labels = fields[LABELS]
            learned = labels != IGNORE_LABEL
            wrong = learned & (labels != values)
            if wrong.any():
                at = int(np.argmax(wrong))
                found.refuse_token(
                    at,
                    f"{LABELS} holds {labels[at]}, where {self.ids} has {values[at]}: they must be the same "
                    f"ids, or {IGNORE_LABEL}; are they shifted?",
                )
            learned = with_first_tokens(learned, documents)
        firsts = documents[:-1][np.diff(documents) > 0]
        masks = [fields[name] for name in (COMPLETION, ASSISTANT) if name in fields]
        if masks and LABELS in fields:  # of first tokens labels say nothing, and masks do
            learned[firsts] = True
        for name in (COMPLETION, ASSISTANT):
            if name in fields:
                flags = fields[name]
                wrong = (flags != 0) & (flags != 1)
                if wrong.any():
                    at = int(np.argmax(wrong))
                    found.refuse_token(at, f"{name} holds {flags[at]}: values are 1 (learned) or 0 (not)")
                learned &= flags == 1
        return learned


def stream_of_records(
    reader: RecordReader, batches: Generator[pa.RecordBatch, None, None], about: About
) -> Stream:
    """The rows of batches of records."""

    def blocks() -> Generator[Block, None, None]:
        row = 0
        with closing(batches):
            for batch in batches:
                if batch.num_rows:
                    yield reader.block(batch, row)
                    row += batch.num_rows

    return Stream(
        blocks(),
        about,
        has_mask=reader.has_mask,
        has_groups="groups" in reader.own,
        has_weights="weights" in reader.own,
        is_packed=reader.tells_borders,
    )


class _Found:
    """Fields of a batch as arrays; what is wrong is told by its row."""

    def __init__(self, place: str, first_row: int, batch: pa.RecordBatch) -> None:
        self._place = place
        self._first = first_row
        self._batch = batch
        self._offsets: NDArray[np.int64] | None = None

    def refuse(self, row: int, why: str) -> NoReturn:
        raise ValueError(f"{self._place}: row {self._first + max(row, 0)}: {why}")

    def refuse_token(self, token: int, why: str) -> NoReturn:
        assert self._offsets is not None
        self.refuse(int(np.searchsorted(self._offsets, token, side="right")) - 1, why)

    def numbers(self, name: str) -> tuple[Numbers, NDArray[np.int64]]:
        """Lists of whole numbers, end to end, and where those of each row begin."""
        values = self._batch.column(name)
        if values.null_count:
            raise ValueError(f"{self._place}: {values.null_count} rows of a batch have null for {name!r}")
        kind = values.type
        is_list = types.is_list(kind) or types.is_large_list(kind)
        inner = kind.value_type if is_list else None
        whole = inner is not None and (
            types.is_integer(inner) or types.is_boolean(inner) or types.is_null(inner)
        )
        if not whole:
            raise ValueError(f"{self._place}: column {name!r} must be a list of integers, found {kind}")
        flat = values.flatten()
        if flat.null_count:
            what = f"of {name!r}" if name in _PER_TOKEN or name == LENGTHS else "of token ids"
            raise ValueError(f"{self._place}: a list {what} holds a null")
        offsets = np.asarray(values.offsets).astype(np.int64)
        flat = flat if types.is_int32(inner) else flat.cast(pa.int64())  # the usual ones are not copied
        numbers = flat.to_numpy(zero_copy_only=False)
        if not numbers.flags.aligned:  # of a mapped file
            numbers = numbers.copy()
        if name not in _PER_TOKEN and self._offsets is None:
            self._offsets = offsets - offsets[0]
        return numbers, offsets - offsets[0]

    def per_token(self, name: str, offsets: NDArray[np.int64]) -> NDArray[Any]:
        """Values of a field that has one a token."""
        values, own = self.numbers(name)
        if not np.array_equal(own, offsets):
            row = int(np.argmax(own != offsets)) - 1
            self.refuse(
                row,
                f"{name} has {own[row + 1] - own[row]} values for {offsets[row + 1] - offsets[row]} tokens",
            )
        return values != 0 if name == ATTENTION else values

    def of_documents(self, name: str, counts: NDArray[np.int64], is_packed: bool | None) -> pa.Array:
        """One value a document: a packed row has a list, another's is repeated for its documents."""
        values = self._batch.column(name)
        if is_packed:
            kind = values.type
            lengths = (
                pc.list_value_length(values) if types.is_list(kind) or types.is_large_list(kind) else None
            )
            if lengths is None or not np.array_equal(lengths.fill_null(-1).to_numpy(), counts):
                raise ValueError(
                    f"{self._place}: column {name!r} must have a value for each document of a row"
                )
            return values.flatten()
        if (counts == 1).all():
            return values
        return values.take(pa.array(np.repeat(np.arange(len(counts)), counts)))

    def as_numbers(self, name: str, values: pa.Array, kind: type[np.number[Any]]) -> NDArray[Any]:
        """Values of documents as an array of another type."""
        is_number = types.is_integer(values.type) or (
            types.is_floating(values.type) and issubclass(kind, np.floating)
        )
        if len(values) and not (is_number and values.null_count == 0):
            raise ValueError(
                f"{self._place}: column {name!r} must have a number for each document, found {values.type}"
                + (f" with {values.null_count} nulls" if values.null_count else "")
            )
        return np.asarray(values.to_numpy(zero_copy_only=False)).astype(kind)


def _batch(columns: dict[str, pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    fields = [
        pa.field(name, column.type, metadata=schema.field(name).metadata) for name, column in columns.items()
    ]
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=pa.schema(fields))
