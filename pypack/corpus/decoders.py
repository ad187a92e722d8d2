"""Compressed data: by which bytes it is known, and what unpacks it, one member or frame at a time."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Protocol

_gzip: Any
try:  # a third of zlib's time
    from isal import isal_zlib as _gzip
except ImportError:  # it is made for x86-64 and 64-bit ARM alone
    import zlib as _gzip

COMPRESSIONS = {
    ".gz": "gzip",
    ".gzip": "gzip",
    ".zst": "zstd",
    ".zstd": "zstd",
    ".bz2": "bzip2",
    ".xz": "xz",
    ".lzma": "xz",
    ".lz4": "lz4",
}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\0": "xz", b"\x04\x22\x4d\x18": "lz4"}
# What follows the level of bzip2: a block, or the end of an empty file.
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")
# The most that a decoder is asked for at once, where it can be told: 45 bytes of bzip2 may hold 46 MB.
MOST_OUT = 8 << 20
# Windows that data may ask for; memory is taken only as it does.
_MOST_WINDOW = 1 << 31
PEEK_FEED = 1 << 12


class Decoder(Protocol):
    """One gzip member, zstd frame or alike: what the libraries' objects have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def compression_of(head: bytes) -> str | None:
    """The compression that pypack reads whose data begins so. No text begins like any of them."""
    if head.startswith(b"BZh"):
        return "bzip2" if head[4:10] in _BZIP2_BLOCKS else None
    if head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:  # a frame to be passed over
        return "zstd"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def magic_of(compression: str) -> bytes:
    """What a member begins with; empty where that is for the decoder to say."""
    return b"\x1f\x8b" if compression == "gzip" else b""


def missing_library(compression: str | None) -> str | None:
    """What to install for a compression, None where nothing is missing."""
    if compression == "lz4" and find_spec("lz4") is None:
        return "lz4 data needs the library lz4: pip install 'pypack-engine[lz4]'"
    return None


def codec(compression: str) -> tuple[Callable[[], Decoder], tuple[type[Exception], ...]]:
    """(what makes a decoder of a member, what that raises of damaged data)."""
    if compression == "gzip":
        return (lambda: _gzip.decompressobj(wbits=31)), (_gzip.error,)
    if compression == "bzip2":
        return (lambda: _Bounded(bz2.BZ2Decompressor())), (OSError, EOFError)
    if compression == "xz":
        return (lambda: _Bounded(lzma.LZMADecompressor(memlimit=_MOST_WINDOW))), (lzma.LZMAError, EOFError)
    if compression == "lz4":
        import lz4.frame

        return (lambda: _Bounded(lz4.frame.LZ4FrameDecompressor())), (RuntimeError, EOFError)
    import zstandard

    # Frames of `zstd --long=31` need windows of 2 GiB.
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW)
    return decompressor.decompressobj, (zstandard.ZstdError,)


class _Bounded:
    """A decoder that hands out no more than MOST_OUT at once; what it holds back comes for b""."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    @property
    def eof(self) -> bool:
        return bool(self._decoder.eof)

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data or b""

    @property
    def has_more(self) -> bool:
        """Whether there is output that waits for no input."""
        return not self._decoder.eof and not self._decoder.needs_input

    def decompress(self, data: bytes, /) -> bytes:
        out: bytes = self._decoder.decompress(data, MOST_OUT)
        return out


def unpacked(decoder: Decoder, feed: bytes) -> Iterator[bytes]:
    """What a decoder makes of some bytes, in pieces."""
    yield decoder.decompress(feed)
    while getattr(decoder, "has_more", False):
        yield decoder.decompress(b"")


def peek(path: str, compression: str | None, size: int) -> bytes:
    """The first bytes of a file, uncompressed; fewer, or none, of one that is damaged or cannot be read."""
    try:
        with Path(path).open("rb", buffering=0) as file:
            return first_unpacked(file, compression, size)
    except (OSError, ImportError):
        return b""


def first_unpacked(file: IO[bytes], compression: str | None, size: int) -> bytes:
    """The same of an open file; a library that is missing is an ImportError."""
    if compression is None:
        return file.read(size)
    new_decoder, errors = codec(compression)
    decoder, found = new_decoder(), b""
    while len(found) < size and (feed := file.read(PEEK_FEED)):
        while feed and len(found) < size:
            try:
                found += next(unpacked(decoder, feed))
            except errors:
                return found[:size]
            feed = b""
            if decoder.eof:
                feed, decoder = decoder.unused_data, new_decoder()
    return found[:size]
