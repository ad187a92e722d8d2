"""Files of web servers, read by ranges, with the standard library alone."""

from __future__ import annotations

import email.utils
import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence

from pypack.remote.client import Chunks, Entries, Stat, Take
from pypack.remote.errors import (
    ChangedObjectError,
    NoObjectError,
    RefusedError,
    RemoteError,
    UnsupportedError,
)
from pypack.remote.url import Url

_TIMEOUT = 60.0
_PIECE_BYTES = 1 << 20
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class HttpClient:
    """Reads what a web server has; it can neither list nor write."""

    def stat(self, url: Url) -> Stat | None:
        try:
            with _opened(url, {}, "HEAD") as answer:
                length = answer.headers.get("Content-Length")
                if length is None or not length.isascii() or not length.isdigit():
                    raise UnsupportedError(str(url), "the server does not tell how long it is")
                return Stat(int(length), (answer.headers.get("ETag") or "").strip('"'), _modified_ns(answer))
        except NoObjectError:
            return None

    def read(self, url: Url, begin: int, end: int, etag: str) -> bytes:
        headers = {"Range": f"bytes={begin}-{end - 1}"}
        if etag and not etag.startswith("W/"):
            headers["If-Match"] = f'"{etag}"'
        with _part(url, begin, headers) as answer:
            try:
                return answer.read(end - begin)
            except (OSError, http.client.HTTPException) as error:
                raise _broken(url, error) from None

    def read_to(self, url: Url, begin: int, end: int, take: Take) -> None:
        with _part(url, begin, {"Range": f"bytes={begin}-{end - 1}"}) as answer:
            left = end - begin
            room = memoryview(bytearray(min(_PIECE_BYTES, left)))
            while left:
                try:
                    count = answer.readinto(room[:left])
                except (OSError, http.client.HTTPException) as error:
                    raise _broken(url, error) from None
                if not count:
                    return
                take(room[:count])
                left -= count

    def list(self, url: Url) -> Entries:
        raise UnsupportedError(str(url), "web servers list nothing: name each file")

    def children(self, url: Url) -> Entries:
        return self.list(url)

    def read_many(self, ranges: Sequence[tuple[Url, int, int]]) -> Chunks:
        return [self.read(url, begin, end, "") if end > begin else b"" for url, begin, end in ranges]

    def write(self, url: Url, data: bytes) -> None:
        raise _read_only(url)

    def create(self, url: Url, data: bytes) -> bool:
        raise _read_only(url)

    def swap(self, url: Url, data: bytes, before: Stat) -> bool:
        raise _read_only(url)

    def copy(self, source: Url, target: Url) -> None:
        raise _read_only(target)

    def upload(self, url: Url, path: str, stopped: Callable[[], bool]) -> None:
        raise _read_only(url)

    def remove(self, url: Url) -> None:
        raise _read_only(url)


def _read_only(url: Url) -> UnsupportedError:
    return UnsupportedError(str(url), "can be read only, not written")


def _broken(url: Url, error: Exception) -> RemoteError:
    return RemoteError(str(url), f"the answer broke off ({error or type(error).__name__})")


def _part(url: Url, begin: int, headers: dict[str, str]) -> http.client.HTTPResponse:
    """The answer with a part of a file that begins there."""
    answer = _opened(url, headers)
    if answer.status != 206 and begin > 0:
        answer.close()
        raise UnsupportedError(str(url), "the server does not give parts of a file (ranges)")
    return answer


def _opened(url: Url, headers: dict[str, str], method: str = "GET") -> http.client.HTTPResponse:
    wanted = urllib.parse.quote(str(url), safe=":/?&=%~+,;@!$'()*#[]")
    # `identity`: compressed on the way, sizes and ranges would mean something else.
    request = urllib.request.Request(wanted, None, {"Accept-Encoding": "identity", **headers}, method=method)
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        raise _of_status(url, error.code, error.reason) from None
    except urllib.error.URLError as error:
        raise RemoteError(str(url), f"cannot be reached ({error.reason})") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise RemoteError(str(url), f"cannot be reached ({error or type(error).__name__})") from None
    return answer


def _of_status(url: Url, status: int, reason: str) -> RemoteError:
    if status in (404, 410):
        return NoObjectError(str(url), "there is no such object")
    if status == 412:
        return ChangedObjectError(str(url), "is not the object that it was: it was written anew")
    if status in _PASSING:
        return RemoteError(str(url), f"the server answers {status} {reason}")
    return RefusedError(str(url), f"the server answers {status} {reason}")


def _modified_ns(answer: http.client.HTTPResponse) -> int:
    try:
        return int(email.utils.parsedate_to_datetime(answer.headers["Last-Modified"]).timestamp()) * 10**9
    except (TypeError, ValueError, KeyError):
        return 0
