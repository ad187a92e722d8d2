"""Plans whose spans have room for more tokens than they have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack.packing.strategies import Arrays, StrategyName

# The strategies that cut documents at the end of a sequence only.
WITH_ROOM = frozenset({"stream", "best_fit", "next_fit", "first_fit", "histogram", "pad"})


def check_room(strategy: StrategyName, sequence_length: int, room: int) -> None:
    """Raises ValueError where there can be no such room."""
    if room < 0:
        raise ValueError(f"room must be at least 0, got {room}")
    if strategy not in WITH_ROOM:
        ways = ", ".join(map(repr, sorted(WITH_ROOM)))
        raise ValueError(f"room={room}: {strategy!r} cuts documents without regard to it: use one of {ways}")
    if room >= sequence_length:
        raise ValueError(f"room={room} leaves no token of the {sequence_length} of a sequence: make it less")


def with_room(lengths: NDArray[np.int32], limit: int, room: int) -> NDArray[np.int32]:
    """Lengths of documents that are packed as if every one of their pieces were longer by the room.

    Args:
        lengths: tokens of each document; those below 1 stay as they are.
        limit: tokens of a sequence.
        room: tokens, fewer than the limit.

    Raises:
        OverflowError: a document has more than 2^31 - 1 tokens then.
    """
    pieces = np.maximum(-(-lengths.astype(np.int64) // (limit - room)), 0)
    longer = lengths + pieces * room
    if len(longer) and longer.max() >= 2**31:
        raise OverflowError(
            f"document {int(longer.argmax())} and its room have {int(longer.max())} tokens, more than 2^31-1"
        )
    found: NDArray[np.int32] = longer.astype(np.int32)
    return found


def without_room(
    arrays: Arrays,
    lengths: NDArray[np.int32],
    limit: int,
    room: int,
    align: int,
) -> Arrays:
    """The plan of the documents themselves, from that of `with_room`, with its counts."""
    offsets, document, start, length, capacity, _ = arrays
    start = (start // limit * (limit - room)).astype(np.int32)
    length = (length - room).astype(np.int32)
    view = _core.PlanView(offsets, document, start, length, capacity, room=room)
    return offsets, document, start, length, capacity, view.verify(lengths, align, np.iinfo(np.int32).max)
