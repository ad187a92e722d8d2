"""Tokens that are not to be learned, as a user says which.

Who says it how, and where, for a document of tokens 0, 1, 2, ...:

| values                                   | learned / not | value t is of | as an argument here           |
|------------------------------------------|---------------|---------------|-------------------------------|
| `Source(mask=)`, which names what is not |               | token t       | `mask=values`                 |
| `Source(loss_mask=)`                     | 1 / 0         | token t       | `loss_mask=values`            |
| TRL `completion_mask`                    | 1 / 0         | token t       | `loss_mask=values`            |
| TRL, transformers `assistant_masks`      | 1 / 0         | token t       | `loss_mask=values`            |
| Hugging Face `labels`                    | the id / -100 | token t       | `loss_mask=labels != -100`    |
| Megatron-Core `loss_mask`                | 1 / 0         | token t + 1   | `loss_mask=[0, *values[:-1]]` |
| NeMo `loss_mask` (packed fine-tuning)    | 1 / 0         | token t + 1   | `loss_mask=[0, *values[:-1]]` |
| `PackedBatch.loss_mask`                  | 1 / 0         | token t       | `loss_mask=values`            |
| `PackedBatch.labels`                     | the id / -100 | token t       | `loss_mask=labels != -100`    |
| `PackedBatch.shift_labels().labels`      | the id / -100 | token t + 1   |                               |

The first token of a span is learned by nobody: no token before it could foretell it. Megatron and NeMo keep
labels that are shifted to the left, and their mask with them; `pypack convert` reads NeMo's files so. An
attention mask (1: not padding) is no such mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack.source.mask_ranges import Masks, disjoint_ranges, unlearned_ranges
from pypack.source.mask_values import Lists, as_numpy, check_counts, flat_lists, is_arrow, lists_of, plain
from pypack.store.store import TokenStore

# Tokens that are looked at at a time.
_PIECE_TOKENS = 2**24


def token_masks(store: TokenStore, mask: str | ArrayLike) -> Masks:
    """Tokens that `mask=` of `Source` names.

    Returns:
        offsets int64 [D + 1] and ranges int32 [M, 2]: the tokens of document d that are not to be learned are
        ranges offsets[d] to offsets[d + 1], which rise and do not overlap.

    Raises:
        ValueError: the values are not one a document, a range is not rising, or they are one a token.
        TypeError: they are of no kind that says which tokens.
    """
    values = plain(_column(store, mask))
    lists = lists_of(values, "mask")
    if lists is not None:
        return disjoint_ranges(store, *_ranges(store, lists))
    array = _numbers(store, values)
    if array.dtype.kind == "b":
        stops = np.where(array, store.lengths, 0).astype(np.int64)
    else:
        stops = np.minimum(array, store.lengths).astype(np.int64)
        if (stops < 0).any():
            raise ValueError(f"mask[{int(np.argmax(stops < 0))}] is negative")
    return disjoint_ranges(store, np.arange(len(stops)), np.stack([np.zeros_like(stops), stops], axis=1))


def loss_masks(store: TokenStore, loss_mask: str | ArrayLike) -> Masks:
    """The same, of `loss_mask=` of `Source`: one value a token, 1 where it is learned.

    Raises:
        ValueError: a document has more or fewer values than tokens, or one is neither 0 nor 1.
    """
    values = plain(_column(store, loss_mask))
    lists = lists_of(values, "loss_mask")
    if lists is None:
        array = as_numpy(values) if is_arrow(values) else np.asarray(values)
        lists = flat_lists(store, array, "loss_mask")
    check_counts(store, lists, "loss_mask")
    counts, ranges = [np.zeros(1, np.int64)], []
    for start, stop in _pieces(store):
        lengths = store.lengths[start:stop].astype(np.int64)
        learned = np.ones(int(lengths.sum()), np.bool_)
        given = lists.given[start:stop]
        flat = _as_learned(lists.flat(start, stop), lists.counts, start)
        learned[slice(None) if given.all() else np.repeat(given, lengths)] = flat
        found = unlearned_ranges(learned, lengths)
        counts.append(found[0])
        ranges.append(found[1])
    return np.cumsum(np.concatenate(counts)), np.concatenate(ranges)


def _column(store: TokenStore, values: str | ArrayLike) -> Any:
    return store.columns([values]).column(values) if isinstance(values, str) else values


def _numbers(store: TokenStore, values: Any) -> NDArray[Any]:
    """One int or bool a document; None is 0."""
    if is_arrow(values):
        valid, known = as_numpy(values.is_valid()), as_numpy(values.drop_null())
    elif isinstance(values, list | tuple):
        valid = np.array([value is not None for value in values], np.bool_)
        known = np.array([value for value in values if value is not None])
    else:
        known = values
        valid = np.ones(values.shape, np.bool_)
    if valid.shape != (store.num_documents,):
        hint = ""
        if valid.shape == (store.num_tokens,):
            hint = "; one value a token, 1 where it is learned, goes to loss_mask="
        raise ValueError(
            f"mask must have one value for each of the {store.num_documents} documents, has shape "
            f"{valid.shape}{hint}"
        )
    if not len(known):
        return np.zeros(store.num_documents, np.int64)
    if known.dtype.kind == "f" and (known == np.floor(known)).all():
        known = known.astype(np.int64)
    if known.dtype.kind not in "biu":
        raise TypeError(f"mask has the type {known.dtype}, needs bool or int or lists of start, stop")
    array = np.zeros(store.num_documents, known.dtype)
    array[valid] = known
    return array


def _ranges(store: TokenStore, lists: Lists) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(document of each range int64 [M], ranges int64 [M, 2])."""
    if len(lists) != store.num_documents:
        raise ValueError(f"mask has {len(lists)} values, the store {store.num_documents} documents")
    flat = lists.flat(0, len(lists))
    _refuse_token_values(store, lists.counts, flat)
    odd = lists.counts % 2 == 1
    if odd.any():
        raise ValueError(
            f"mask[{int(np.argmax(odd))}] must be a list of start, stop, start, stop, ... or of pairs"
        )
    if len(flat) != lists.counts.sum():
        raise ValueError("mask holds a list that is no (start, stop) pair")
    if len(flat) and flat.dtype.kind not in "iu":
        raise TypeError(f"mask holds ranges of {flat.dtype}, needs whole numbers of tokens")
    ranges = flat.astype(np.int64).reshape(-1, 2)
    wrong = (ranges[:, 0] < 0) | (ranges[:, 1] < ranges[:, 0])
    document_of = np.repeat(np.arange(len(lists)), lists.counts // 2)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ValueError(
            f"mask[{document_of[at]}] holds the range {ranges[at].tolist()}, which does not rise"
        )
    return document_of, ranges


