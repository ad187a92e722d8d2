"""Objects of all services under one roof: the client is chosen by the URL, and tries again what may pass."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

from pypack.remote.client import Chunks, Client, Entries, Stat, Take
from pypack.remote.errors import ChangedObjectError, NoObjectError, RemoteError, UnsupportedError
from pypack.remote.retrying import retried
from pypack.remote.url import OBJECT_STORES, Url


class Objects(Protocol):
    """What can be done with objects, wherever they are. All may be called by several threads at once.

    Each method tries again, with growing pauses, what may pass (PYPACK_REMOTE_SECONDS, 120 s for one thing),
    and raises `RemoteError`s that name the object: `NoObjectError`, `RefusedError`, `ChangedObjectError`,
    `UnsupportedError`, `MissingLibraryError`, or the error itself where trying again has not helped.
    """

    def stat(self, url: Url) -> Stat | None:
        """Size, etag and time of an object; None if there is none."""

    def read(self, url: Url, begin: int = 0, end: int | None = None, *, etag: str = "") -> bytes:
        """Bytes `begin` to before `end`, None for the end of the object: all of them, or an error.

        Args:
            etag: of the version that is wanted (`Stat.etag`); another raises `ChangedObjectError`.
        """

    def read_many(self, ranges: Sequence[tuple[Url, int, int]]) -> Chunks:
        """Ranges (object, begin, end) of several objects of one bucket, many of them at once."""

    def list(self, url: Url) -> Entries:
        """All objects below a folder, at any depth, sorted by path part by part, in byte order."""

    def children(self, url: Url) -> Entries:
        """The objects that lie in a folder itself, sorted."""

    def write(self, url: Url, data: bytes) -> None:
        """Makes an object, or another in its place."""

    def create(self, url: Url, data: bytes) -> bool:
        """Makes an object that nobody else makes; False if one with other content stands there.

        What stands there is read: with the same content, it was this call, whose answer was lost, or a twin
        of it, which is as good.

        Raises:
            UnsupportedError: the service has no conditional requests (see `has_create`).
        """

    def has_create(self, folder: Url) -> bool:
        """Whether `create` keeps its promise there: tried with an object that is removed again."""

    def swap(self, url: Url, data: bytes, before: Stat) -> bool:
        """Puts an object in the place of the one that was seen (`stat`); False if that is no more there, and
        what stands there has other content. A lost answer is read back, as by `create`.

        Raises:
            UnsupportedError: the service has no such requests (see `has_swap`).
        """

    def has_swap(self, folder: Url) -> bool:
        """Whether `swap` keeps its promise there: tried with an object that is removed again."""

    def copy(self, source: Url, target: Url) -> None:
        """Makes an object of another of the same bucket (`Url.has_bucket_of`), within the service.

        Raises:
            UnsupportedError: the service cannot do it.
        """

    def upload(self, url: Url, path: str) -> None:
        """Makes an object of a local file, in parts if it is large. Nothing is seen of it before it is whole,
        and nothing is left of it if that fails."""

    def remove(self, url: Url) -> None:
        """Removes an object, if there is one."""


class DirectObjects:
    """`Objects` in this process: for a process of its own, which never forks.

    Args:
        stopped: asked while an object is uploaded; once it is true, the upload is given up and its parts are
            removed.
    """

    def __init__(self, stopped: Callable[[], bool] = lambda: False) -> None:
        self._stopped = stopped
        self._clients: dict[tuple[str, str], Client] = {}

    def _client(self, url: Url) -> Client:
        place = (url.scheme, url.bucket)
        found = self._clients.get(place)
        if found is None:
            found = self._clients[place] = _new_client(url)
        return found

    def stat(self, url: Url) -> Stat | None:
        """See `Objects`."""
        return retried(lambda: self._client(url).stat(url))

    def read(self, url: Url, begin: int = 0, end: int | None = None, *, etag: str = "") -> bytes:
        """See `Objects`."""
        if end is not None:
            return retried(lambda: self._exactly(url, begin, end, etag)) if end > begin else b""
        while True:
            found = self.stat(url)
            if found is None:
                raise NoObjectError(str(url), "there is no such object")
            if etag and found.etag and found.etag != etag:
                raise ChangedObjectError(str(url), "is not the object that it was: it was written anew")
            try:
                return self.read(url, begin, max(begin, found.size), etag=etag or found.etag)
            except ChangedObjectError:
                if etag:
                    raise  # else another has been put there in between, which is as good

    def _exactly(self, url: Url, begin: int, end: int, etag: str) -> bytes:
        data = self._client(url).read(url, begin, end, etag)
        if len(data) != end - begin:
            raise _cut(url, len(data), begin, end)
        return data

    def read_to(self, url: Url, begin: int, end: int, take: Take) -> None:
        """Gives `take` the bytes from `begin` to before `end` in order, a piece at a time, which is another's
        when it returns. Where an answer breaks off, the rest is asked for: nothing is given twice.

        Raises:
            RemoteError: as `read` does; some may have been given by then.
            Exception: what `take` raises, which must be no OSError.
        """
        at = begin

        def keep(piece: memoryview) -> None:
            nonlocal at
            if at + len(piece) > end:
                raise _cut(url, at + len(piece) - begin, begin, end)
            take(piece)
            at += len(piece)

        def rest() -> None:
            self._client(url).read_to(url, at, end, keep)
            if at != end:
                raise _cut(url, at - begin, begin, end)

        if end > begin:
            retried(rest)

    def list(self, url: Url) -> Entries:
        """See `Objects`."""
        return retried(lambda: self._client(url).list(url))

    def children(self, url: Url) -> Entries:
        """See `Objects`."""
        return retried(lambda: self._client(url).children(url))

    def read_many(self, ranges: Sequence[tuple[Url, int, int]]) -> Chunks:
        """See `Objects`."""
        if not ranges:
            return []
        client = self._client(ranges[0][0])
        found = retried(lambda: client.read_many(ranges))
        for i, (data, (url, begin, end)) in enumerate(zip(found, ranges, strict=True)):
            if len(data) != end - begin:  # rarely: once more, which says what is wrong
                found[i] = self.read(url, begin, end)
        return found

    def write(self, url: Url, data: bytes) -> None:
        """See `Objects`."""
        retried(lambda: self._client(url).write(url, data))

    def create(self, url: Url, data: bytes) -> bool:
        """See `Objects`."""
        return retried(lambda: self._client(url).create(url, data)) or self._is(url, data)

    def _is(self, url: Url, data: bytes) -> bool:
        """Whether an object is there and has this content."""
        try:
            return self.read(url) == data
        except NoObjectError:
            return False

    def has_create(self, folder: Url) -> bool:
        """See `Objects`."""
        if folder.is_read_only:
            return False
        probe = folder / f".pypack-probe-{secrets.token_hex(8)}"
        try:
            self.create(probe, b"1")
            return not retried(lambda: self._client(probe).create(probe, b"2"))
        except UnsupportedError:
            return False
        finally:
            self.remove(probe)

    def swap(self, url: Url, data: bytes, before: Stat) -> bool:
        """See `Objects`."""
        return retried(lambda: self._client(url).swap(url, data, before)) or self._is(url, data)

    def has_swap(self, folder: Url) -> bool:
        """See `Objects`."""
        if folder.is_read_only:
            return False
        probe = folder / f".pypack-probe-{secrets.token_hex(8)}"
        try:
            seen = []
            for data in (b"1", b"2"):
                self.write(probe, data)
                seen.append(self.stat(probe))
            past, now = seen
            if past is None or now is None:
                return False
            client = self._client(probe)
            if retried(lambda: client.swap(probe, b"3", past)):
                return False
            return self.swap(probe, b"4", now)
        except UnsupportedError:
            return False
        finally:
            self.remove(probe)

    def copy(self, source: Url, target: Url) -> None:
        """See `Objects`."""
        retried(lambda: self._client(source).copy(source, target))

    def upload(self, url: Url, path: str) -> None:
        """See `Objects`."""
        retried(lambda: self._client(url).upload(url, path, self._stopped))

    def remove(self, url: Url) -> None:
        """See `Objects`."""
        retried(lambda: self._client(url).remove(url))


def _cut(url: Url, count: int, begin: int, end: int) -> RemoteError:
    return RemoteError(
        str(url), f"gave {count:,} bytes of {end - begin:,} from byte {begin:,} on: cut, or changed"
    )


def _new_client(url: Url) -> Client:
    # Imported where they are used: all commands import this module, and few name a URL.
    if url.scheme in OBJECT_STORES:
        from pypack.remote.object_stores import ObjectStoreClient

        return ObjectStoreClient(url)
    if url.scheme in ("http", "https"):
        from pypack.remote.https import HttpClient

        return HttpClient()
    from pypack.remote.file_systems import FileSystemClient

    return FileSystemClient(url)
