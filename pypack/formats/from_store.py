"""A store, or the sequences of a plan over it, as a stream of rows."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pypack.batch import IGNORE_LABEL
from pypack.formats.first_bits import FirstBits
from pypack.formats.kept_columns import KeptColumns
from pypack.formats.rows import Rows, iterate_rows
from pypack.formats.stream import About, Block, Contents, Stream, with_first_tokens
from pypack.formats.texts import stream_of_texts
from pypack.plan.plan import Plan
from pypack.ragged import Ragged
from pypack.source.loss_weights import LossWeights
from pypack.source.mask_ranges import Masks
from pypack.source.masks import loss_masks, token_masks
from pypack.source.source import Source
from pypack.store.beside import DocumentValues
from pypack.store.format import TOKENIZER_FILE
from pypack.store.store import TokenStore

# So many runs of rows of one capacity are kept at most: more are told as a loss.
MOST_RUNS = 2**16


class _Spans:
    """Which pieces of which documents the rows hold; of a store without a plan, nothing is held a document.

    Args:
        chosen: int64, the documents of the store that the plan speaks of; None: all.
    """

    def __init__(self, store: TokenStore, plan: Plan | None, chosen: NDArray[np.int64] | None) -> None:
        self._plan = plan
        self._chosen = chosen
        self.documents = len(store) if plan is None else len(plan.span_document)
        self.rows = len(store) if plan is None else len(plan.sequence_offsets) - 1
        offsets = None if plan is None else np.asarray(plan.sequence_offsets)
        self.packed_rows = 0 if offsets is None else int(np.count_nonzero(np.diff(offsets) != 1))

    def documents_of(self, first: int, last: int) -> NDArray[np.int64]:
        """Of spans first to last the documents of the store."""
        if self._plan is None:
            return np.arange(first, last, dtype=np.int64)
        found: NDArray[np.int64] = self._plan.span_document[first:last]
        return found if self._chosen is None else self._chosen[found]

    def starts_of(self, first: int, last: int) -> NDArray[np.int64]:
        """Where they begin in their documents."""
        if self._plan is None:
            return np.zeros(last - first, np.int64)
        found: NDArray[np.int64] = self._plan.span_start[first:last].astype(np.int64)
        return found


def stream_of(
    store: TokenStore, plan: Plan | None, *, mask: str | None = None, loss_mask: str | None = None
) -> Stream:
    """The rows of a plan in its order; without a plan the documents in theirs, empty ones among them.

    Args:
        mask, loss_mask: a column of the store that says what is learned, as for `pypack.Source`.

    Raises:
        ValueError: the plan was made for another store or aligns its spans, or there is no such column.
    """
    if mask is not None and loss_mask is not None:
        raise ValueError("give mask= (what is not learned) or loss_mask= (1: learned), not both")
    masks: Masks | None = None
    if mask is not None:
        masks = token_masks(store, mask)
    elif loss_mask is not None:
        masks = loss_masks(store, loss_mask)
    if plan is not None:
        Source(store, plan, store_mask=False)  # refuses a plan of another store
    own = store.document_weights
    weights = None if own is None else LossWeights(own, None)
    return _stream(_Chosen(store, plan, masks, None, masks is None and store.has_loss_mask, weights))


def stream_of_source(source: Source) -> Stream:
    """The rows of a source: of its plan, with its masks and its choice of documents.

    Raises:
        ValueError: it has several plans, or weights that are not the store's own.
    """
    if len(source.plans) > 1:
        raise ValueError(f"{source!r} has {len(source.plans)} plans: convert a source of one")
    weights = source.loss_weights
    if weights is not None and weights.begins is not None:
        raise ValueError(f"{source!r} has weights of tokens: only those of documents can be converted")
    if source.leaves_out:
        raise ValueError(f"{source!r} leaves sequences out: convert without drop_unlearned")
    return _stream(
        _Chosen(source.store, source.plan, source.masks, source.documents, source.uses_store_mask, weights)
    )


@dataclass(frozen=True)
class _Chosen:
    """What is to be converted, and how it is learned."""

    store: TokenStore
    plan: Plan | None
    masks: Masks | None
    documents: NDArray[np.int64] | None
    uses_store_mask: bool
    weights: LossWeights | None


def _stream(what: _Chosen) -> Stream:
    store, plan, masks = what.store, what.plan, what.masks
    spans = _Spans(store, plan, what.documents)
    is_text = plan is not None and plan.literals is not None
    in_order = plan is None or is_text  # of texts only the schema is asked for
    columns = KeptColumns(store, None if in_order else spans.documents_of(0, spans.documents))
    groups = store.groups
    weights = None if what.weights is None else what.weights.values
    contents = Contents(
        documents=spans.documents,
        rows=spans.rows,
        masked_tokens=_masked_tokens(what),
        packed_rows=spans.packed_rows,
        grouped_documents=_grouped(store),
        weighted_documents=0 if weights is None else int(np.count_nonzero(_all(weights) != 1)),
        bordered_tokens=store.num_tokens if store.has_word_borders else 0,
        parted_groups=0
        if groups is None
        else _parted(groups if plan is None else groups[spans.documents_of(0, spans.documents)]),
        columns=columns.schema,
        name=store.place.rpartition("/")[2],
    )
    if plan is not None and is_text:
        rows = iterate_rows(store, plan, masks, what.documents, uses_store_mask=what.uses_store_mask)
        return stream_of_texts(rows, plan, _about(store, plan, columns), contents)
    has_mask = what.uses_store_mask or masks is not None
    bits = FirstBits(store) if what.uses_store_mask else None

    def blocks() -> Generator[Block, None, None]:
        first = 0
        with closing(columns):
            for rows in iterate_rows(
                store, plan, masks, what.documents, uses_store_mask=what.uses_store_mask
            ):
                last = first + len(rows.span_lengths)
                documents = spans.documents_of(first, last)
                yield Block(
                    _documents(rows),
                    rows.row_spans - rows.row_spans[0],
                    _learned(rows, bits, documents, spans.starts_of(first, last)) if has_mask else None,
                    None if groups is None else groups[documents],
                    None if weights is None else _of(weights, documents),
                    columns.next(last - first),
                )
                first = last

    return Stream(
        blocks(),
        _about(store, plan, columns),
        contents,
        has_mask=has_mask,
        has_groups=groups is not None,
        has_weights=weights is not None,
        is_packed=plan is not None,
    )


def _documents(rows: Rows) -> Ragged:
    offsets = np.zeros(len(rows.span_lengths) + 1, np.int64)
    np.cumsum(rows.span_lengths, out=offsets[1:])
    return Ragged(rows.input_ids.view(np.uint32), offsets)


def _learned(
    rows: Rows, bits: FirstBits | None, documents: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """The mask of some rows. Labels do not tell of first tokens: the store does, or nobody."""
    learned: NDArray[np.bool_] = rows.labels != IGNORE_LABEL
    offsets = _documents(rows).offsets
    if bits is None:
        return with_first_tokens(learned, offsets)
    filled = np.diff(offsets) > 0
    learned[offsets[:-1][filled]] = bits.of(documents[filled], starts[filled])
    return learned


def _all(weights: NDArray[np.float32] | DocumentValues) -> NDArray[np.float32]:
    return weights.all() if isinstance(weights, DocumentValues) else weights


def _of(weights: NDArray[np.float32] | DocumentValues, documents: NDArray[np.int64]) -> NDArray[np.float32]:
    return weights.of(documents) if isinstance(weights, DocumentValues) else weights[documents]


def _masked_tokens(what: _Chosen) -> int:
    """How many tokens of the store are not learned."""
    if what.masks is not None:
        return int(np.diff(what.masks[1], axis=1).sum())
    return what.store.num_tokens - int(what.store.learned_lengths.sum()) if what.uses_store_mask else 0


def _grouped(store: TokenStore) -> int:
    """Documents of groups of two or more."""
    if store.group_places is None:
        return 0
    behind = store.group_places.all() > 0
    first = np.zeros_like(behind)
    first[:-1] = behind[1:] & ~behind[:-1]
    return int(np.count_nonzero(behind) + np.count_nonzero(first))


def _parted(groups: NDArray[np.int64]) -> int:
    """Groups whose documents stand in more than one place."""
    begins = np.ones(len(groups), np.bool_)
    begins[1:] = groups[1:] != groups[:-1]
    _, places = np.unique(groups[begins], return_counts=True)
    return int(np.count_nonzero(places > 1))


def _about(store: TokenStore, plan: Plan | None, columns: KeptColumns) -> About:
    parts = store.parts
    info = parts[0].info if len(parts) == 1 else None
    holder = next((part for part in parts if part.holds_tokenizer), None)
    tokenizer = None if holder is None else holder.local_file(TOKENIZER_FILE).read_text("utf-8")
    special = {role: store._special_id(role) for role in ("eos", "bos", "pad")}
    features = ("groups", store.group_places), ("loss_weights", store.document_weights)
    return About(
        vocab_size=store.vocab_size,
        dtype=store.dtype.name,
        tokenizer=tokenizer,
        tokenizer_fingerprint=store.tokenizer_fingerprint,
        special_ids=dict(info.special_ids) if info is not None else special if any(special.values()) else {},
        appended_id=store.appended_id,
        prepended_ids=tuple(store.prepended_ids),
        options={} if info is None else dict(info.options),
        features=tuple(name for name, values in features if values is not None)
        + (("loss_mask",) if store.has_loss_mask else ()),
        columns=tuple(columns.names),
        column_types=() if columns.schema is None else tuple(str(kind) for kind in columns.schema.types),
        json_columns=tuple(columns.json_names),
        capacities=() if plan is None else _capacity_runs(plan),
    )


def _capacity_runs(plan: Plan) -> tuple[tuple[int, int], ...]:
    capacity = plan.sequence_capacity
    if not len(capacity):
        return ()
    begins = np.flatnonzero(np.append(True, capacity[1:] != capacity[:-1]))
    counts = np.diff(np.append(begins, len(capacity)))
    if len(begins) > MOST_RUNS:
        return ()
    return tuple(zip(capacity[begins].tolist(), counts.tolist(), strict=True))
