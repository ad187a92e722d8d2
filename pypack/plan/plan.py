"""A plan: which spans of which documents each training sequence holds, and what was left out."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack import _core
from pypack._common import mapped
from pypack._common.fingerprint import integers_fingerprint
from pypack._common.paths import local_path, native_name
from pypack._common.rows import RowsIndex, chosen_rows
from pypack.cache import Cache, RemoteFiles
from pypack.plan import chosen
from pypack.plan import files as plan_files
from pypack.plan.arrays import ARRAYS as ARRAYS
from pypack.plan.arrays import map_arrays
from pypack.plan.figures import PlanFigures
from pypack.plan.header import fields_of, figures_of, header_of
from pypack.plan.lengths import as_lengths as as_lengths
from pypack.plan.literals import Literals as Literals
from pypack.plan.proof import prove
from pypack.plan.sides import PairSize as PairSize
from pypack.plan.sides import Sides as Sides
from pypack.plan.stats import PlanCounts as PlanCounts
from pypack.plan.stats import PlanPart as PlanPart
from pypack.plan.stats import PlanStats as PlanStats
from pypack.remote import Url, is_url

if TYPE_CHECKING:
    import pyarrow as pa


class Span(NamedTuple):
    """Tokens `start` to `start + length` of a document."""

    document: int
    start: int
    length: int


class Plan(PlanFigures):
    """Training sequences as runs of spans: `plan[s]` has those of sequence s. Made by `pypack.pack`, or by
    `Plan(...)` from arrays of your own.

    Sequence s holds spans `sequence_offsets[s]` to `sequence_offsets[s + 1]`, and span i is the tokens
    `span_start[i]` to `span_start[i] + span_length[i]` of document `span_document[i]`.

    Attributes:
        sequence_offsets: int64 [S + 1].
        span_document: int64 [N].
        span_start: int32 [N], tokens.
        span_length: int32 [N], tokens, at least 1.
        sequence_capacity: int32 [S], tokens that the sequence has room for. The sequences of one capacity
            make up a bucket; in a plan of one length there is one.
        sequence_length: the largest capacity.
        strategy: name of the strategy.
        options: its options, as `pypack.pack` was given them.
        counts: `PlanCounts`, where the tokens went.
        lengths_fingerprint: fingerprint of the document lengths that the plan was made for.
        learned_tokens: what `count_learned` found, None before.
        extends: the plans that it was extended from, each the beginning of the next, see
            `pypack.extend_plan`.
        repeats: runs (first sequence, sequences, times) of sequences that an epoch gives several times; ():
            each once.
        selection: how the documents were chosen, in plain values, for people to read.
        store_fingerprint: fingerprint of the lengths of the whole store that `documents` are of; None: not
            known.
        literals: tokens of no document between the spans, as of strategy "knots"; None: there are none.
        sides: where the spans are to be inputs and targets of an encoder and a decoder, both capacities, see
            `pypack.objectives.pack_pairs`; the capacity of a sequence is then their sum. None: one side.
    """

    _listing: Callable[[], NDArray[np.int64]] | None = None

    def __init__(
        self,
        sequence_offsets: NDArray[np.int64],
        span_document: NDArray[np.int64],
        span_start: NDArray[np.int32],
        span_length: NDArray[np.int32],
        sequence_capacity: NDArray[np.int32],
        *,
        sequence_length: int,
        strategy: str,
        options: Mapping[str, Any],
        counts: PlanCounts,
        lengths_fingerprint: str,
        extends: Sequence[PlanPart] = (),
        documents: NDArray[np.int64] | None = None,
        repeats: Sequence[tuple[int, int, int]] = (),
        selection: Mapping[str, Any] | None = None,
        store_fingerprint: str | None = None,
        literals: Literals | None = None,
        sides: Sides | None = None,
    ) -> None:
        self.sequence_offsets = sequence_offsets
        self.span_document = span_document
        self.span_start = span_start
        self.span_length = span_length
        self.sequence_capacity = sequence_capacity
        self.sequence_length = sequence_length
        self.strategy = strategy
        self.options = dict(options)
        self.counts = counts
        self.lengths_fingerprint = lengths_fingerprint
        self.learned_tokens: int | None = None  # see count_learned
        self.extends = tuple(extends)
        self.documents = documents
        self.repeats = chosen.checked_repeats(repeats, len(sequence_capacity))
        self.selection = dict(selection or {})
        self.store_fingerprint = store_fingerprint
        self.literals = literals
        self.sides = sides
        self._path: Path | None = None  # where the arrays are mapped from
        self._files: list[mapped.Mapped] = []
        # Refuses wrong dtypes, layouts and shapes; the content is checked by verify().
        self._view = self._made_view()

    def _made_view(self) -> _core.PlanView:
        beside: dict[str, Any] = {} if self.literals is None else self.literals.arrays()
        return _core.PlanView(*self.arrays().values(), room=self.room, **beside)

    def __len__(self) -> int:
        """The number of sequences."""
        return self.num_sequences

    @overload
    def __getitem__(self, index: int) -> list[Span]: ...

    @overload
    def __getitem__(self, index: RowsIndex) -> list[list[Span]]: ...

    def __getitem__(self, index: int | RowsIndex) -> list[Span] | list[list[Span]]:
        """The spans of a sequence, or of several: of a slice, or a list or array of numbers or of bools."""
        chosen = chosen_rows(index, len(self), "sequence", f"a plan of {len(self)} sequences")
        if isinstance(chosen, int):
            return self._spans(chosen)
        return [self._spans(sequence) for sequence in np.asarray(chosen).tolist()]

    def _spans(self, sequence: int) -> list[Span]:
        spans = slice(int(self.sequence_offsets[sequence]), int(self.sequence_offsets[sequence + 1]))
        columns = (self.span_document[spans], self.span_start[spans], self.span_length[spans])
        return [Span(*span) for span in zip(*(column.tolist() for column in columns), strict=True)]

    def capacity_of(self, sequence: int) -> int:
        """Tokens that a sequence has room for."""
        return int(self.sequence_capacity[sequence])

    def __iter__(self) -> Iterator[list[Span]]:
        """Sequence by sequence, the spans of each."""
        return map(self._spans, range(len(self)))

    def to_arrow(self) -> pa.Table:
        """An Arrow table with a row a sequence: its `capacity`, and of its spans, in lists, the `documents`
        (int64), `starts` and `lengths` (int32)."""
        import pyarrow as pa

        columns = {"documents": self.span_document, "starts": self.span_start, "lengths": self.span_length}
        lists = {
            name: pa.LargeListArray.from_arrays(self.sequence_offsets, values)
            for name, values in columns.items()
        }
        return pa.table({"capacity": self.sequence_capacity, **lists})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The five arrays by name."""
        return {name: getattr(self, name) for name in ARRAYS}

    @property
    def mapped_files(self) -> list[tuple[str, int, int, int]]:
        """Path, device, inode and size of each file that the arrays are mapped from, for the kernels."""
        return [(native_name(file.path), file.device, file.inode, file.size) for file in self._files]

    @property
    def kernel_view(self) -> _core.PlanView:
        """The arrays as the kernels take them that make batches."""
        return self._view

    @property
    def cached_files(self) -> RemoteFiles | None:
        """What the plan of a URL is read through; None of a plan of this host."""
        return None

    @functools.cached_property
    def fingerprint(self) -> str:
        """Fingerprint of the five arrays: 16 hexadecimal digits."""
        return f"{self._view.fingerprint():016x}"

    # A non-data descriptor: what __init__ or anyone else assigns stands in its place.
    @functools.cached_property
    def documents(self) -> NDArray[np.int64] | None:
        """int64 [D], where the plan is of a selection: its document i is `documents[i]` of the store, in the
        order of packing, some more than once, perhaps. None: all of the store."""
        listed, self._listing = self._listing, None
        return None if listed is None else listed()

    def list_documents_later(self, listing: Callable[[], NDArray[np.int64]]) -> None:
        """Gives the plan `documents` that are listed when they are first asked for: to be saved, say."""
        self.__dict__.pop("documents", None)
        self._listing = listing

    @functools.cached_property
    def documents_fingerprint(self) -> str | None:
        """Fingerprint of `documents`: 16 hexadecimal digits; None where there are none."""
        return None if self.documents is None else integers_fingerprint(self.documents)

    def verify(self, lengths: ArrayLike | None = None) -> None:
        """Proves that every token of the documents is in the plan exactly once or counted as left out.

        Of a plan that was opened, the figures that plan.json records are computed anew and compared, too.

        Args:
            lengths: tokens of each document, int [D], the lengths of the store that the plan is for (of all
                its documents, also where the plan is of a selection). None:
                proves what the plan alone can tell: no sequence over-full, no token in two spans, as many
                documents and tokens as are counted; not where documents end.

        Raises:
            ValueError: names the first sequence, span, document or figure that breaks the proof.
        """
        prove(self, lengths)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the plan as a directory of .npy files and plan.json, whole or not at all.

        Args:
            path: the directory to make; its parents are made too.
            overwrite: replace a plan that stands there. (Anything else that stands there is never replaced.)

        Raises:
            FileExistsError: `path` exists, and `overwrite` is false or it is no plan.
        """
        arrays = self.arrays()
        if self.documents is not None:
            arrays["documents"] = self.documents
        if self.literals is not None:
            arrays |= self.literals.arrays()
        plan_files.write(local_path(path), arrays, header_of(self), overwrite=overwrite)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        cache: str | os.PathLike[str] | None = None,
        cache_bytes: int | None = None,
    ) -> Plan:
        """Opens a saved plan, its arrays memory-mapped, in a time that does not depend on its size.

        Types and sizes of the arrays are checked against plan.json and the files; what stands in the arrays
        is checked by `verify`.

        Args:
            path: a folder, or a URL, such as `s3://bucket/corpus.plan`: of its arrays only what is needed is
                fetched, through a cache.
            cache: for a URL, as in `TokenStore.open`.
            cache_bytes: for a URL, alike.

        Raises:
            OSError: the storage of a URL does not answer, or refuses.
            FileNotFoundError: no plan at `path`.
            ValueError: names the file and the field that is wrong, or says that the format is newer.
        """
        if is_url(path):
            from pypack.plan.remote_plan import RemotePlan

            return RemotePlan.at(Url.of(cast("str | Url", path)), Cache.at(cache, cache_bytes))
        directory = plan_files.locate(local_path(path))
        header = plan_files.read_header(directory)
        found = map_arrays(directory, header)
        plan = cls(
            *found.arrays.values(),
            **fields_of(directory, header, found.documents),
            literals=found.literals,
        )
        plan.__dict__.update(figures_of(directory, header))
        plan._path, plan._files = directory.resolve(), found.files
        return plan

    def summary(self) -> dict[str, Any]:
        """Strategy, options, counts and stats in one flat dict of plain values, for tables and JSON."""
        return {
            "strategy": self.strategy,
            "options": self.options,
            "sequence_length": self.sequence_length,
            **self.stats.as_dict(),
            **dataclasses.asdict(self.counts),
            **({"selection": self.selection} if self.selection else {}),
            **({} if self.sides is None else {"sides": self._side_summary()}),
            **({"epoch_sequences": int(self.sequence_times.sum())} if self.repeats else {}),
            **({"literal_tokens": self.num_literals} if self.literals is not None else {}),
        }

    def __reduce__(self) -> tuple[Any, ...]:
        # An opened plan pickles as its path: worker processes map the files themselves.
        if self._path is not None:
            return Plan.open, (self._path,)
        _ = self.documents  # listed now
        return _from_state, ({k: v for k, v in self.__dict__.items() if k != "_view"},)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plan):
            return NotImplemented
        mine, others = self.arrays(), other.arrays()
        return (
            self.counts == other.counts
            and all(np.array_equal(mine[name], others[name]) for name in ARRAYS)
            and self.repeats == other.repeats
            and _same(self.documents, other.documents)
            and self.room == other.room
            and _same_literals(self.literals, other.literals)
            and self.sides == other.sides
        )

    __hash__ = None  # type: ignore[assignment]  # holds mutable arrays

    def __repr__(self) -> str:
        return (
            f"Plan({self.strategy!r}, {self.num_sequences} sequences of up to {self.sequence_length} tokens, "
            f"{self.num_spans} spans, {self.num_tokens} tokens)"
        )


def _same(mine: NDArray[np.int64] | None, other: NDArray[np.int64] | None) -> bool:
    return mine is other or (mine is not None and other is not None and np.array_equal(mine, other))


def _same_literals(mine: Literals | None, other: Literals | None) -> bool:
    return mine is other or (mine is not None and other is not None and mine.same(other))


def _from_state(state: dict[str, Any]) -> Plan:
    plan = Plan.__new__(Plan)
    plan.__dict__.update(state)
    plan._view = plan._made_view()
    return plan
