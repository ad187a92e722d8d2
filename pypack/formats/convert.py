"""Conversion between token stores and the formats of other libraries."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pypack.formats import about_file
from pypack.formats.ahead import closing_blocks, read_ahead
from pypack.formats.formats import FORMATS as FORMATS
from pypack.formats.formats import Format as Format
from pypack.formats.losses import Loss, LossError, losses_of
from pypack.formats.opening import opened
from pypack.formats.output import written_whole
from pypack.formats.stream import Stream
from pypack.plan.plan import Plan
from pypack.ragged import Ragged
from pypack.source.source import Source
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    import pyarrow as pa

# Some documents, with columns kept beside their tokens or without.
Documents: TypeAlias = "Ragged | tuple[Ragged, pa.RecordBatch]"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        rows: how many.
        losses: what the format has no place for, and is not in it.
    """

    rows: int
    losses: tuple[Loss, ...] = ()


def export(
    store: TokenStore | Source,
    path: Path,
    to: str,
    plan: Plan | None = None,
    *,
    allow_loss: bool | None = None,
) -> int:
    """Writes a store's documents, or a plan's sequences, in another library's format; returns the rows.

    Args:
        store: or a source, whose plan, masks and choice of documents are taken.
        allow_loss: whether to write what the format has a place for, where that is not all; None: yes, with a
            warning.

    Raises:
        ValueError: there is no such format, or the plan does not fit.
        LossError: the format cannot hold all, and `allow_loss` is False.
        FileExistsError: something stands at `path`.
    """
    from pypack.formats.from_store import stream_of, stream_of_source

    check_format(to)
    if isinstance(store, Source):
        if plan is not None:
            raise ValueError("a Source has its plan already: leave plan out")
        stream, named = stream_of_source(store), store.store
    else:
        stream, named = stream_of(store, plan), store
    done = write(stream, path, to, repr(named), allow_loss=allow_loss is not False)
    if done.losses and allow_loss is None:
        what = "; ".join(loss.text for loss in done.losses)
        has = "a loss mask" if done.losses[0].part == "masks" else done.losses[0].text
        warnings.warn(
            f"{named!r} has {has}, for which {to} files have no place: they hold the rest (left out: {what})",
            stacklevel=2,
        )
    return done.rows


def check_format(to: str) -> None:
    """Raises ValueError if there is no such format."""
    if to not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {to!r}")


def write(
    stream: Stream, path: Path, to: str, what: str, *, allow_loss: bool, split: str | None = None
) -> Exported:
    """Writes a stream, whole or not at all.

    Args:
        what: the store, for messages.
        split: of "datasets": writes a DatasetDict that has this split.
    """
    form = FORMATS[to]
    if to == "megatron" and path.suffix in (".bin", ".idx"):
        path = path.with_suffix("")  # two files of one name: either stands for both, as where they are read
    losses = losses_of(stream, form.holds, form.reserved, to)
    if losses and not allow_loss:
        raise LossError(f"{what} has more than {to} files have a place for", losses)
    orphans = 0 if form.is_folder else 1
    with (
        closing_blocks(stream),
        written_whole(path, form.names(path.name), orphans=orphans) as work,
        read_ahead(stream) as ahead,
    ):
        place = work / path.name
        if split is not None:
            from pypack.formats.columnar import write_splits

            place = write_splits(place, [split])
        rows = form.write(ahead, place)
        about_file.write(
            place, stream.about, stream.contents, is_folder=form.is_folder, is_packed=stream.is_packed
        )
    return Exported(rows, tuple(losses))


