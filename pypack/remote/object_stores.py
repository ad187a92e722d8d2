"""S3, Google Cloud Storage and Azure through obstore."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import IO, Any

from pypack.remote.aws_profile import profile_options
from pypack.remote.client import Chunks, Entries, Entry, Stat, Take
from pypack.remote.errors import (
    ChangedObjectError,
    MissingLibraryError,
    NoObjectError,
    RefusedError,
    RemoteError,
    UnsupportedError,
)
from pypack.remote.url import Url

# A read is cut into so many pieces at once, none smaller than this.
_PIECES, _PIECE_BYTES = 8, 2 << 20
_READ_AT_ONCE = 32
# What the services say of a bucket or container that is not there, which waiting does not mend.
_NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|\b404 Not Found\b.*bucket does not exist", re.DOTALL)
# The address at which a machine in the cloud asks who it is.
_OF_THE_MACHINE = "//169.254.169.254"
_ADVICE = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
# The smallest part that S3 takes is 5 MB; with at most 10,000 parts an object may have 5 TB.
_PART_BYTES, _MOST_PARTS = 16 << 20, 10_000
# The library tries again by itself what passes in a moment; `retrying.py` does the rest.
_RETRY = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=3), "base": 2},
}
_TIMEOUTS = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=120)}


class ObjectStoreClient:
    """The objects of one bucket or container.

    The library has threads of its own, which a fork does not copy: it hangs in a forked child.
    """

    def __init__(self, url: Url) -> None:
        try:
            import obstore
        except ImportError:
            raise MissingLibraryError(
                str(url), "needs the library obstore: pip install 'pypack-engine[remote]'"
            ) from None
        self._obstore: Any = obstore
        self._store = _store(url)
        self._bucket_was_looked_for = False

    def stat(self, url: Url) -> Stat | None:
        try:
            return _stat(self._try(url, partial(self._obstore.head, self._store, url.key)))
        except NoObjectError:
            return None

    def read(self, url: Url, begin: int, end: int, etag: str) -> bytes:
        return bytes(self._try(url, lambda: asyncio.run(self._read(url.key, begin, end, etag))))

    async def _read(self, key: str, begin: int, end: int, etag: str) -> bytes:
        pieces = [self._piece(key, *piece, etag) for piece in _pieces(begin, end)]
        return b"".join(await asyncio.gather(*pieces))

    def read_to(self, url: Url, begin: int, end: int, take: Take) -> None:
        self._try(url, lambda: asyncio.run(self._read_to(url.key, begin, end, take)))

    async def _read_to(self, key: str, begin: int, end: int, take: Take) -> None:
        pieces = [asyncio.create_task(self._piece(key, *piece, "")) for piece in _pieces(begin, end)]
        try:
            for piece in pieces:
                take(memoryview(await piece))
        finally:
            for piece in pieces:
                piece.cancel()
            await asyncio.gather(*pieces, return_exceptions=True)

    async def _piece(self, key: str, begin: int, end: int, etag: str) -> Any:
        options: dict[str, Any] = {"range": (begin, end)}
        if etag and not etag.startswith("W/"):
            options["if_match"] = f'"{etag}"'
        found = await self._obstore.get_async(self._store, key, options=options)
        return await found.bytes_async()

    def list(self, url: Url) -> Entries:
        def listed() -> Entries:
            skip = len(url.key) + 1 if url.key else 0
            chunks = self._obstore.list(self._store, prefix=url.key or None)
            return [Entry(meta["path"][skip:], _stat(meta)) for chunk in chunks for meta in chunk]

        found: Entries = self._try(url, listed)
        return sorted(found, key=lambda entry: entry.path.encode(errors="surrogateescape").split(b"/"))

    def children(self, url: Url) -> Entries:
        skip = len(url.key) + 1 if url.key else 0
        found = self._try(url, lambda: self._obstore.list_with_delimiter(self._store, url.key or None))
        return sorted(
            (Entry(meta["path"][skip:], _stat(meta)) for meta in found["objects"]),
            key=lambda entry: entry.path,
        )

    def read_many(self, ranges: Sequence[tuple[Url, int, int]]) -> Chunks:
        async def read_all() -> Chunks:
            turns = asyncio.Semaphore(_READ_AT_ONCE)

            async def one(url: Url, begin: int, end: int) -> bytes:
                async with turns:
                    return bytes(await self._piece(url.key, begin, end, "")) if end > begin else b""

            return await asyncio.gather(*(one(*each) for each in ranges))

        found: Chunks = self._try(ranges[0][0], lambda: asyncio.run(read_all()))
        return found

    def write(self, url: Url, data: bytes) -> None:
        self._try(url, lambda: self._obstore.put(self._store, url.key, data, use_multipart=False))

    def create(self, url: Url, data: bytes) -> bool:
        try:
            # Several parts and a condition at once are not for this library: a small object in one request.
            put = partial(self._obstore.put, self._store, url.key, data, mode="create", use_multipart=False)
            self._try(url, put)
        except FileExistsError:
            return False
        return True

    def swap(self, url: Url, data: bytes, before: Stat) -> bool:
        seen = {"e_tag": f'"{before.etag}"', **({"version": before.version} if before.version else {})}
        put = partial(self._obstore.put, self._store, url.key, data, mode=seen, use_multipart=False)
        try:
            self._try(url, put)
        except (ChangedObjectError, NoObjectError, FileExistsError):
            return False
        return True

    def copy(self, source: Url, target: Url) -> None:
        self._try(source, lambda: self._obstore.copy(self._store, source.key, target.key))

    def upload(self, url: Url, path: str, stopped: Callable[[], bool]) -> None:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            size = os.fstat(file.fileno()).st_size
            if size <= _PART_BYTES:
                self.write(url, file.read())
                return
            part = max(_PART_BYTES, -(-size // _MOST_PARTS))
            source = _Stoppable(file, stopped)
            try:
                # The library puts away the parts that are there, should reading fail.
                put = partial(self._obstore.put, self._store, url.key, source, use_multipart=True)
                self._try(url, lambda: put(chunk_size=part, max_concurrency=4))
            except RemoteError:
                if stopped():
                    raise RefusedError(str(url), "the upload was given up") from None
                raise

    def remove(self, url: Url) -> None:
        with suppress(NoObjectError):
            self._try(url, lambda: self._obstore.delete(self._store, url.key))

    def _try(self, url: Url, do: Any) -> Any:
        """Does something, with the errors of the library as those of this room."""
        kinds = self._obstore.exceptions
        try:
            return do()
        except (FileNotFoundError, kinds.NotFoundError):
            self._look_for_bucket(url)
            raise NoObjectError(str(url), "there is no such object") from None
        except kinds.AlreadyExistsError:
            raise FileExistsError(str(url)) from None
        except kinds.PreconditionError:
            raise ChangedObjectError(str(url), "is not the object that it was: it was written anew") from None
        except (kinds.PermissionDeniedError, kinds.UnauthenticatedError) as error:
            raise RefusedError(str(url), f"the service does not allow it ({_brief(error)})") from None
        except (kinds.NotSupportedError, NotImplementedError) as error:
            raise UnsupportedError(str(url), f"the service cannot do this ({_brief(error)})") from None
        except kinds.InvalidPathError as error:
            raise RefusedError(str(url), f"no name for an object ({_brief(error)})") from None
        except (kinds.BaseError, OSError, ValueError) as error:
            if _NO_BUCKET.search(str(error)):  # of a list: that of an object is NotFoundError
                raise _no_bucket(url) from None
            told = _brief(error)
            if _OF_THE_MACHINE in told:  # where the library asks last
                raise RefusedError(
                    str(url), f"there are no credentials for it: {_ADVICE[url.scheme]}"
                ) from None
            raise RemoteError(str(url), told) from None

    def _look_for_bucket(self, url: Url) -> None:
        """Where an object is missing: whether its bucket is, too, which a list tells, as an answer to HEAD
        has no words. Once, and who may not list is none the wiser."""
        if self._bucket_was_looked_for:
            return
        try:
            next(iter(self._obstore.list(self._store, prefix=url.key or None)), None)
        except Exception as error:
            if _NO_BUCKET.search(str(error)):
                raise _no_bucket(url) from None
        self._bucket_was_looked_for = True


def _no_bucket(url: Url) -> RefusedError:
    return RefusedError(
        str(url), f"the service knows no bucket {url.bucket!r}: make it first, or mend its name"
    )


def _pieces(begin: int, end: int) -> list[tuple[int, int]]:
    """The ranges that are read at once for one."""
    step = max(_PIECE_BYTES, -(-(end - begin) // _PIECES))
    return [(at, min(at + step, end)) for at in range(begin, end, step)]


class _Stoppable:
    """A file that is read until somebody says stop; then reading it fails."""

    def __init__(self, file: IO[bytes], stopped: Callable[[], bool]) -> None:
        self._file = file
        self._stopped = stopped
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if self._stopped():
            raise InterruptedError("stopped")
        return self._file.read(size)


def _store(url: Url) -> Any:
    from obstore import store as stores

    store: Any = stores
    options: dict[str, Any] = {"client_options": dict(_TIMEOUTS), "retry_config": _RETRY}
    if url.scheme == "s3":
        own = profile_options()
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        if endpoint:
            own["endpoint"] = endpoint
            options["client_options"]["allow_http"] = endpoint.startswith("http://")
        return store.S3Store(url.bucket, config=own, **options)
    if url.scheme == "gs":
        emulator = os.environ.get("STORAGE_EMULATOR_HOST", "")
        if emulator:
            host = emulator if "://" in emulator else f"http://{emulator}"
            options["client_options"]["allow_http"] = True
            options["config"] = {"base_url": host}
            options["credential_provider"] = lambda: {"token": "emulator", "expires_at": None}
        return store.GCSStore(url.bucket, **options)
    endpoint = os.environ.get("AZURE_STORAGE_ENDPOINT") or os.environ.get("AZURE_ENDPOINT") or ""
    options["client_options"]["allow_http"] = endpoint.startswith("http://")
    return store.AzureStore(url.bucket, **options)


def _stat(meta: Any) -> Stat:
    modified = meta["last_modified"]
    seconds = int(modified.replace(microsecond=0).timestamp())
    return Stat(
        int(meta["size"]),
        (meta.get("e_tag") or "").strip('"'),
        seconds * 10**9 + modified.microsecond * 1000,
        meta.get("version") or "",
    )


def _brief(error: BaseException) -> str:
    """The first line of what the library says, which goes on with its own innards."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."