def _refuse_token_values(store: TokenStore, counts: NDArray[np.int64], flat: NDArray[Any]) -> None:
    """Values one a token, as other libraries have them, which would be misread as ranges.

    Flags are never ranges. Of 0s and 1s there is one range that means something, [0, 1]: so more than two
    values are refused, and two where all documents have as many tokens as values.
    """
    document = -1
    if len(flat) and flat.dtype.kind == "b":
        document = int(np.argmax(counts > 0))
    elif len(flat) and len(flat) == counts.sum() and flat.dtype.kind in "iuf":
        starts = np.cumsum(counts) - counts
        filled = np.flatnonzero(counts)
        largest = np.zeros(len(counts), flat.dtype)
        largest[filled] = np.maximum.reduceat(flat, starts[filled])
        smallest = np.zeros(len(counts), flat.dtype)
        smallest[filled] = np.minimum.reduceat(flat, starts[filled])
        is_binary = (largest <= 1) & (smallest >= 0)
        suspect = is_binary & (counts > 2)
        if not suspect.any() and bool((is_binary & (counts == store.lengths))[filled].all()):
            suspect = counts > 0
        document = int(np.argmax(suspect)) if suspect.any() else -1
    if document >= 0:
        raise ValueError(
            f"mask[{document}] has one value a token, or looks like it: give such values as loss_mask= (1: "
            "learned, 0: not). mask= takes the tokens that are not to be learned: a number (the first n), a "
            "bool a document, or (start, stop) pairs"
        )


def _as_learned(flat: NDArray[Any], counts: NDArray[np.int64], first: int) -> NDArray[np.bool_]:
    """0s and 1s of any type as flags; `first` is the document that they begin with."""
    if flat.dtype.kind == "b":
        return flat
    learned: NDArray[np.bool_] = flat == 1
    wrong = ~learned & (flat != 0)
    if wrong.any():
        at = int(np.argmax(wrong))
        document = first + int(np.searchsorted(np.cumsum(counts[first:]), at, side="right"))
        value = flat[at]
        hint = "; of labels, give labels != -100" if value == -100 else ""
        raise ValueError(
            f"loss_mask[{document}] holds {value!r}: values are 1 (learned) or 0 (not learned){hint}"
        )
    return learned


def _pieces(store: TokenStore) -> Iterator[tuple[int, int]]:
    """Runs of documents of some million tokens."""
    ends = np.cumsum(store.lengths, dtype=np.int64)
    start = 0
    while start < len(ends):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _PIECE_TOKENS, side="right")))
        yield start, stop
        start = stop
