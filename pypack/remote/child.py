"""The process that speaks to services: takes requests from standard input, answers on standard output.

A message is its length, JSON, and perhaps bytes behind it. When standard input ends, so does the process.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import struct
import sys
import threading
import time
from typing import IO, Any

from pypack.remote import errors
from pypack.remote.client import Entry, Stat
from pypack.remote.direct import DirectObjects
from pypack.remote.url import Url

# For what goes on when the owner has ended: putting away the parts of an upload.
_SECONDS_TO_END = 30.0
HEAD = struct.Struct("<IQ")  # bytes of JSON, bytes behind it


def send(stream: IO[bytes], values: object, data: bytes | memoryview = b"") -> None:
    """Sends a message."""
    text = json.dumps(values).encode()
    stream.write(HEAD.pack(len(text), len(data)) + text)
    if data:
        stream.write(data)
    stream.flush()


def received(stream: IO[bytes]) -> tuple[Any, bytes]:
    """The next message.

    Raises:
        EOFError: there is none any more.
    """
    length, size = HEAD.unpack(_exactly(stream, HEAD.size))
    values = json.loads(_exactly(stream, length))
    return values, _exactly(stream, size)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size) if size else b""
    if len(data) < size:
        raise EOFError
    return data


def serve() -> None:
    """Answers requests until standard input ends, be it in the middle of one: an upload is given up then."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print
    for stop in (signal.SIGINT, signal.SIGTERM):  # are the owner's, which ends this process
        signal.signal(stop, signal.SIG_IGN)
    requests: queue.SimpleQueue[tuple[Any, bytes] | None] = queue.SimpleQueue()
    ended = threading.Event()
    threading.Thread(target=_listen, args=(requests, ended), daemon=True).start()
    objects = DirectObjects(ended.is_set)
    while (request := requests.get()) is not None:
        answer, more = _answered(objects, *request)
        try:
            send(out, answer, more)
        except BrokenPipeError:
            return


def _listen(requests: queue.SimpleQueue[tuple[Any, bytes] | None], ended: threading.Event) -> None:
    try:
        while True:
            requests.put(received(sys.stdin.buffer))
    except EOFError:
        ended.set()
        requests.put(None)
        time.sleep(_SECONDS_TO_END)
        os._exit(1)


def _answered(objects: DirectObjects, values: dict[str, Any], data: bytes) -> tuple[Any, bytes]:
    try:
        return _answer(objects, values["do"], Url(values["url"]), values, data)
    except errors.RemoteError as error:
        return {"error": type(error).__name__, "url": error.url, "reason": error.reason}, b""
    except Exception as error:  # what nobody has thought of is told, and not the end of this process
        told = f"{type(error).__name__}: {error}"
        return {"error": "RemoteError", "url": values["url"], "reason": told}, b""


def _answer(
    objects: DirectObjects, do: str, url: Url, values: dict[str, Any], data: bytes
) -> tuple[Any, bytes]:
    if do == "stat":
        found = objects.stat(url)
        return None if found is None else _values(found), b""
    if do == "read":
        return None, objects.read(url, values["begin"], values["end"], etag=values["etag"])
    if do == "read_many":
        ranges = [(Url(text), begin, end) for text, begin, end in values["ranges"]]
        return None, b"".join(objects.read_many(ranges))
    if do == "children":
        return [[entry.path, *_values(entry.stat)] for entry in objects.children(url)], b""
    if do == "list":
        return [[entry.path, *_values(entry.stat)] for entry in objects.list(url)], b""
    if do == "write":
        objects.write(url, data)
    elif do == "create":
        return objects.create(url, data), b""
    elif do == "has_create":
        return objects.has_create(url), b""
    elif do == "swap":
        return objects.swap(url, data, Stat(*values["before"])), b""
    elif do == "has_swap":
        return objects.has_swap(url), b""
    elif do == "copy":
        objects.copy(url, Url(values["target"]))
    elif do == "upload":
        objects.upload(url, values["path"])
    elif do == "remove":
        objects.remove(url)
    return None, b""


def _values(found: Stat) -> list[object]:
    return [found.size, found.etag, found.modified_ns, found.version]


def entry_of(values: list[Any]) -> Entry:
    """An entry of a listing, as it was sent."""
    return Entry(values[0], Stat(*values[1:]))
