"""Whatever else fsspec knows, and the Hugging Face Hub, whose library speaks the same language."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

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

_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class FileSystemClient:
    """The files of one file system of fsspec.

    It makes no file on a condition: what fsspec offers asks first and writes then.
    """

    def __init__(self, url: Url) -> None:
        self._files = _hub(url) if url.scheme == "hf" else _file_system(url)

    def stat(self, url: Url) -> Stat | None:
        path = self._path(url)
        try:
            found = self._try(
                url, lambda: self._hub_file(path) if url.scheme == "hf" else self._files.info(path)
            )
        except NoObjectError:
            return None
        return None if found is None or found["type"] != "file" else _stat(found)

    def _hub_file(self, path: str) -> dict[str, Any] | None:
        """What the Hub says of a file now, with its version, which its file system leaves out."""
        from huggingface_hub import HfApi, RepoFile

        place = self._files.resolve_path(path)
        if not place.path_in_repo:
            return None
        found = HfApi(endpoint=self._files.endpoint, token=self._files.token).get_paths_info(
            place.repo_id, place.path_in_repo, repo_type=place.repo_type, revision=place.revision
        )
        files = [one for one in found if isinstance(one, RepoFile)]
        return {"type": "file", "size": files[0].size, "blob_id": files[0].blob_id} if files else None

    def read(self, url: Url, begin: int, end: int, etag: str) -> bytes:
        path = self._path(url)
        if etag:
            now = self.stat(url)
            if now is None or now.etag != etag:
                raise ChangedObjectError(str(url), "is not the object that it was: it was written anew")
        return bytes(self._try(url, lambda: self._files.cat_file(path, start=begin, end=end)))

    def read_to(self, url: Url, begin: int, end: int, take: Take) -> None:
        take(memoryview(self.read(url, begin, end, "")))

    def list(self, url: Url) -> Entries:
        root = self._path(url)
        self._files.invalidate_cache()
        try:
            found = self._try(url, lambda: self._files.find(root, detail=True))
        except NoObjectError:
            return []
        prefix = root.rstrip("/") + "/"
        entries = [
            Entry(path.removeprefix(prefix), _stat(info))
            for path, info in found.items()
            if info["type"] == "file" and path.startswith(prefix)
        ]
        return sorted(entries, key=lambda entry: entry.path.encode(errors="surrogateescape").split(b"/"))

    def children(self, url: Url) -> Entries:
        return [entry for entry in self.list(url) if "/" not in entry.path]

    def read_many(self, ranges: Sequence[tuple[Url, int, int]]) -> Chunks:
        return [self.read(url, begin, end, "") if end > begin else b"" for url, begin, end in ranges]

    def write(self, url: Url, data: bytes) -> None:
        self._writable(url)
        self._try(url, lambda: self._files.pipe_file(self._made(url), data))

    def create(self, url: Url, data: bytes) -> bool:
        raise UnsupportedError(str(url), "fsspec makes no file on the condition that there is none")

    def swap(self, url: Url, data: bytes, before: Stat) -> bool:
        raise UnsupportedError(str(url), "fsspec replaces no file on the condition that it is what it was")

    def copy(self, source: Url, target: Url) -> None:
        self._writable(target)
        self._try(source, lambda: self._files.cp_file(self._path(source), self._made(target)))

    def upload(self, url: Url, path: str, stopped: Callable[[], bool]) -> None:
        self._writable(url)
        self._try(url, lambda: self._files.put_file(path, self._made(url)))

    def remove(self, url: Url) -> None:
        self._writable(url)
        with suppress(NoObjectError):
            self._try(url, lambda: self._files.rm_file(self._path(url)))

    def _path(self, url: Url) -> str:
        return str(self._files._strip_protocol(str(url)))

    def _made(self, url: Url) -> str:
        """The path of a file whose folder is there, where the file system has folders."""
        path = self._path(url)
        self._files.makedirs(self._files._parent(path), exist_ok=True)
        return path

    @staticmethod
    def _writable(url: Url) -> None:
        if url.is_read_only:
            raise UnsupportedError(str(url), "can be read only, not written")

    def _try(self, url: Url, do: Any) -> Any:
        try:
            return do()
        except (FileNotFoundError, NotADirectoryError):
            raise NoObjectError(str(url), "there is no such object") from None
        except PermissionError as error:
            raise RefusedError(str(url), f"the service does not allow it ({_brief(error)})") from None
        except NotImplementedError:
            raise UnsupportedError(str(url), "the service cannot do this") from None
        except Exception as error:  # each file system raises what its library does
            raise _of_status(url, error) from None


def _of_status(url: Url, error: Exception) -> RemoteError:
    """By the answer of the server, where the error holds one."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 404:
        return NoObjectError(str(url), "there is no such object")
    if isinstance(status, int) and 400 <= status < 500 and status not in _PASSING_STATUS:
        return RefusedError(str(url), f"the service does not allow it ({_brief(error)})")
    return RemoteError(str(url), _brief(error))


def _hub(url: Url) -> Any:
    try:
        from huggingface_hub import HfFileSystem
    except ImportError:
        raise MissingLibraryError(
            str(url), "needs the library huggingface_hub: pip install 'pypack-engine[hub]'"
        ) from None
    return HfFileSystem()


def _file_system(url: Url) -> Any:
    try:
        import fsspec
    except ImportError:
        raise MissingLibraryError(
            str(url), f"pypack reads {url.scheme}: by fsspec, which is not installed: pip install fsspec"
        ) from None
    try:
        files, _ = fsspec.core.url_to_fs(str(url))
    except ImportError as error:
        raise MissingLibraryError(str(url), _brief(error)) from None
    except ValueError as error:
        raise UnsupportedError(str(url), f"neither pypack nor fsspec knows it ({_brief(error)})") from None
    return files


def _stat(info: dict[str, Any]) -> Stat:
    etag = info.get("ETag") or info.get("etag") or info.get("blob_id") or ""
    time = info.get("LastModified") or info.get("last_modified") or info.get("mtime") or info.get("created")
    if isinstance(time, datetime.datetime):
        time = time.timestamp()
    return Stat(
        int(info["size"]), str(etag), int(time * 1000) * 10**6 if isinstance(time, int | float) else 0
    )


def _brief(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."
