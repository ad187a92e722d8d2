"""Sources whose stores have grown since a state was saved, as their extended plans tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack._common.arguments import whole_number
from pypack.loader.state import digest
from pypack.schedule.schedule_order import Grown, GrownSources, ScheduleOrder
from pypack.schedule.weight_log import Base
from pypack.source.source import Source

Sizes = Mapping[int, int]  # sequences by row length


def sizes_before(
    sources: Mapping[str, Source], mine: Any, theirs: Any
) -> tuple[dict[str, Sizes], list[list[Any]]]:
    """The sources that have grown since a state, with the sequences that they had; and `mine` as it would be
    without that.

    Args:
        sources: of the loader.
        mine: their names and digests, of `sources_digest`.
        theirs: those of the state.
    """
    if not isinstance(mine, list) or not isinstance(theirs, list | tuple):
        return {}, mine
    there = dict(map(tuple, theirs))
    grown: dict[str, Sizes] = {}
    for name, now in mine:
        if there.get(name) in (None, now):
            continue
        for fingerprint, sizes in sources[name].before_growth():
            if digest(fingerprint) == there[name]:
                grown[name] = sizes
    return grown, [[name, there[name] if name in grown else now] for name, now in mine]


def grown_on(
    order: ScheduleOrder, known: GrownSources, before: Mapping[str, Sizes], here: Base
) -> GrownSources:
    """Where the sources of a run go on that have grown.

    Args:
        order: of the loader, with the grown sources.
        known: what had grown before.
        before: sources that have grown since, and what they had.
        here: what is drawn where the run goes on.
    """
    grown = dict(known)
    for name, sizes in before.items():
        number = order.names.index(name)
        for length, drawn in zip(order.row_lengths, here.drawn, strict=True):
            had, has = sizes.get(length, 0), order.size_of(name, length)
            if not had or had == has:
                continue
            rows, last = drawn[number], known.get((name, length))
            epoch, begun = rows // had, rows - rows % had
            parts: tuple[int, ...] = (had,)
            if last is not None:
                whole = sum(last.parts)
                later, start = divmod(rows - last.begun - whole, had)
                epoch, begun = last.epoch + 1 + later, rows - start
                if rows - last.begun < whole:
                    epoch, begun, parts = last.epoch, last.begun, last.parts
            # Of an epoch that has not begun, the new sequences are mixed with the others.
            grown[name, length] = Grown(begun, epoch, (*parts, has - sum(parts)) if rows > begun else (has,))
    return grown


def grown_to_plain(grown: GrownSources) -> dict[str, list[list[int]]]:
    """For a state: by source, lists of row length, `begun`, `epoch` and the parts."""
    plain: dict[str, list[list[int]]] = {}
    for (name, length), one in grown.items():
        plain.setdefault(name, []).append([length, one.begun, one.epoch, *one.parts])
    return plain


def grown_of(state: Mapping[str, Any]) -> GrownSources:
    """What a state says of it.

    Raises:
        ValueError: the state is damaged.
    """
    grown: dict[tuple[str, int], Grown] = {}
    try:
        for name, rows in dict(state.get("grown") or {}).items():
            for row in rows:
                length, begun, epoch, *parts = (whole_number("grown", value) for value in row)
                if min(length, begun, epoch, *parts) < 0 or not parts:
                    raise ValueError("grown below 0, or without parts")
                grown[str(name), length] = Grown(begun, epoch, tuple(parts))
    except (TypeError, ValueError) as error:
        raise ValueError(f"this is no state of a loader: {error!r}") from error
    return grown
