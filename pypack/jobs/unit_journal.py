"""What an unfinished unit has finished of itself, so that another attempt goes on from there.

Most units are one shard, and have no journal. One that has several (standard input, a large compressed file)
must not lose the finished ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field

from pypack._common.files import TEMPORARY_SUFFIX
from pypack._common.schema import COUNT, TEXT, Field, check
from pypack.corpus import Position, StreamMark
from pypack.jobs.attempts import Attempt
from pypack.jobs.manifest import UNITS_FOLDER, Manifest, rejects_name
from pypack.jobs.places import Place
from pypack.store.format import OPEN_SHARD, ShardInfo

_HEAD = {"format": "pypack.unit-journal", "version": 1}
_ENTRY = Field(
    "dict",
    fields={
        "shard": OPEN_SHARD,
        "position": Field("dict", fields={"file": COUNT, "record": COUNT, "offset": COUNT}),
        "rejects_bytes": COUNT,
        "stream": Field("dict", null=True, fields={"size": COUNT, "digest": TEXT}),
        "passed_over": Field("dict", items=COUNT),
    },
)
_JOURNAL = re.compile(r"(\d{6,})\.journal" + re.escape(TEMPORARY_SUFFIX) + r"\..+")


def journal_name(unit: int) -> str:
    """What the journals of a unit are named after."""
    return f"{UNITS_FOLDER}/{unit:06d}.journal"


@dataclass(frozen=True)
class Entry:
    """One finished shard.

    Attributes:
        shard: what the manifest will say of it.
        position: where reading goes on behind its last document.
        rejects_bytes: size of the attempt's file of rejects up to that place.
        stream: of a stream, what it was up to there.
        passed_over: documents left out up to there, by reason.
    """

    shard: ShardInfo
    position: Position
    rejects_bytes: int
    stream: StreamMark | None = None
    passed_over: dict[str, int] = field(default_factory=dict)


class UnitJournal:
    """The journal of one attempt: a line for the format, then one for every finished shard.

    Attributes:
        entries: what is finished: by the best attempt before, then by this one.
        taken_from: the file of rejects of that attempt, None if there was none.
    """

    def __init__(self, place: Place, unit: int, attempt: Attempt) -> None:
        self._place = place
        self._name = attempt.named(journal_name(unit))
        self.entries: list[Entry] = []
        self.taken_from: str | None = None
        for name in _journals(place, unit):
            found = _read(place, name)
            rejects = name.replace(journal_name(unit), rejects_name(unit), 1)
            if len(found) > len(self.entries) and _is_whole(place, found, rejects):
                self.entries, self.taken_from = found, rejects
        self._is_begun = False

    def append(self, entry: Entry) -> None:
        """Records a finished shard."""
        self.entries.append(entry)
        # What was taken over stands in one's own journal from the first shard on.
        lines = [entry] if self._is_begun else self.entries
        head = [] if self._is_begun else [json.dumps(_HEAD)]
        self._is_begun = True
        text = "".join(f"{line}\n" for line in [*head, *(json.dumps(asdict(line)) for line in lines)])
        self._place.append(self._name, text.encode())


def has_finished_shards(place: Place) -> bool:
    """Whether an unfinished unit of a job has a finished shard."""
    return any(_read(place, name) for name in _journals(place))


def finished_documents(place: Place, units: Collection[int]) -> int:
    """Documents in the finished shards of units that are not done."""
    best: dict[int, int] = {}
    for name in _journals(place):
        unit = int(name.removeprefix(f"{UNITS_FOLDER}/").partition(".")[0])
        documents = sum(entry.shard.documents for entry in _read(place, name))
        best[unit] = max(best.get(unit, 0), documents)
    return sum(documents for unit, documents in best.items() if unit in units)


def _journals(place: Place, unit: int | None = None) -> Iterator[str]:
    """The journals of a unit, or of all."""
    for name in place.temporaries(UNITS_FOLDER):
        found = _JOURNAL.fullmatch(name)
        if found is not None and (unit is None or int(found[1]) == unit):
            yield f"{UNITS_FOLDER}/{name}"


def _read(place: Place, name: str) -> list[Entry]:
    """The shards that a journal names; a last line that was cut by a crash, and what is no line, end it."""
    lines = (place.read(name) or b"").split(b"\n")[:-1]
    entries = []
    try:
        if not lines or json.loads(lines[0]) != _HEAD:
            return []
        for line in lines[1:]:
            values = json.loads(line)
            check(values, _ENTRY, name)
            shard, position = ShardInfo.from_dict(values["shard"]), Position(**values["position"])
            mark = None if values["stream"] is None else StreamMark(**values["stream"])
            entries.append(Entry(shard, position, values["rejects_bytes"], mark, values["passed_over"]))
    except (ValueError, RecursionError):
        pass
    return entries


def _is_whole(place: Place, entries: list[Entry], rejects: str) -> bool:
    """Whether what a journal names is there, and what it was: twins may have disagreed about it."""
    if (place.size(rejects) or 0) < entries[-1].rejects_bytes:
        return False
    made = Manifest(0, 0, 0, shards=tuple(entry.shard for entry in entries))
    if any(place.size(name) != size for name, size in made.files()):
        return False
    return all(
        place.has_checksum(f"{entry.shard.name}{suffix}", recorded)
        for entry in entries
        for suffix, recorded in entry.shard.checksums().items()
    )
