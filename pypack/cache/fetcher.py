"""The one process of a host that fetches for a cache: the only one with a client of the object storage.

It holds `fetcher.lock` while it lives, and ends when nobody reads any more. Readers start it, and the next
one when it has died. It keeps nothing that its successor could not read again: what is there stands in the
states, what is needed in the files of the readers.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import sys
import time
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from pypack.cache.fetching import Fetched, fetch
from pypack.cache.files import no_room
from pypack.cache.groups import Group
from pypack.cache.layout import ABSENT, FAILED, PRESENT, boot_id
from pypack.cache.measures import Measures
from pypack.cache.readers import Key, Readers, is_soon
from pypack.cache.residents import Residents, Segment
from pypack.remote import DirectObjects

_AT_ONCE = 16  # ranges
_SECONDS_IDLE = float(os.environ.get("PYPACK_CACHE_IDLE", "10"))  # without readers, before it ends
_SECONDS_TO_LOCK = 2.0
_BETWEEN_LOOKS = 0.5  # at who has come and gone
_BETWEEN_TURNS = 0.001  # so that readers that ring without end are listened to a thousand times a second
_BETWEEN_PLANS = 0.02  # in which order blocks are fetched
_TRIED_AGAIN_AFTER = 0.5  # seconds, what has failed
_SECONDS_TO_SWITCH = 0.0005  # between threads: they have little to do in Python, many times
_FULL = (errno.ENOSPC, errno.EDQUOT)
_PAUSE_FULL, _SECONDS_TO_MAKE_ROOM = 0.1, 1.0
_SECONDS_FULL = 30.0  # before it is tried whether a full disk has room again


class Fetcher:
    """Fetches what the readers of a cache need, the soonest first, and evicts what is needed last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._objects = DirectObjects()
        self._groups: dict[int, Group] = {}
        self._readers = Readers(folder / "readers")
        self._limit = 0
        self._ceiling, self._ceiling_ends = 0, 0.0  # where the disk was found to be full
        self._residents = Residents(self._groups, self._current_limit)
        self._measures = Measures(folder)
        self._threads = ThreadPoolExecutor(_AT_ONCE, "pypack-fetch")
        self._running: dict[Segment, Future[Fetched]] = {}
        self._in_flight: dict[Key, None] = {}
        self._pending: dict[Key, None] = {}
        self._failed_at: dict[Key, float] = {}
        self._full_since: dict[Key, float] = {}  # what the disk has no room for
        self._distances: dict[Key, int] = {}
        self._queue: list[Key] = []
        self._next_look = self._next_plan = self._next_start = 0.0
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self, bell: int) -> None:
        """Works until nobody reads for a while."""
        self._look()
        used_at = turn = time.monotonic()
        while True:
            select.select([bell, self._wake_reader], [], [], self._pause())
            time.sleep(max(0.0, turn + _BETWEEN_TURNS - time.monotonic()))
            turn = time.monotonic()
            for pipe in (bell, self._wake_reader):
                with suppress(BlockingIOError):
                    os.read(pipe, 65536)
            if time.monotonic() >= self._next_look or self._readers.have_changed():
                self._look()  # who has come waits for its first blocks
            if len(self._readers):
                used_at = time.monotonic()
            elif time.monotonic() - used_at > _SECONDS_IDLE and not self._running:
                return
            self._collect()
            self._listen()
            self._start()
            self._measures.save()

    def _pause(self) -> float:
        """Seconds to wait for news."""
        if self._pending and len(self._running) < _AT_ONCE:
            return _BETWEEN_PLANS
        return _BETWEEN_LOOKS

    def _look(self) -> None:
        self._next_look = time.monotonic() + _BETWEEN_LOOKS
        self._readers.look()
        with suppress(OSError, ValueError):
            self._limit = int((self._folder / "limit").read_text())
        if not self._groups:
            for about in self._folder.glob("*/about.json"):
                self._group(int(about.parent.name[:16], 16))

    def _group(self, number: int) -> Group | None:
        """A group; one that came since is taken over."""
        found = self._groups.get(number)
        if found is not None:
            return found
        for about in self._folder.glob(f"{number:016x}*/about.json"):
            try:
                group = Group(about.parent)
            except (OSError, ValueError, TypeError, KeyError) as error:
                print(f"{about.parent}: is left alone: {error!r}", flush=True)
                continue
            self._groups[number] = group
            for segment in group.start(boot_id(), is_used=len(self._readers) > 0):
                self._residents.note((number, segment))
            return group
        return None

    def _listen(self) -> None:
        """What the readers need since the last time."""
        news = self._readers.news()
        for number, segment in news.damaged:
            group = self._group(number)
            if group is not None:
                self._look_at_damage(group, segment)
        for key, distance in news.blocks.items():
            group = self._group(key[0])
            if group is not None and key[1] < group.blocks and group.states[key[1]] != PRESENT:
                self._want(group, key)
                if is_soon(distance):
                    self._next_plan = 0.0  # it may have been wanted for later before

    def _want(self, group: Group, key: Key) -> None:
        if group.states[key[1]] == FAILED:
            if time.monotonic() < self._failed_at.get(key, 0.0) + _TRIED_AGAIN_AFTER:
                return
            group.try_again(key[1])
        if key not in self._pending and key not in self._in_flight:
            self._pending[key] = None
            self._next_plan = 0.0

    def _look_at_damage(self, group: Group, segment: int) -> None:
        """A reader could not map a segment. It is fetched anew if it is not what it was."""
        if segment >= group.segments or (group.number, segment) in self._running:
            return
        try:
            size = group.path(segment).lstat().st_size
        except OSError:
            size = -1
        if size != group.segment_size(segment):
            self._residents.drop((group.number, segment))

    def _plan(self) -> None:
        """The order of what is pending, as the clocks stand now."""
        self._next_plan = time.monotonic() + _BETWEEN_PLANS
        self._distances = self._readers.distances()
        for key in [key for key in self._pending if key not in self._distances]:
            del self._pending[key]  # nobody needs it any more
        starting = self._readers.are_starting()
        ordered = sorted((self._distances[key], key) for key in self._pending)
        # The first batch has the line for itself.
        self._queue = [key for distance, key in reversed(ordered) if not starting or is_soon(distance)]

    def _start(self) -> None:
        """Fetches what is needed soonest, as much at once as may be."""
        if len(self._running) >= _AT_ONCE or time.monotonic() < self._next_start:
            return
        if time.monotonic() >= self._next_plan:
            self._plan()
        while self._queue and len(self._running) < _AT_ONCE:
            key = self._queue.pop()
            if key not in self._pending:
                continue
            group = self._groups[key[0]]
            segment = (key[0], group.segment_of(key[1]))
            if group.states[key[1]] == PRESENT:
                del self._pending[key]
            elif segment not in self._running:
                self._fetch(group, segment, key)

    def _fetch(self, group: Group, segment: Segment, key: Key) -> None:
        distance = self._distances[key]
        blocks = self._run_of(group, segment, key[1], distance)
        size = sum(group.block_size(block) for block in blocks)
        if not self._residents.make_room(size, distance, self._distances, self._running.keys()):
            return  # when others have gone
        try:
            descriptor, is_new = group.opened(segment[1])
        except OSError as error:
            self._no_room(group, blocks, error)
            return
        self._residents.expect(segment, size)
        for block in blocks:
            self._pending.pop((group.number, block), None)
            self._in_flight[group.number, block] = None
        job = self._threads.submit(fetch, self._objects, group, segment[1], blocks, descriptor, is_new)
        job.add_done_callback(lambda _: self._wake())
        self._running[segment] = job

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._wake_writer, b"1")

    def _run_of(self, group: Group, segment: Segment, block: int, distance: int) -> range:
        """The neighbours of a block in its segment that are fetched with it: those that are needed, too; or
        all that are missing, where there is time and room for what will be needed later."""
        everything = (
            not is_soon(distance) and sum(g.size for g in self._groups.values()) <= self._current_limit()
        )
        within = group.blocks_of(segment[1])

        def is_wanted(one: int) -> bool:
            if one not in within or group.states[one] != ABSENT:
                return False
            return everything or (group.number, one) in self._pending

        first = last = block
        while is_wanted(first - 1):
            first -= 1
        while is_wanted(last + 1):
            last += 1
        return range(first, last + 1)

    def _collect(self) -> None:
        """What has come."""
        for segment, job in [(s, j) for s, j in self._running.items() if j.done()]:
            del self._running[segment]
            done = job.result()
            for block in done.blocks:
                self._in_flight.pop((segment[0], block), None)
            for block in done.good:
                done.group.set_present(block)
                self._full_since.pop((segment[0], block), None)
            self._residents.note(segment)
            self._measures.note(done)
            self._next_plan = 0.0  # what is pending in the same segment can go now
            rest = [block for block in done.blocks if block not in done.good]
            if done.disk_error is not None:
                if not done.group.present_bytes(segment[1]):
                    self._residents.drop(segment)  # what is written of it takes room
                self._no_room(done.group, rest, done.disk_error)
            elif done.error is not None:
                self._set_failed(done.group, rest, *done.error)

    def _no_room(self, group: Group, blocks: range | list[int], error: OSError) -> None:
        """The disk takes no more. What is needed last goes, and the cache stays as small for a while; where a
        step has waited for long all the same, it is told."""
        now = time.monotonic()
        keys = [(group.number, block) for block in blocks]
        if error.errno in _FULL:
            self._measures.note_full()
            since = min(self._full_since.setdefault(key, now) for key in keys)
            soon = any(is_soon(self._distances.get(key, 0)) for key in keys)
            if not soon or now - since < _SECONDS_TO_MAKE_ROOM:
                if soon:
                    size = sum(group.block_size(block) for block in blocks)
                    self._residents.give_up(size, self._distances, self._running.keys())
                self._ceiling, self._ceiling_ends = self._residents.used, now + _SECONDS_FULL
                # What has gone takes its room until the readers that have it mapped let go of it.
                self._next_start = now + _PAUSE_FULL
                for key in keys:
                    self._want(group, key)
                return
        told = no_room(self._folder, error)
        self._set_failed(group, blocks, type(told).__name__, told.url, told.reason)

    @property
    def _is_full(self) -> bool:
        """Whether the disk was found to be full not long ago."""
        return time.monotonic() < self._ceiling_ends

    def _current_limit(self) -> int:
        return min(self._limit, self._ceiling) if self._is_full else self._limit

    def _set_failed(self, group: Group, blocks: range | list[int], kind: str, url: str, reason: str) -> None:
        for block in blocks:
            self._pending.pop((group.number, block), None)
            self._full_since.pop((group.number, block), None)
            self._failed_at[group.number, block] = time.monotonic()
            group.set_failed(block, kind, url, reason)


def main(place: str) -> None:
    """Fetches for the cache in a folder, unless somebody does already."""
    os.closerange(3, 1024)  # of whoever started this
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(_SECONDS_TO_SWITCH)
    folder = Path(place)
    lock = os.open(folder / "fetcher.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + _SECONDS_TO_LOCK
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:  # a fetcher, or a reader that looks whether there is one
            if time.monotonic() > end:
                return
            time.sleep(0.02)
    bell = os.open(folder / "bell", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        Fetcher(folder).run(bell)
    except Exception:  # the readers start another one; why it was is in fetcher.log
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(0)  # threads may be in the middle of an answer that nobody needs
