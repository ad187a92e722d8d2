"""A finished store seen as the units that it was made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from pypack.jobs.description import JobDescription, job_of
from pypack.jobs.limit import limited, with_last_unit
from pypack.jobs.places import Place
from pypack.store.format import ShardInfo, StoreInfo


@dataclass(frozen=True)
class StoredUnit:
    """What of a store one unit has made.

    Attributes:
        number: of the unit.
        first_document: number of its first document in the store.
        shards: its shards, in order.
    """

    number: int
    first_document: int
    shards: list[ShardInfo] = field(default_factory=list)


def unit_of(shard: str) -> int | None:
    """The unit that a shard is of, by its name; None of a store that no job of units has made."""
    unit, dash, _ = shard.partition("-")
    return int(unit) if dash and unit.isascii() and unit.isdigit() else None


def stored_units(info: StoreInfo) -> dict[int, StoredUnit]:
    """Number → unit, of those that have documents."""
    units: dict[int, StoredUnit] = {}
    first = 0
    for shard in info.shards:
        number = unit_of(shard.name)
        if number is not None:
            units.setdefault(number, StoredUnit(number, first)).shards.append(shard)
        first += shard.documents
    return units


def job_with_all_units(place: Place, info: StoreInfo) -> JobDescription | None:
    """The job that made a store, with the unit that a limit has cut; None if there is none."""
    job = job_of(place, info)
    if job is None or job.job.get("limit") is None:
        return job
    last = limited(job, place).last
    return job if last is None else with_last_unit(job, last)
