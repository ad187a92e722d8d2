"""Pickles of dicts, lists and numbers, read without `pickle`: nothing is called and no object is made.

NumPy writes an array of objects as a pickle. An unpickler calls what the file names and hands objects states
of the file's making, and a `numpy.dtype` whose state lies reads and writes anywhere. Here the few opcodes
that such files need give Python's own values and arrays of numbers; anything else is refused. Memory grows
with the file alone: what stands there once is held once.
"""

from __future__ import annotations

import math
import pickle
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

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
_NUMBERS = re.compile(r"([<>|=]?)(b1|[iu][1248]|f[248]|\?|O8?)")
# Runs of whole numbers, fractions and truth values: nearly all of such a file.
_RUN = re.compile(rb"(?:K.|M..|J....|G.{8}|[\x88\x89]){2,1000}", re.DOTALL)
# Copies that the file asks for (texts into bytes, in old protocols) may take so many times its size.
_MOST_COPIES = 8


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


def load(data: bytes, start: int = 0) -> Any:
    """The value that a pickle holds: None, numbers, str, bytes, lists, tuples, dicts with str keys, arrays.

    Arrays of numbers are `numpy.ndarray`, arrays of objects lists; what the file names twice is one object.

    Raises:
        PlainPickleError: the pickle holds anything else, or is damaged.
    """
    reader = _Reader(data, start)
    try:
        return reader.run()
    except PlainPickleError:
        raise
    except (IndexError, struct.error):
        raise PlainPickleError(f"damaged at byte {reader.at}") from None
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, UnicodeError) as error:
        raise PlainPickleError(f"damaged at byte {reader.at}: {error}") from None


_Step: TypeAlias = "Callable[[_Reader], None]"


class _Reader:
    def __init__(self, data: bytes, start: int) -> None:
        self.data = data
        self.at = start
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.copied = 0

    def run(self) -> Any:
        while True:
            run = _RUN.match(self.data, self.at)
            if run is not None:  # numbers alone: these opcodes can do nothing else
                self.stack.extend(pickle.loads(b"\x80\x03(" + run[0] + b"l."))
                self.at = run.end()
                continue
            code = self.data[self.at : self.at + 1]
            self.at += 1
            if code == b".":
                return _finished(self.stack.pop())
            step = _STEPS.get(code)
            if step is None:
                raise PlainPickleError(f"byte {self.at - 1}: opcode {code!r} is none of numbers and lists")
            step(self)

    def take(self, size: int) -> bytes:
        """The next bytes; as many as there are, or an error."""
        if not 0 <= size <= len(self.data) - self.at:
            raise PlainPickleError(f"damaged at byte {self.at}: {size} bytes, the file ends before")
        self.at += size
        return self.data[self.at - size : self.at]

    def skip(self, size: int) -> None:
        self.take(size)

    def number(self, form: str) -> int:
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def line(self) -> str:
        end = self.data.index(b"\n", self.at)
        text = self.data[self.at : end].decode("ascii")
        self.at = end + 1
        return text

    def marked(self) -> list[Any]:
        """What stands above the last mark; it is taken away."""
        place = self.marks.pop()
        items = self.stack[place:]
        del self.stack[place:]
        return items

    def copy(self, size: int) -> None:
        """Counts memory that the file does not hold itself."""
        self.copied += size
        if self.copied > _MOST_COPIES * len(self.data):
            raise PlainPickleError("it asks for more memory than such a file needs")


def _finished(value: Any) -> Any:
    return value.value if isinstance(value, _Shell) else value


def _named(reader: _Reader, module: Any, name: Any) -> None:
    if (module, name) not in _NAMES:
        raise PlainPickleError(f"names {str(module)[:80]}.{str(name)[:80]}")
    reader.stack.append(_Name(name))


def _reduce(reader: _Reader) -> None:
    arguments, called = reader.stack.pop(), reader.stack.pop()
    if not isinstance(called, _Name) or not isinstance(arguments, tuple):
        raise PlainPickleError(f"damaged at byte {reader.at}: calls what is no name")
    reader.stack.append(_CALLS[called.name](reader, *arguments))


def _dtype(reader: _Reader, code: Any, *_: Any) -> _Kind:
    found = _NUMBERS.fullmatch(code)
    if found is None:
        raise PlainPickleError(f"names the dtype {str(code)[:40]}")
    return _Kind({"?": "b1", "O8": "O"}.get(found[2], found[2]), found[1] or "<")


def _scalar(reader: _Reader, kind: Any, data: Any) -> Any:
    return _array(data, kind, ()).item()


