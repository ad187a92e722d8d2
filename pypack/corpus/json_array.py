"""A file that is one JSON array, of any size, as lines: one for each element."""

from __future__ import annotations

from pypack import _core
from pypack.corpus.bytes import ByteSource
from pypack.corpus.errors import DamagedInputError
from pypack.corpus.inputs import InputFile
from pypack.corpus.stream_hash import StreamMark


class ArraySource(ByteSource):
    """The bytes of an array with newlines where its commas are: as many, so that places stay what they are.

    Several arrays may follow each other, as joined files have them.
    """

    def __init__(self, file: InputFile, skip: int = 0, stream_mark: StreamMark | None = None) -> None:
        """See `ByteSource`; `skip`: 0, or where an element begins."""
        super().__init__(file, skip, stream_mark)
        self._lines = _core.JsonArrayLines(skip > 0)
        self._place = skip
        self._is_begun = skip == 0
        self._damage: DamagedInputError | None = None

    def readinto(self, room: memoryview) -> int:
        if self._damage is not None:
            raise self._damage
        count = super().readinto(room)
        if count == 0:
            if self._is_begun and not self._lines.is_whole:
                raise DamagedInputError("damaged_file", "cut off: the JSON array does not end")
            return 0
        self._is_begun = True
        stranger = self._lines.change(room[:count])
        if stranger >= 0:
            place = self._place + stranger
            what = f"byte {place} of the file stands outside of its JSON array"
            self._damage = DamagedInputError("damaged_file", what)
            room[stranger : stranger + 1] = b"\n"  # the end of the last element
            count = stranger + 1
        self._place += count
        return count


def new_source(file: InputFile, skip: int = 0, stream_mark: StreamMark | None = None) -> ByteSource:
    """What reads the lines, or elements, of a file."""
    return (ArraySource if file.format == "json_array" else ByteSource)(file, skip, stream_mark)