class ReadDocuments(Iterator["Documents"]):
    """The documents of other libraries' files, in batches; `into_store` takes all that comes with them.

    Attributes:
        stream: the rows, with their masks, borders, columns and what is known of them; read once.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def __next__(self) -> Documents:
        block = next(self.stream.blocks)
        if block.columns is not None and self.stream.about.derived_columns:
            return block.documents, block.columns
        return block.documents


def read_documents(
    path: Path, *, column: str | None = None, dtype: str | None = None, end_id: int | None = None
) -> ReadDocuments:
    """Documents of another library's files, in batches; those of NeMo with a column `mask` (see `nemo.read`).

    Args:
        path: a Parquet file, a folder of `datasets.save_to_disk` or of MDS shards, a packed `.npy` of NeMo, a
            file of bare tokens, or the folder that holds one as `export` writes it; or a Megatron-Core
            dataset (which needs no conversion: `TokenStore.open` maps it).
        column: with the token ids; None: "input_ids" ("tokens" of MDS).
        dtype: of bare tokens.
        end_id: of bare tokens without bounds: the token that ends a document.

    Raises:
        ValueError: the files are none of these, or do not hold documents.
    """
    return ReadDocuments(opened(path, column=column, dtype=dtype, end_id=end_id).stream)


def into_store(documents: Iterator[Documents], path: Path, **options: Any) -> TokenStore:
    """Writes documents into a store; `options` are those of `StoreWriter`, `vocab_size` among them.

    Of what `read_documents` gives, masks, columns and the tokenizer are kept, too. Rows of several documents
    come apart: `pypack convert --to store` writes their plan as well.
    """
    from pypack.formats.to_store import write_store
    from pypack.store.writer import StoreWriter

    if isinstance(documents, ReadDocuments):
        stream = documents.stream
        if stream.about.vocab_size is not None:
            options.setdefault("vocab_size", stream.about.vocab_size)
        write_store(stream, Path(path), **options).close()
        return TokenStore.open(path)
    with StoreWriter(path, **options) as writer:
        for batch in documents:
            writer.append(*(batch if isinstance(batch, tuple) else (batch,)))
    return TokenStore.open(path)


@dataclass(frozen=True)
class Imported:
    """What came of a conversion into a store.

    Attributes:
        documents, rows: how many.
        plan: where the plan of the rows was written; None: rows are documents.
        notes: what of the files is not in the store, in words.
    """

    documents: int
    rows: int
    plan: Path | None
    notes: tuple[str, ...]


def import_store(
    stream: Stream,
    path: Path,
    *,
    vocab_size: int,
    found: about_file.Found | None = None,
    plan: Path | None = None,
    sequence_length: int | None = None,
) -> Imported:
    """Writes a stream into a store, and the plan of its packed rows: both whole or not at all.

    Args:
        found: what the files' description says, against which the rows are counted.
        plan: where to write the plan; None: beside the store, `NAME.plan`, if a row holds several documents.
        sequence_length: capacity of all rows; None: as described, else that of the longest row.

    Raises:
        ValueError: an id is not below `vocab_size`, or there are not as many rows as described.
        FileExistsError: something stands at `path`, or another plan at `plan`.
    """
    from pypack.formats.to_store import plan_of, write_store

    place = None
    with (
        closing_blocks(stream),
        written_whole(path, [path.name], into_empty=True) as work,
        read_ahead(stream) as ahead,
        closing(write_store(ahead, work / path.name, vocab_size=vocab_size)) as written,
    ):
        if found is not None and (written.documents, written.rows) != (found.documents, found.rows):
            raise ValueError(
                f"{written.rows} rows of {written.documents} documents were read, {about_file.NAME} tells of "
                f"{found.rows} of {found.documents}: it is of other files, remove it"
            )
        if plan is not None or written.is_packed or stream.about.capacities:
            place = plan or beside(path)
            made = plan_of(written, stream.about, sequence_length)
            _save_plan(made, place)
    return Imported(written.documents, written.rows, place, stream.contents.notes)


def beside(path: Path) -> Path:
    """Where the plan of a store's rows goes: `NAME.plan` of `NAME.store`."""
    return path.with_suffix(".plan") if path.suffix == ".store" else path.with_name(f"{path.name}.plan")


def _save_plan(plan: Plan, place: Path) -> None:
    """Saves a plan, unless that very plan stands there, of a run that was killed behind it."""
    try:
        plan.save(place)
    except FileExistsError:
        try:
            same = Plan.open(place).fingerprint == plan.fingerprint
        except (ValueError, OSError):
            same = False
        if not same:
            raise
