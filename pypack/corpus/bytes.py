"""The uncompressed bytes of an input, up to the last good byte of a damaged file."""

from __future__ import annotations

import io
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from pypack.corpus.decoders import Decoder, codec, magic_of, missing_library, unpacked
from pypack.corpus.errors import ChangedInputError, DamagedInputError
from pypack.corpus.inputs import STDIN, InputFile
from pypack.corpus.opening import opened
from pypack.corpus.piece import PieceReader
from pypack.corpus.stream_hash import StreamHash, StreamMark
from pypack.remote import ChangedObjectError, RemoteError

BOM = b"\xef\xbb\xbf"
_PLAIN_CHUNK = 1 << 20
# What a decoder is fed at once follows from what came out before: 256 bytes of zstd may hold 8 MB.
_MIN_FEED, _MAX_FEED = 1 << 8, 1 << 16
_WANTED_OUT = 1 << 20


class ByteSource:
    """The uncompressed bytes of one input: iterate over its chunks, or have `readinto` fill one's own room.

    Both raise DamagedInputError where the file cannot be read or decoded any further, after every byte before
    the damage has been handed out.

    Attributes:
        disk_bytes: bytes of the file consumed so far, for progress.
    """

    def __init__(
        self,
        file: InputFile,
        skip: int = 0,
        stream_mark: StreamMark | None = None,
        *,
        drops_marks: bool = False,
    ) -> None:
        """Opens nothing yet.

        Args:
            skip: uncompressed bytes to leave out at the start (a seek where the file is not compressed).
                Of a piece of a file, which must not be compressed, where one of its lines starts.
            stream_mark: what an earlier run had read of a stream; reading another raises ChangedInputError.
            drops_marks: leave out the byte order mark that a compressed member or frame begins with.
        """
        self._drops_marks = drops_marks
        self._hash = StreamHash(file.path, stream_mark) if file.is_stream else None
        self.disk_bytes = 0
        self._file = file
        self._skip = skip
        self._filler: Generator[int, memoryview, None] | None = None

    def __iter__(self) -> Iterator[bytes]:
        with self._opened() as handle:
            yield from self._chunks(handle)

    def readinto(self, room: memoryview) -> int:
        """Fills `room`; returns the bytes put there, fewer than it holds only at the end of the input."""
        if self._filler is None:
            self._filler = self._fill()
            next(self._filler)
        return self._filler.send(room)

    @property
    def stream_hash(self) -> StreamHash | None:
        """The running hash of a stream; None for a file."""
        return self._hash

    def close(self) -> None:
        """Closes the file that `readinto` reads."""
        if self._filler is not None:
            self._filler.close()

    def _fill(self) -> Generator[int, memoryview, None]:
        room = yield 0
        filled = 0
        damage = None
        try:
            with self._opened() as handle:
                if self._file.compression is None and not self._file.is_stream:
                    while count := _read_full(handle, room):  # straight from the system, not through a chunk
                        self.disk_bytes += count
                        room = yield count
                for chunk in self._chunks(handle):
                    rest = memoryview(chunk)
                    while rest:
                        count = min(len(rest), len(room) - filled)
                        room[filled : filled + count] = rest[:count]
                        rest = rest[count:]
                        filled += count
                        if filled == len(room):
                            room = yield filled
                            filled = 0
        except DamagedInputError as error:
            damage = error
        if filled:
            room = yield filled
        if damage is not None:
            raise damage
        while True:
            yield 0

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            if self._file.path == STDIN:
                # Unbuffered: a thread killed while it waits in the buffered reader crashes Python's shutdown.
                stream = getattr(sys.stdin, "buffer", None)
                if stream is None:
                    raise DamagedInputError("unreadable_file", "standard input is closed")
                yield getattr(stream, "raw", stream)
                return
            with opened(self._file) as handle:
                if self._file.compression is None and not self._file.is_stream:
                    self.disk_bytes = handle.seek(self._skip) - self._file.begin
                end = self._file.end
                yield handle if end is None else cast("BinaryIO", PieceReader(handle, self._skip, end))
        except ChangedObjectError as error:
            raise ChangedInputError(f"{error}: inputs must not change while a job reads them") from None
        except RemoteError:
            raise  # a service that does not answer makes no rejects
        except OSError as error:
            raise DamagedInputError(
                "unreadable_file", f"cannot be read: {error.strerror or error}"
            ) from error

    def _chunks(self, handle: BinaryIO) -> Iterator[bytes]:
        if self._file.compression is not None:
            chunks = self._decoded(handle, self._file.compression)
        else:
            chunks = self._plain(handle)
        if self._hash is not None:
            chunks = self._hashed(chunks, self._hash, self._skip)
        elif self._file.compression is None:
            return chunks  # from where the file was opened
        return self._drop(chunks, self._skip)

    @staticmethod
    def _hashed(chunks: Iterator[bytes], running: StreamHash, skip: int) -> Iterator[bytes]:
        for chunk in chunks:
            running.add(chunk)
            running.advance(skip)
            yield chunk
        running.end()

    def _plain(self, handle: BinaryIO) -> Iterator[bytes]:
        while chunk := handle.read(_PLAIN_CHUNK):
            self.disk_bytes += len(chunk)
            yield chunk

    @staticmethod
    def _drop(chunks: Iterator[bytes], count: int) -> Iterator[bytes]:
        for chunk in chunks:
            if count >= len(chunk):
                count -= len(chunk)
            else:
                yield chunk[count:]
                count = 0

    def _decoded(self, handle: BinaryIO, compression: str) -> Iterator[bytes]:
        if (missing := missing_library(compression)) is not None:
            raise DamagedInputError("unreadable_file", missing)
        new_decoder, errors = codec(compression)
        magic = magic_of(compression)
        decoder: Decoder | None = None
        frame_start = 0  # on disk
        emitted = 0  # of this frame
        lead: bytes | None = None  # of it, until it is seen whether a byte order mark stands there
        size = _MIN_FEED
        while feed := handle.read(size):
            self.disk_bytes += len(feed)
            while feed:
                at = self.disk_bytes - len(feed)
                if decoder is None:
                    if at > 0:
                        feed = feed.lstrip(b"\0")  # tapes and block devices pad files with zeros, as xz may
                        if not feed:
                            break
                        at = self.disk_bytes - len(feed)
                    if not feed.startswith(magic[: len(feed)]):
                        raise DamagedInputError(
                            "damaged_file",
                            f"corrupt {compression} data at byte {at} of the file (no {compression} header)",
                        )
                    decoder, frame_start, emitted = new_decoder(), at, 0
                    lead = b"" if self._drops_marks else None
                before = emitted
                try:
                    for out in unpacked(decoder, feed):
                        emitted += len(out)
                        if lead is not None:
                            lead += out
                            if len(lead) < len(BOM) and not decoder.eof:
                                continue
                            out, lead = lead.removeprefix(BOM), None
                        if out:
                            yield out
                except errors as error:
                    at = yield from _salvage(handle, new_decoder(), errors, frame_start, at, emitted)
                    raise DamagedInputError(
                        "damaged_file", f"corrupt {compression} data at byte {at} of the file ({error})"
                    ) from None
                if emitted - before > _WANTED_OUT:
                    size = max(_MIN_FEED, size // 4)
                elif emitted - before < _WANTED_OUT // 4:
                    size = min(_MAX_FEED, size * 2)
                feed = b""
                if decoder.eof:
                    feed, decoder = decoder.unused_data, None
        if decoder is not None:
            raise DamagedInputError("damaged_file", f"truncated {compression} file: it ends inside its data")
        if self.disk_bytes == 0:
            raise DamagedInputError("damaged_file", f"empty file: not {compression} data")


def _read_full(handle: BinaryIO, room: memoryview) -> int:
    """Reads until `room` is full or the file ends; returns the bytes read."""
    filled = 0
    while filled < len(room) and (count := handle.readinto(room[filled:])):  # type: ignore[attr-defined]
        filled += count
    return filled


def _salvage(
    handle: BinaryIO,
    decoder: Decoder,
    errors: tuple[type[Exception], ...],
    frame_start: int,
    bad_feed: int,
    emitted: int,
) -> Generator[bytes, None, int]:
    """Bytes that a decoder had made from the good part of a feed when it failed and kept them to itself.

    The frame is decoded once more from its start and the bad feed then goes in byte by byte. Returns the
    place of the byte that cannot be decoded.
    """
    handle.seek(frame_start)
    left = bad_feed - frame_start
    skip = emitted
    while data := handle.read(min(left, _MIN_FEED) if left > 0 else 1):
        left -= len(data)
        try:
            for out in unpacked(decoder, data):
                if skip < len(out):
                    yield out[skip:]
                skip = max(0, skip - len(out))
        except errors:
            break
    return handle.tell() - 1


class SourceStream(io.RawIOBase):
    """A source as a file that libraries read."""

    def __init__(self, source: ByteSource) -> None:
        super().__init__()
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        return self._source.readinto(memoryview(room).cast("B"))
