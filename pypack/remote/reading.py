"""An object as a file that libraries read: by blocks, the next of which is fetched meanwhile."""

from __future__ import annotations

import io
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from pypack.remote.direct import Objects
from pypack.remote.errors import ChangedObjectError, NoObjectError
from pypack.remote.url import Url

BLOCK_BYTES = 8 << 20


class RemoteFile(io.RawIOBase):
    """An object, open for reading at any place.

    Args:
        objects: what reads it.
        size, etag: of the version that is wanted; None and "" for what stands there now.
        block_bytes: it is read by so many bytes, at multiples of that.
        keep_blocks: so many of those read last are kept.
        read_ahead: fetch the next block while one is read, for readers that go from front to back.

    Raises:
        NoObjectError: there is none.
        ChangedObjectError: it has another size.
    """

    def __init__(
        self,
        objects: Objects,
        url: Url,
        *,
        size: int | None = None,
        etag: str = "",
        block_bytes: int = BLOCK_BYTES,
        keep_blocks: int = 1,
        read_ahead: bool = True,
    ) -> None:
        super().__init__()
        self._threads: ThreadPoolExecutor | None = None  # asked for by close(), which comes in any case
        if size is None:
            found = objects.stat(url)
            if found is None:
                raise NoObjectError(str(url), "there is no such object")
            if etag and found.etag != etag:
                raise ChangedObjectError(str(url), "is not the object that it was: it was written anew")
            size, etag = found.size, found.etag
        self.name = str(url)
        self.size = size
        self._url = url
        self._objects = objects
        self._etag = etag
        self._block_bytes = block_bytes
        self._place = 0
        self._keep_blocks = keep_blocks
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._number = -1  # of the block read last
        self._ahead: tuple[int, Future[bytes]] | None = None
        if read_ahead:
            self._threads = ThreadPoolExecutor(1, "pypack-read-ahead")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, room: Any) -> int:
        view = memoryview(room).cast("B")
        if self._place >= self.size or not len(view):
            return 0
        number, at = divmod(self._place, self._block_bytes)
        if number not in self._blocks:
            while len(self._blocks) >= self._keep_blocks:
                self._blocks.popitem(last=False)
            self._blocks[number] = self._fetched(number)
        self._blocks.move_to_end(number)
        self._number = number
        part = memoryview(self._blocks[number])[at : at + len(view)]
        view[: len(part)] = part
        self._place += len(part)
        return len(part)

    def _fetched(self, number: int) -> bytes:
        ahead, self._ahead = self._ahead, None
        block = ahead[1].result() if ahead is not None and ahead[0] == number else self._read(number)
        if (
            self._threads is not None
            and number == self._number + 1
            and (number + 1) * self._block_bytes < self.size
        ):
            self._ahead = number + 1, self._threads.submit(self._read, number + 1)
        return block

    def _read(self, number: int) -> bytes:
        begin = number * self._block_bytes
        return self._objects.read(
            self._url, begin, min(begin + self._block_bytes, self.size), etag=self._etag
        )

    def close(self) -> None:
        if not self.closed and self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        super().close()
