"""Pickles of dicts, lists and numbers, read without `pickle`: nothing is called and no object is made.

NumPy writes an array of objects as a pickle. The few opcodes that such files need give Python's own values
and arrays of numbers (`pypack.formats.pickled_arrays`); anything else is refused. What stands there once is
held once.
"""

from __future__ import annotations

import mmap
import pickle
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from pypack import _core
from pypack.formats.pickled_arrays import PlainPickleError, build, finished, named, reduce

# Runs of whole numbers, fractions and truth values: nearly all of such a file.
_RUN = re.compile(rb"(?:K.|M..|J....|G.{8}|[\x88\x89]){2,1000}", re.DOTALL)
# Copies that the file asks for (texts into bytes, in old protocols) may take so many times its size.
_MOST_COPIES = 8


def load(data: bytes, start: int = 0) -> Any:
    """The value that a pickle holds: None, numbers, str, bytes, lists, tuples, dicts with str keys, arrays.

    Arrays of numbers are `numpy.ndarray`, arrays of objects lists; what the file names twice is one object.

    Raises:
        PlainPickleError: the pickle holds anything else, or is damaged.
    """
    reader = PickleReader(data, start)
    with told(reader):
        while reader.step() != pickle.STOP:
            pass
        return finished(reader.stack.pop())


@contextmanager
def told(reader: PickleReader) -> Iterator[None]:
    """What Python raises about a damaged pickle, as PlainPickleError."""
    try:
        yield
    except PlainPickleError:
        raise
    except (IndexError, struct.error):
        raise PlainPickleError(f"damaged at byte {reader.at}") from None
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, UnicodeError) as error:
        raise PlainPickleError(f"damaged at byte {reader.at}: {error}") from None


class PickleReader:
    """Steps through the opcodes of a pickle.

    Attributes:
        at: the byte of the next opcode.
        stack, marks: what stands there to be put together, and from where on.
        begin: the byte of the opcode that the last step took.
    """

    def __init__(self, data: bytes | mmap.mmap, start: int) -> None:
        self.data = data
        self.at = self.begin = start
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.copied = 0

    def step(self) -> bytes:
        """Takes an opcode, or some of numbers at once; returns it."""
        run = _RUN.match(self.data, self.at)
        if run is not None:  # numbers alone: these opcodes can do nothing else
            self.stack.extend(pickle.loads(b"\x80\x03(" + run[0] + b"l."))
            self.at = run.end()
            return b""
        code = self.data[self.at : self.at + 1]
        self.begin = self.at
        self.at += 1
        if code == pickle.STOP or (code == pickle.EMPTY_LIST and self._has_number_list()):
            return code
        step = _STEPS.get(code)
        if step is None:
            raise PlainPickleError(f"byte {self.at - 1}: opcode {code!r} is none of numbers and lists")
        step(self)
        return code

    def _has_number_list(self) -> bool:
        """Takes a list of numbers of one kind whole, if there is one."""
        values, place, end = _core.read_pickled_list(self.data, self.at)
        if values is None:
            return False
        self.at = end
        self.stack.append(self.number_list(values))
        if place != -1:
            self.remember_list(self.remembered() if place == -2 else place)
        return True

    def number_list(self, values: Any) -> Any:
        """What a list of numbers becomes, from an array of them."""
        return values.tolist()

    def remember(self, place: int) -> None:
        """Keeps what stands on top."""
        self.memo[place] = self.stack[-1]

    def remember_list(self, place: int) -> None:
        """Keeps the list of numbers on top."""
        self.remember(place)

    def remembered(self) -> int:
        """How much is kept."""
        return len(self.memo)

    def recall(self, place: int) -> Any:
        """What was kept."""
        return self.memo[place]

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
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise IndexError
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


_Step: TypeAlias = Callable[[PickleReader], None]


def _set_items(reader: PickleReader, items: list[Any], target: Any) -> None:
    keys, values = items[::2], items[1::2]
    if not isinstance(target, dict) or len(keys) != len(values) or not all(type(key) is str for key in keys):
        raise PlainPickleError(f"damaged at byte {reader.at}: a dict must have names as keys")
    target.update(zip(keys, map(finished, values), strict=True))


def _extend(reader: PickleReader, items: list[Any], target: Any) -> None:
    if not isinstance(target, list):
        raise PlainPickleError(f"damaged at byte {reader.at}: appends to what is no list")
    target.extend(map(finished, items))


def _pair(reader: PickleReader) -> None:
    value, key = reader.stack.pop(), reader.stack.pop()
    _set_items(reader, [key, value], reader.stack[-1])


def _append(reader: PickleReader) -> None:
    value = reader.stack.pop()
    _extend(reader, [value], reader.stack[-1])


def _pop(reader: PickleReader) -> None:
    if reader.marks and reader.marks[-1] == len(reader.stack):
        reader.marks.pop()
    else:
        reader.stack.pop()


def _tuple_of(reader: PickleReader, size: int) -> None:
    if len(reader.stack) < size:
        raise IndexError
    items = tuple(map(finished, reader.stack[len(reader.stack) - size :]))
    del reader.stack[len(reader.stack) - size :]
    reader.stack.append(items)


def _long(size_form: str) -> _Step:
    return lambda r: r.stack.append(int.from_bytes(r.take(r.number(size_form)), "little", signed=True))


def _text(size_form: str) -> _Step:
    return lambda r: r.stack.append(r.take(r.number(size_form)).decode("utf-8", "surrogatepass"))


def _raw(size_form: str) -> _Step:
    return lambda r: r.stack.append(r.take(r.number(size_form)))


def _value(make: Callable[[PickleReader], Any]) -> _Step:
    return lambda r: r.stack.append(make(r))


def _remember(place: Callable[[PickleReader], int]) -> _Step:
    def step(reader: PickleReader) -> None:
        reader.remember(place(reader))

    return step


def _dict_of(reader: PickleReader) -> None:
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
    pickle.LIST: _value(lambda r: list(map(finished, r.marked()))),
    pickle.TUPLE: _value(lambda r: tuple(map(finished, r.marked()))),
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
    pickle.MEMOIZE: _remember(lambda r: r.remembered()),
    pickle.BINGET: _value(lambda r: r.recall(r.number("<B"))),
    pickle.LONG_BINGET: _value(lambda r: r.recall(r.number("<I"))),
    pickle.GLOBAL: lambda r: named(r, r.line(), r.line()),
    pickle.STACK_GLOBAL: lambda r: named(r, r.stack.pop(-2), r.stack.pop()),
    pickle.REDUCE: reduce,
    pickle.BUILD: build,
}