def _from_buffer(reader: _Reader, data: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    return _array(data, kind, shape, by_columns=order == "F")


def _encode(reader: _Reader, text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "bytes"):
        raise PlainPickleError(f"encodes as {str(encoding)[:40]}")
    reader.copy(len(text))
    return text.encode("latin1")


def _name_alone(reader: _Reader, *_: Any) -> Any:
    raise PlainPickleError("calls ndarray")


_CALLS: dict[str, Callable[..., Any]] = {
    "_reconstruct": lambda reader, *_: _Shell(),
    "scalar": _scalar,
    "_frombuffer": _from_buffer,
    "ndarray": _name_alone,
    "dtype": _dtype,
    "encode": _encode,
}


def _build(reader: _Reader) -> None:
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


def _set_items(reader: _Reader, items: list[Any], target: Any) -> None:
    keys, values = items[::2], items[1::2]
    if not isinstance(target, dict) or len(keys) != len(values) or not all(type(key) is str for key in keys):
        raise PlainPickleError(f"damaged at byte {reader.at}: a dict must have names as keys")
    target.update(zip(keys, map(_finished, values), strict=True))


def _extend(reader: _Reader, items: list[Any], target: Any) -> None:
    if not isinstance(target, list):
        raise PlainPickleError(f"damaged at byte {reader.at}: appends to what is no list")
    target.extend(map(_finished, items))


def _pair(reader: _Reader) -> None:
    value, key = reader.stack.pop(), reader.stack.pop()
    _set_items(reader, [key, value], reader.stack[-1])


def _append(reader: _Reader) -> None:
    value = reader.stack.pop()
    _extend(reader, [value], reader.stack[-1])


def _pop(reader: _Reader) -> None:
    if reader.marks and reader.marks[-1] == len(reader.stack):
        reader.marks.pop()
    else:
        reader.stack.pop()


def _tuple_of(reader: _Reader, size: int) -> None:
    if len(reader.stack) < size:
        raise IndexError
    items = tuple(map(_finished, reader.stack[len(reader.stack) - size :]))
    del reader.stack[len(reader.stack) - size :]
    reader.stack.append(items)


def _long(size_form: str) -> _Step:
    return lambda r: r.stack.append(int.from_bytes(r.take(r.number(size_form)), "little", signed=True))


def _text(size_form: str) -> _Step:
    return lambda r: r.stack.append(r.take(r.number(size_form)).decode("utf-8", "surrogatepass"))


def _raw(size_form: str) -> _Step:
    return lambda r: r.stack.append(r.take(r.number(size_form)))


def _value(make: Callable[[_Reader], Any]) -> _Step:
    return lambda r: r.stack.append(make(r))


def _remember(place: Callable[[_Reader], int]) -> _Step:
    def step(reader: _Reader) -> None:
        reader.memo[place(reader)] = reader.stack[-1]

    return step


def _dict_of(reader: _Reader) -> None:
    items, target = reader.marked(), {}  # type: tuple[list[Any], dict[str, Any]]
    _set_items(reader, items, target)
    reader.stack.append(target)


_STEPS: dict[bytes, _Step] = {
    pickle.PROTO: lambda r: r.skip(1),
    pickle.FRAME: lambda r: r.skip(8),
    pickle.MARK: lambda r: r.marks.append(len(r.stack)),
    pickle.POP: _pop,
    pickle.POP_MARK: lambda r: r.marked().clear(),
    pickle.NONE: _value(lambda r: None),
    pickle.NEWTRUE: _value(lambda r: True),
    pickle.NEWFALSE: _value(lambda r: False),
    pickle.BININT: _value(lambda r: r.number("<i")),
    pickle.BININT1: _value(lambda r: r.number("<B")),
    pickle.BININT2: _value(lambda r: r.number("<H")),
    pickle.BINFLOAT: _value(lambda r: struct.unpack(">d", r.take(8))[0]),
    pickle.LONG1: _long("<B"),
    pickle.LONG4: _long("<i"),
    pickle.SHORT_BINUNICODE: _text("<B"),
    pickle.BINUNICODE: _text("<I"),
    pickle.BINUNICODE8: _text("<Q"),
    pickle.SHORT_BINBYTES: _raw("<B"),
    pickle.BINBYTES: _raw("<I"),
    pickle.BINBYTES8: _raw("<Q"),
    pickle.BYTEARRAY8: _raw("<Q"),
    pickle.EMPTY_LIST: _value(lambda r: []),
    pickle.EMPTY_TUPLE: _value(lambda r: ()),
    pickle.EMPTY_DICT: _value(lambda r: {}),
    pickle.LIST: _value(lambda r: list(map(_finished, r.marked()))),
    pickle.TUPLE: _value(lambda r: tuple(map(_finished, r.marked()))),
    pickle.TUPLE1: lambda r: _tuple_of(r, 1),
    pickle.TUPLE2: lambda r: _tuple_of(r, 2),
    pickle.TUPLE3: lambda r: _tuple_of(r, 3),
    pickle.DICT: _dict_of,
    pickle.APPEND: _append,
    pickle.APPENDS: lambda r: _extend(r, r.marked(), r.stack[-1]),
    pickle.SETITEM: _pair,
    pickle.SETITEMS: lambda r: _set_items(r, r.marked(), r.stack[-1]),
    pickle.BINPUT: _remember(lambda r: r.number("<B")),
    pickle.LONG_BINPUT: _remember(lambda r: r.number("<I")),
    pickle.MEMOIZE: _remember(lambda r: len(r.memo)),
    pickle.BINGET: _value(lambda r: r.memo[r.number("<B")]),
    pickle.LONG_BINGET: _value(lambda r: r.memo[r.number("<I")]),
    pickle.GLOBAL: lambda r: _named(r, r.line(), r.line()),
    pickle.STACK_GLOBAL: lambda r: _named(r, r.stack.pop(-2), r.stack.pop()),
    pickle.REDUCE: _reduce,
    pickle.BUILD: _build,
}
