"""What a plan of a selection keeps beside its spans: which documents of the store, and how often."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack._common.fingerprint import integers_fingerprint, is_of_lengths
from pypack.plan.lengths import as_lengths

if TYPE_CHECKING:
    from pypack.plan.plan import Plan

Repeats = tuple[tuple[int, int, int], ...]  # runs: first sequence, sequences, how often each

_MOST_RANGES = 1 << 20


def checked_repeats(repeats: Iterable[Sequence[int]], sequences: int) -> Repeats:
    """Runs of sequences that are given several times an epoch.

    Raises:
        ValueError: they do not follow one another from the first sequence to the last, or a number is below 1
            or too large.
    """
    runs = tuple((int(first), int(count), int(times)) for first, count, times in repeats)
    after = 0
    for first, count, times in runs:
        if first != after or count < 1 or times < 1:
            raise ValueError(
                f"repeats: the run {[first, count, times]} must begin at sequence {after}, and hold at least "
                "one sequence at least once"
            )
        after = first + count
    if runs and after != sequences:
        raise ValueError(f"repeats: the runs hold {after} of {sequences} sequences")
    if sum(times for _, _, times in runs) > _MOST_RANGES:
        raise ValueError(f"repeats: all runs together may be given {_MOST_RANGES} times")
    return runs


def repeated(ranges: Iterable[tuple[int, int]], repeats: Repeats) -> list[tuple[int, int]]:
    """Runs of sequences (first, count), each part as often as it is repeated: all of them once, then those
    that come twice once more, and so on."""
    parts: list[tuple[int, int, int]] = []
    for first, count in ranges:
        for start, size, times in repeats:
            begin, end = max(first, start), min(first + count, start + size)
            if begin < end:
                parts.append((begin, end - begin, times))
    most = max((times for *_, times in parts), default=0)
    return [(begin, size) for n in range(most) for begin, size, times in parts if times > n]


def sequence_times(plan: Plan) -> NDArray[np.int64]:
    """int64 [S]: how often an epoch gives each sequence."""
    if not plan.repeats:
        return np.ones(plan.num_sequences, np.int64)
    _, counts, times = np.array(plan.repeats, np.int64).T
    return np.repeat(times, counts)


def chosen_lengths(plan: Plan, lengths: ArrayLike) -> NDArray[np.int32]:
    """Of a store's lengths those that a plan was made for, in its order.

    Raises:
        ValueError: the store has fewer documents than the plan names.
    """
    documents = as_lengths(lengths)
    if plan.documents is None or (
        len(documents) == len(plan.documents) and is_of_lengths(plan.lengths_fingerprint, documents)
    ):
        return documents
    check_documents(plan, len(documents))
    return np.ascontiguousarray(documents[plan.documents])


def check_documents(plan: Plan, count: int) -> None:
    """Raises ValueError unless the documents of a plan are among `count`."""
    if plan.documents is None or not len(plan.documents):
        return
    if (low := int(plan.documents.min())) < 0 or (high := int(plan.documents.max())) >= count:
        bad = low if low < 0 else high
        raise ValueError(
            f"{plan._path or 'the plan'} holds document {bad}, and the store has {count}: use the store that "
            "it was made for"
        )


def check_recorded(plan: Plan) -> None:
    """Raises ValueError if a plan's documents are others than its header says."""
    if plan.documents is None:
        return
    found, recorded = integers_fingerprint(plan.documents), plan.documents_fingerprint
    if found != recorded:
        raise ValueError(f"documents.npy has the fingerprint {found}, plan.json records {recorded}")


def header_of(plan: Plan) -> dict[str, Any]:
    """The fields of plan.json about the selection and the literals, and what a reader must know to use it."""
    header: dict[str, Any] = {}
    requires = []
    if plan.documents is not None:
        requires.append("documents")
        header["documents"] = {"count": len(plan.documents), "fingerprint": plan.documents_fingerprint}
        if plan.store_fingerprint is not None:
            header["documents"]["store_fingerprint"] = plan.store_fingerprint
    if plan.repeats:
        requires.append("repeats")
        header["repeats"] = [list(run) for run in plan.repeats]
    if plan.room:
        requires.append("room")
    if plan.literals is not None:
        requires.append("literals")
        header["literals"] = {"count": len(plan.literals), "fingerprint": plan.literals.fingerprint}
    if plan.selection:
        header["selection"] = dict(plan.selection)
    if plan.sides is not None:
        requires.append("sides")
        header["sides"] = plan.sides.to_dict()
    return {"requires": requires, **header}


def described(selection: Mapping[str, Any]) -> str:
    """A selection in one line."""
    return ", ".join(f"{name} {value}" for name, value in selection.items())


def runs_of(times: NDArray[np.integer[Any]]) -> Repeats:
    """Runs of equal neighbours of how often each sequence is given; () if all are given once."""
    if not len(times) or (times == 1).all():
        return ()
    firsts = np.flatnonzero(np.diff(times, prepend=-1)).tolist()
    return tuple(
        (first, end - first, int(times[first])) for first, end in itertools.pairwise([*firsts, len(times)])
    )
