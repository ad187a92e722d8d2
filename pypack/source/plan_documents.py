"""Which documents of a store the plans of a source are of."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pypack._common.fingerprint import is_of_lengths, lengths_fingerprint
from pypack.plan.chosen import check_documents
from pypack.plan.plan import Plan
from pypack.store.store import TokenStore


def chosen_documents(
    store: TokenStore, plans: Sequence[Plan], given: NDArray[np.int64] | None
) -> NDArray[np.int64] | None:
    """The documents that plans are of: those that are given, those that they keep, or None: all.

    Raises:
        ValueError: a plan is of other documents, or the lengths of these are others.
    """
    kept = next((plan.documents for plan in plans if plan.documents is not None), None)
    documents = kept if given is None else np.ascontiguousarray(given, np.int64)
    for plan in plans:
        of_others = plan.documents is not None and (
            documents is None or not np.array_equal(plan.documents, documents)
        )
        if of_others or (given is None and kept is not None and plan.documents is None):
            raise ValueError(
                f"{plan!r} is of other documents of the store than "
                f"{'those given' if given is not None else 'another plan of the source'}: give each its own "
                "Source, or leave documents= out"
            )
    for plan in plans:
        _check(store, plan, documents)
    return documents


def _check(store: TokenStore, plan: Plan, documents: NDArray[np.int64] | None) -> None:
    recorded = plan.lengths_fingerprint
    if documents is None:
        if store.has_lengths_of(recorded) or _has_grown(store, plan):
            return
        found = store.lengths_fingerprint
    else:
        # What a plan keeps was its store's when it was made: then nothing need be read.
        if (
            plan.documents is not None
            and plan.store_fingerprint is not None
            and store.has_lengths_of(plan.store_fingerprint)
        ):
            return
        check_documents(plan, store.num_documents)
        lengths = np.ascontiguousarray(store.lengths[documents])
        if is_of_lengths(recorded, lengths):
            return
        found = lengths_fingerprint(lengths)
    advice = "use the store that the plan was made for, or pack again"
    parts = store.parts if len(store.parts) > 1 else ()
    if any(part.has_lengths_of(recorded) for part in parts):
        advice = "it is of one of them alone: pack TokenStore.open([...]).lengths, those of all"
    raise ValueError(
        f"the plan was made for {plan.counts.documents} documents with lengths fingerprint "
        f"{recorded}, {store!r} has {found}: {advice}"
    )


def _has_grown(store: TokenStore, plan: Plan) -> bool:
    """Whether the plan is of the first documents of the store: it is as good as it was, and knows no others.

    Of lists of stores nobody can tell whether they have grown, or another store was meant.
    """
    if len(store.parts) > 1 or not 0 < plan.counts.documents < len(store):
        return False
    if not store.begins_with(plan.counts.documents, plan.lengths_fingerprint):
        return False
    warnings.warn(
        f"{plan!r} is of the first {plan.counts.documents} of {len(store)} documents of {store.place}, which "
        "has grown since: the others are not given (pypack pack --extend and extend_plan add them)",
        stacklevel=5,
    )
    return True
