"""How NumPy spells arrays, dtypes and numbers in pickles: the few calls that such files may make.

An unpickler calls what the file names and hands objects states of the file's making, and a `numpy.dtype`
whose state lies reads and writes anywhere. Here a dtype is a code and an order, and nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

# How NumPy spells arrays and numbers, in all its versions.
_MODULES = (
    "numpy.core.multiarray",
    "numpy._core.multiarray",
    "numpy.core.numeric",
    "numpy._core.numeric",
    "numpy",
)
_NAMES = {(m, n) for m in _MODULES for n in ("_reconstruct", "scalar", "_frombuffer", "ndarray", "dtype")}
_NAMES.add(("_codecs", "encode"))
_NAMES.add(("__builtin__", "bytes"))  # none at all, in old protocols
_NUMBERS = re.compile(r"([<>|=]?)(b1|[iu][1248]|f[248]|\?|O8?)")


@dataclass(frozen=True)
class _Name:
    name: str


@dataclass
class _Kind:
    """A dtype: of numbers, or "O"."""

    code: str
    order: str = "<"

    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.order.replace("|", "<").replace("=", "<") + self.code)


class _Shell:
    """An array that its state is to follow."""

    value: NDArray[Any] | list[Any] | None = None


class PlainPickleError(ValueError):
    """The pickle holds more than numbers, or is damaged; the message says what and where."""


class Reader(Protocol):
    """What the calls need of the reader of the pickle."""

    at: int
    stack: list[Any]

    def copy(self, size: int) -> None:
        """Counts memory that the file does not hold itself."""


def finished(value: Any) -> Any:
    return value.value if isinstance(value, _Shell) else value


def named(reader: Reader, module: Any, name: Any) -> None:
    if (module, name) not in _NAMES:
        raise PlainPickleError(f"names {str(module)[:80]}.{str(name)[:80]}")
    reader.stack.append(_Name(name))


def reduce(reader: Reader) -> None:
    arguments, called = reader.stack.pop(), reader.stack.pop()
    if not isinstance(called, _Name) or not isinstance(arguments, tuple):
        raise PlainPickleError(f"damaged at byte {reader.at}: calls what is no name")
    reader.stack.append(_CALLS[called.name](reader, *arguments))


def _dtype(reader: Reader, code: Any, *_: Any) -> _Kind:
    found = _NUMBERS.fullmatch(code)
    if found is None:
        raise PlainPickleError(f"names the dtype {str(code)[:40]}")
    return _Kind({"?": "b1", "O8": "O"}.get(found[2], found[2]), found[1] or "<")


def _scalar(reader: Reader, kind: Any, data: Any) -> Any:
    return _array(data, kind, ()).item()


def _from_buffer(reader: Reader, data: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    return _array(data, kind, shape, by_columns=order == "F")


def _encode(reader: Reader, text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "bytes"):
        raise PlainPickleError(f"encodes as {str(encoding)[:40]}")
    reader.copy(len(text))
    return text.encode("latin1")


def _no_bytes(reader: Reader, *given: Any) -> bytes:
    if given:
        raise PlainPickleError("calls bytes")
    return b""


def _name_alone(reader: Reader, *_: Any) -> Any:
    raise PlainPickleError("calls ndarray")


_CALLS: dict[str, Callable[..., Any]] = {
    "_reconstruct": lambda reader, *_: _Shell(),
    "scalar": _scalar,
    "_frombuffer": _from_buffer,
    "ndarray": _name_alone,
    "dtype": _dtype,
    "encode": _encode,
    "bytes": _no_bytes,
}


def build(reader: Reader) -> None:
    state = reader.stack.pop()
    target = reader.stack[-1]
    if isinstance(target, _Kind):
        _, order, *rest = state
        if order not in ("<", ">", "|", "=") or any(part is not None for part in rest[:3]):
            raise PlainPickleError(f"damaged at byte {reader.at}: a dtype with parts")
        target.order = order
    elif isinstance(target, _Shell) and target.value is None:
        _, shape, kind, by_columns, data = state
        if kind.code == "O":
            if not isinstance(data, list) or shape != (len(data),):
                raise PlainPickleError(f"damaged at byte {reader.at}: {shape} objects")
            target.value = data
        else:
            target.value = _array(data, kind, shape, by_columns is True)
    else:
        raise PlainPickleError(f"damaged at byte {reader.at}: a state without an array")


def _array(data: Any, kind: Any, shape: Any, by_columns: bool = False) -> NDArray[Any]:
    dtype = _numbers(kind)
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 8:
        raise PlainPickleError(f"an array of shape {str(shape)[:40]}")
    if len(_bytes(data)) != math.prod(shape) * dtype.itemsize:
        raise PlainPickleError(f"{len(data)} bytes for an array of {shape} {dtype}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if by_columns else "C")


def _numbers(kind: Any) -> np.dtype[Any]:
    if not isinstance(kind, _Kind) or kind.code == "O":
        raise PlainPickleError("objects where numbers must be")
    return kind.dtype()


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise PlainPickleError(f"a {type(value).__name__} where bytes must be")
    return value
