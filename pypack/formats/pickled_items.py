"""The dicts of an array of objects in a pickle, one at a time: memory does not grow with the file.

A pickle remembers every list and dict that it makes, as a later opcode may name it again. What was handed out
is let go here, and only the bytes that make it are kept in mind: whatever is named again is read again.
"""

from __future__ import annotations

import mmap
import pickle
from array import array
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from pypack.formats.pickled_arrays import PlainPickleError, finished
from pypack.formats.plain_pickle import PickleReader, told

# What is named again may be read so many times the size of the file.
_MOST_REPEATED = 16
_MOST_INSIDE = 4  # a dict, its lists, and some room
_MOST_BELOW = 64  # values below an array's items
_MOST_SKIPPED = 1 << 16  # numbers that nothing is remembered under, which a pickler does not leave
_FRAME_BYTES = 9
_ENDS_OF_ITEMS = frozenset([pickle.SETITEMS, pickle.BINGET, pickle.LONG_BINGET])


def items_of(data: bytes | mmap.mmap, start: int = 0) -> Iterator[tuple[Any, int]]:
    """The items of the array of objects that a pickle holds, and the byte that each is read up to.

    Lists of numbers of one kind are arrays in them, all else is as `plain_pickle.load` gives it.

    Raises:
        PlainPickleError: the pickle holds more than numbers, or is damaged; items before that were given.
    """
    reader = _ItemReader(data, start)
    with told(reader):
        while (code := reader.step()) != pickle.STOP:
            if code in _ENDS_OF_ITEMS and reader.has_item():
                yield reader.taken(code), reader.at
        items = finished(reader.stack.pop())
        if not isinstance(items, list):
            raise PlainPickleError(f"it holds a {type(items).__name__}")
        # Items that came alone, behind the others.
        first = next((i for i, item in enumerate(items) if item is not _GONE), len(items))
        for item in items[first:]:
            if item is _GONE:
                raise PlainPickleError("its items are not in their order")
            yield item, reader.at


class _Gone:
    """In the place of an item that was handed out."""


_GONE = _Gone()


class _Item(dict[str, Any]):
    """A dict, where it begins in the file, and under which number it is remembered."""

    begin = 0
    place: int | None = None


class _ItemReader(PickleReader):
    def __init__(self, data: bytes | mmap.mmap, start: int) -> None:
        super().__init__(data, start)
        # Where what is remembered under a number begins and ends in the file; -1: it is in `memo`.
        self._bytes_of = array("q")
        self._elsewhere = 0
        self._replayed = 0
        self._inside = 0

    def number_list(self, values: NDArray[Any]) -> NDArray[Any]:
        return values

    def step(self) -> bytes:
        code = super().step()
        if code == pickle.EMPTY_DICT:
            self.stack[-1] = item = _Item()
            item.begin = self.begin
        return code

    def has_item(self) -> bool:
        """Whether an item of the array is whole, and on top: a dict in a list, and no dict around it."""
        stack = self.stack
        if self._inside or not self.marks or not isinstance(stack[-1], dict):
            return False
        mark = self.marks[-1]
        is_next = len(stack) - 1 == mark or (len(stack) - 1 > mark and stack[-2] is _GONE)
        if not is_next or not 0 < mark <= _MOST_BELOW or type(stack[mark - 1]) is not list:
            return False
        at = self.at
        while self.data[at : at + 1] == pickle.FRAME:
            at += _FRAME_BYTES
        is_whole = self.data[at : at + 1] != pickle.MARK  # of more than 1,000 names
        return is_whole and not any(isinstance(one, dict) for one in stack[:mark])

    def taken(self, code: bytes) -> Any:
        """The item on top; its bytes are kept in mind."""
        item = self.stack[-1]
        self.stack[-1] = _GONE
        if code == pickle.SETITEMS and isinstance(item, _Item) and item.place is not None:
            self._keep_bytes(item.place, item.begin, self.at)
        return item

    def remember(self, place: int) -> None:
        if self._inside:  # it is already
            return
        value = self.stack[-1]
        if isinstance(value, _Item):
            value.place = place if value.place is None else value.place
        if self._has_bytes(place):
            self._bytes_of[2 * place] = -1
            self._elsewhere -= 1
        super().remember(place)

    def remember_list(self, place: int) -> None:
        if not self._inside and not self._keep_bytes(place, self.begin, self.at):
            super().remember(place)

    def remembered(self) -> int:
        return len(self.memo) + self._elsewhere

    def recall(self, place: int) -> Any:
        if not self._has_bytes(place):
            return self.memo[place]
        return self._read_again(self._bytes_of[2 * place], self._bytes_of[2 * place + 1])

    def _has_bytes(self, place: int) -> bool:
        return 2 * place < len(self._bytes_of) and self._bytes_of[2 * place] >= 0

    def _keep_bytes(self, place: int, begin: int, end: int) -> bool:
        """Keeps in mind where a value stands, in its place; false: the number is none of a pickler's."""
        missing = place + 1 - len(self._bytes_of) // 2
        if missing > _MOST_SKIPPED:
            return False
        self._bytes_of.extend([-1, -1] * missing)
        self.memo.pop(place, None)
        self._elsewhere += self._bytes_of[2 * place] < 0
        self._bytes_of[2 * place], self._bytes_of[2 * place + 1] = begin, end
        return True

    def _read_again(self, begin: int, end: int) -> Any:
        self._replayed += end - begin
        if self._inside >= _MOST_INSIDE or self._replayed > _MOST_REPEATED * len(self.data):
            raise PlainPickleError("its items repeat what stands there once too often")
        before = self.at, self.begin, self.stack, self.marks
        self.at, self.stack, self.marks = begin, [], []
        self._inside += 1
        while self.at < end:
            self.step()
        if self.at != end or len(self.stack) != 1 or self.marks:
            raise PlainPickleError(f"damaged at byte {begin}")
        value = self.stack[0]
        self._inside -= 1
        self.at, self.begin, self.stack, self.marks = before
        return value
