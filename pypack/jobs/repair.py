"""Broken and missing files of a store, made again from its inputs: they must come out as they were recorded,
or what stands there stays as it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pypack._common.checksums import check_checksum
from pypack._common.paths import local_path
from pypack.jobs.attempts import Attempt, final_name
from pypack.jobs.crash import crash_at
from pypack.jobs.description import JobDescription, finished_description, read_description
from pypack.jobs.joined_rejects import JoinedRejects
from pypack.jobs.limit import limited
from pypack.jobs.manifest import Manifest, manifest_name, read_manifest, rejects_name
from pypack.jobs.merge import merge
from pypack.jobs.open_place import place_at
from pypack.jobs.options import WorkOptions
from pypack.jobs.output import OutputError, only_job_in
from pypack.jobs.place import FolderPlace
from pypack.jobs.places import Place
from pypack.jobs.retry import records_name
from pypack.jobs.scratch import scratch_folder
from pypack.jobs.stored_units import StoredUnit, job_with_all_units, stored_units, unit_of
from pypack.jobs.unit_work import UnitWork, refused_name
from pypack.remote import Url, is_url
from pypack.store.contents import shard_files
from pypack.store.format import (
    NEXT_REJECTED_FILE,
    REJECTED_FILE,
    STORE_FILE,
    TOKENIZER_FILE,
    ShardInfo,
    StoreInfo,
    check_own_bytes,
)

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer

_SCRATCH = "repair"


@dataclass
class RepairResult:
    """What `repair_store` has found and done.

    Attributes:
        repaired: names of files that were broken or missing, and are what they were again.
        not_repaired: name → why, of those that are broken still.
        units: numbers of the units that were made again.
    """

    repaired: list[str] = field(default_factory=list)
    not_repaired: dict[str, str] = field(default_factory=dict)
    units: list[int] = field(default_factory=list)


def repair_store(
    path: Path | str | Url,
    *,
    tokenizer: Tokenizer | None = None,
    num_threads: int | None = None,
    on_message: Callable[[str], None] | None = None,
) -> RepairResult:
    """Reads all files of a store, and makes those again that are broken or missing.

    The unit of a broken shard is made again from its inputs, beside the store; what comes of it takes the
    place of the broken files if it has the recorded checksums. The same goes for rejects, manifests and
    `store.json`. At a URL it is made on this machine, and uploaded: what is replaced is broken, and comes out
    the same whoever does it, so that no lock is needed. Killed at any moment, the store is no worse than it
    was, and the same call goes on.

    Args:
        path: a folder or URL.
        tokenizer: of the job, where the `tokenizer.json` of the store is itself broken: it is written again
            from this one if it comes out the same.
        num_threads: threads that encode; None for every core.
        on_message: told what is made again.

    Raises:
        OutputError: another process writes there, or there is neither a store nor a job.
    """
    where = Url.of(cast("str | Url", path)) if is_url(path) else local_path(cast("Path | str", path))
    place = place_at(where)
    if not place.exists(STORE_FILE) and read_description(place) is None:
        raise OutputError(f"{where}: holds neither a store ({STORE_FILE}) nor a job: nothing to repair")
    repair = _Repair(place, tokenizer, num_threads, on_message or (lambda message: None))
    if isinstance(where, Url):
        return repair()
    try:
        with only_job_in(where):
            return repair()
    except BlockingIOError:
        raise OutputError(f"{where}: another process is writing there; wait for it, or stop it") from None


class _Repair:
    def __init__(
        self,
        place: Place,
        tokenizer: Tokenizer | None,
        num_threads: int | None,
        say: Callable[[str], None],
    ) -> None:
        self._place = place
        self._given = tokenizer
        self._options = WorkOptions(num_threads=num_threads)
        self._say = say
        self._result = RepairResult()

    def __call__(self) -> RepairResult:
        if isinstance(self._place, FolderPlace):
            for name in self._place.names(""):  # of a call that was killed
                if final_name(name) == _SCRATCH and name != _SCRATCH:
                    shutil.rmtree(self._place.path(name), ignore_errors=True)
        info = self._info()
        if info is None:
            self._rebuild()
            return self._result
        job = job_with_all_units(self._place, info)
        self._repair_tokenizer(info)
        self._repair_units(info, job, stored_units(info))
        self._repair_rejects(info, job)
        return self._result

    def _info(self) -> StoreInfo | None:
        """What `store.json` says; None if it is missing or broken."""
        data = self._place.read(STORE_FILE)
        if data is None:
            return None
        try:
            check_own_bytes(data, self._place.told(STORE_FILE))
            return StoreInfo.from_json(data, self._place.told(STORE_FILE))
        except (ValueError, AttributeError):
            return None

    def _rebuild(self) -> None:
        """Of a store whose `store.json` is broken: by the manifests of its units, whose files are repaired
        first."""
        job = read_description(self._place)
        if job is not None and limited(job, self._place).missing:  # it has begun to add to the store
            job = finished_description(self._place)
        why_not = "there is no job.json" if job is None else None
        shards: list[ShardInfo] = []
        if job is not None:
            missing = limited(job, self._place).missing
            if missing:
                why_not = f"there are no manifests of units {missing[:3]}"
            for unit in limited(job, self._place).units if not missing else ():
                manifest = self._manifest(unit)
                if manifest is None:
                    why_not = f"the manifest of unit {unit} is broken, too"
                    break
                shards += manifest.shards
        if job is None or why_not is not None:
            self._result.not_repaired[STORE_FILE] = f"it is broken, and {why_not}"
            return
        units: dict[int, StoredUnit] = {}
        for shard in shards:
            number = unit_of(shard.name)
            assert number is not None
            units.setdefault(number, StoredUnit(number, 0)).shards.append(shard)
        self._repair_units(None, job, units)
        if self._result.not_repaired:
            self._result.not_repaired[STORE_FILE] = "it is broken, and so are files that it names"
            return
        self._place.remove(STORE_FILE)
        merge(self._place, job)
        self._result.repaired.append(STORE_FILE)

    def _manifest(self, unit: int) -> Manifest | None:
        try:
            return read_manifest(self._place, unit)
        except ValueError:
            return None

    def _repair_tokenizer(self, info: StoreInfo) -> None:
        recorded = info.files.get(TOKENIZER_FILE)
        if recorded is None or self._place.has_checksum(TOKENIZER_FILE, recorded):
            return
        if self._given is not None:
            with self._scratch() as scratch:
                scratch.write(TOKENIZER_FILE, self._given.to_json().encode())
                if scratch.has_checksum(TOKENIZER_FILE, recorded):
                    self._replace(scratch, TOKENIZER_FILE)
                    return
            self._result.not_repaired[TOKENIZER_FILE] = "the tokenizer that was given is another"
            return
        self._result.not_repaired[TOKENIZER_FILE] = (
            f"it is missing or has changed; put the one of {recorded} back, or name it with --tokenizer"
        )

    def _repair_units(
        self, info: StoreInfo | None, job: JobDescription | None, units: dict[int, StoredUnit]
    ) -> None:
        """Makes the units again of which files are broken."""
        known = [shard.name for unit in units.values() for shard in unit.shards]
        loose = [s for s in (() if info is None else info.shards) if s.name not in set(known)]
        for shard in loose:
            for name, _ in self._broken((shard,)):
                self._result.not_repaired[name] = "no job of units has made it"
        numbers = sorted({*units, *(range(len(job.units)) if job is not None and info is not None else ())})
        for number in numbers:
            broken = self._broken(units[number].shards if number in units else ())
            broken += self._broken_beside(job, number)
            if broken:
                self._make_again(job, number, broken)

    def _broken(self, shards: Iterable[ShardInfo]) -> list[tuple[str, str]]:
        """(name, checksum) of the files of shards that are not what they were."""
        found = []
        for shard in shards:
            recorded = shard.checksums()
            for name in shard_files((shard,)):
                expected = recorded.get(name.removeprefix(shard.name))
                if expected is not None and not self._place.has_checksum(name, expected):
                    found.append((name, expected))
        return found

    def _broken_beside(self, job: JobDescription | None, number: int) -> list[tuple[str, str]]:
        """The same of a unit's manifest and rejects; of the manifest nothing is recorded."""
        if job is None or job.job.get("limit") is not None:
            return []
        manifest = self._manifest(number)
        if manifest is None:
            return [(manifest_name(number), "")]
        recorded = manifest.rejects_checksum
        if recorded is None or self._place.has_checksum(rejects_name(number), recorded):
            return []
        return [(rejects_name(number), recorded)]

    def _make_again(self, job: JobDescription | None, number: int, broken: list[tuple[str, str]]) -> None:
        why_not = None
        if job is None or number >= len(job.units):
            why_not = "the store holds no job.json, which tells what it was made of"
        else:
            self._say(f"unit {number} is made again: {', '.join(name for name, _ in broken[:3])}")
            try:
                with self._scratch() as scratch:
                    self._make(job, number, scratch)
                    self._result.units.append(number)
                    why_not = self._take(scratch, number, broken)
            except (ValueError, OSError) as error:  # of inputs that are gone, or have changed
                why_not = str(error)
        if why_not is not None:
            for name, _ in broken:
                if name not in self._result.repaired:
                    self._result.not_repaired[name] = why_not

    def _make(self, job: JobDescription, number: int, scratch: FolderPlace) -> None:
        from pypack.tokenizer.tokenizer import Tokenizer

        for name in (records_name(number), refused_name(number)):
            data = self._place.read(name)
            if data is not None:
                scratch.write(name, data)
        tokenizer = self._given
        if tokenizer is None:
            scratch.write(TOKENIZER_FILE, self._place.read(TOKENIZER_FILE) or b"")
            tokenizer = Tokenizer.from_file(scratch.path(TOKENIZER_FILE))
        UnitWork(scratch, job, tokenizer, self._options)(number)

    def _take(self, scratch: FolderPlace, number: int, broken: list[tuple[str, str]]) -> str | None:
        """Puts what came out into the places of what is broken, if it is the same; else says why not."""
        made = read_manifest(scratch, number)
        assert made is not None
        wanted = {name: recorded for name, recorded in broken if recorded}
        for name, recorded in wanted.items():
            try:
                check_checksum(scratch.path(name), recorded)
            except FileNotFoundError:
                return "its unit was made again, and has no such file now"
            except ValueError:
                return (
                    "its unit was made again, and came out otherwise than it was recorded: another machine, "
                    "library or version has made it, or job.json is not that of the store"
                )
        for name, recorded in broken:
            if not recorded and not self._is_of_the_store(made):
                return "its unit was made again, and came out otherwise than the shards of the store"
            self._replace(scratch, name)
        return None

    def _is_of_the_store(self, made: Manifest) -> bool:
        """Whether a unit has come out with the shards that the store has."""
        return all(
            self._place.has_checksum(f"{shard.name}{suffix}", recorded)
            for shard in made.shards
            for suffix, recorded in shard.checksums().items()
        )

    def _repair_rejects(self, info: StoreInfo, job: JobDescription | None) -> None:
        recorded = info.files.get(REJECTED_FILE)
        for name in (REJECTED_FILE, NEXT_REJECTED_FILE):
            if recorded is None or self._place.has_checksum(name, recorded):
                return
        if job is None or any(self._manifest(unit.number) is None for unit in job.units):
            self._result.not_repaired[REJECTED_FILE] = (
                "those of the units, of which it is made, are not there"
            )
            return
        with self._scratch() as scratch:
            with scratch.writer(REJECTED_FILE) as target:
                manifests = [m for unit in job.units if (m := self._manifest(unit.number)) is not None]
                target.writelines(JoinedRejects(self._place, job, manifests).parts())
            assert recorded is not None
            if scratch.has_checksum(REJECTED_FILE, recorded):
                self._replace(scratch, REJECTED_FILE)
            else:
                self._result.not_repaired[REJECTED_FILE] = "those of the units come to another file"

    @contextmanager
    def _scratch(self) -> Iterator[FolderPlace]:
        """A folder inside the store, so that what is made in it can be renamed into its place; of a store at
        a URL one of this machine."""
        attempt = Attempt()
        beside = self._place.folder if isinstance(self._place.folder, Path) else scratch_folder()
        folder = beside / attempt.named(_SCRATCH)
        folder.mkdir()
        try:
            yield FolderPlace(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            attempt.end()

    def _replace(self, scratch: FolderPlace, name: str) -> None:
        crash_at("repair", name)
        if isinstance(self._place, FolderPlace):
            self._place.path(name).parent.mkdir(exist_ok=True)
        self._place.replace(scratch.path(name), name)
        self._result.repaired.append(name)
