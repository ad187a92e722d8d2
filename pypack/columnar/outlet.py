"""What the reading process writes: pages put into a pipe as they are, where the system can do that."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, TypeAlias

# (descriptor, address, size) → bytes handed over
_Splice: TypeAlias = Callable[[int, int, int], int]
_LEAST_SPLICED_BYTES = 1 << 16  # below it a copy is cheaper


class Outlet:
    """A pipe as a file that `pyarrow` writes to.

    Linux puts the pages of large buffers into the pipe as they are (`vmsplice`), so that they are copied
    once, by who reads them, instead of twice. Until then they must not change: they are held up to `forget`.

    Shared memory was measured beside it and costs the same, as there the writer copies. But its pages are
    mapped by both: the reader has to say when it is done with them, and a fork of it would see them change.
    """

    closed = False

    def __init__(self, descriptor: int, *, splices: bool = True) -> None:
        """Owns the descriptor. `splices`: whether to hand over pages where that is possible."""
        self._out: IO[bytes] = os.fdopen(descriptor, "wb")
        self._splice = _found_splice() if splices else None
        self._held: list[Any] = []

    def write(self, data: Any) -> int:
        """Writes bytes, or a buffer of Arrow's, to the end."""
        size = len(data)
        if self._splice is None or size < _LEAST_SPLICED_BYTES:
            return self._out.write(data)
        self._out.flush()
        self._held.append(data)
        self._hand_over(data, size)
        return size

    def _hand_over(self, data: Any, size: int) -> None:
        import pyarrow as pa

        address, done = pa.py_buffer(data).address, 0
        while done < size and self._splice is not None:
            try:
                done += self._splice(self._out.fileno(), address + done, size - done)
            except BrokenPipeError:
                raise
            except OSError:  # such as a sandbox that has no such call
                self._splice = None
        if done < size:
            self._out.write(memoryview(data)[done:])

    def forget(self) -> None:
        """Lets go of what was handed over: the reader has it."""
        self._held.clear()

    def flush(self) -> None:
        """Hands over what is still here."""
        self._out.flush()

    def close(self) -> None:
        """Closes the pipe."""
        self.forget()
        with suppress(BrokenPipeError):  # what nobody reads
            self._out.close()


def _found_splice() -> _Splice | None:
    """`vmsplice`, where there is one."""
    with suppress(ImportError, OSError, AttributeError, TypeError):
        import ctypes

        class _Part(ctypes.Structure):
            _fields_ = (("address", ctypes.c_void_p), ("size", ctypes.c_size_t))

        call = ctypes.CDLL(None, use_errno=True).vmsplice
        call.argtypes = [ctypes.c_int, ctypes.POINTER(_Part), ctypes.c_ulong, ctypes.c_uint]
        call.restype = ctypes.c_ssize_t

        def splice(descriptor: int, address: int, size: int) -> int:
            count: int = call(descriptor, _Part(address, size), 1, 0)
            if count >= 0:
                return count
            number = ctypes.get_errno()
            if number == errno.EINTR:
                return 0
            raise OSError(number, os.strerror(number))  # BrokenPipeError where nobody reads any more

        return splice
    return None
