"""Files beside the tokens of a shard, of one value a token or a document, each mapped and never copied.

| file      | one value a | type    | says                                            | feature        |
|-----------|-------------|---------|-------------------------------------------------|----------------|
| `.mask`   | token       | bit     | whether it is learned                           | `loss_mask`    |
| `.words`  | token       | bit     | whether a word begins with it                   | `word_borders` |
| `.group`  | document    | int32   | how many documents of its group stand before it | `groups`       |
| `.weight` | document    | float32 | how much its loss counts                        | `loss_weights` |
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.checksums import BlockChecksum
from pypack._common.files import create, require_regular
from pypack._common.mapped import Mapped, check_not_cut, remember
from pypack.ragged import Ragged

MASK, GROUP, WEIGHT, WORDS = ".mask", ".group", ".weight", ".words"
FEATURE_OF = {MASK: "loss_mask", GROUP: "groups", WEIGHT: "loss_weights", WORDS: "word_borders"}
# Of which a token has a bit.
BITS = (MASK, WORDS)
_BETWEEN_LOOKS = 0.05  # seconds, as the kernels have it (csrc/core/common/watched_file.hpp)
DTYPES = {GROUP: np.dtype("<i4"), WEIGHT: np.dtype("<f4")}


@dataclass(frozen=True, slots=True)
class Beside:
    """What documents bring for these files; None where they bring nothing: all learned, no group, weight 1.

    Attributes:
        learned: bool [N], of each id of the documents.
        places: int32 [D], how many documents of its group stand before each.
        weights: float32 [D].
        words: bool [N], of each id of the documents whether a word begins with it; nothing stands for it.
    """

    learned: NDArray[np.bool_] | None = None
    places: NDArray[np.int32] | None = None
    weights: NDArray[np.float32] | None = None
    words: NDArray[np.bool_] | None = None

    def checked(self, suffixes: Collection[str], documents: Ragged) -> Beside:
        """The same, complete for the files that there are.

        Raises:
            ValueError: values have another shape, or there is no file for them.
        """
        given = {MASK: self.learned, GROUP: self.places, WEIGHT: self.weights, WORDS: self.words}
        tokens, count = len(documents.values), len(documents)
        sizes = {MASK: tokens, GROUP: count, WEIGHT: count, WORDS: tokens}
        for suffix, values in given.items():
            if values is not None and suffix not in suffixes:
                raise ValueError(f"the store was not begun with beside=[{suffix!r}], which these values need")
            if values is not None and values.shape != (sizes[suffix],):
                raise ValueError(
                    f"values for {suffix} must have the shape ({sizes[suffix]},), got {values.shape}"
                )
        if WORDS in suffixes and self.words is None:
            raise ValueError(
                f"the store was begun with beside=[{WORDS!r}]: it must be given where words begin (words=, "
                "see Tokenizer.encode_batch_with_words)"
            )
        learned, places, weights = self.learned, self.places, self.weights
        return Beside(
            np.ones(sizes[MASK], np.bool_) if learned is None and MASK in suffixes else learned,
            np.zeros(sizes[GROUP], np.int32) if places is None and GROUP in suffixes else places,
            np.ones(sizes[WEIGHT], np.float32) if weights is None and WEIGHT in suffixes else weights,
            self.words,
        )

    def part(self, offsets: NDArray[np.int64], start: int, stop: int) -> Beside:
        """That of documents start to stop, whose ids begin at `offsets`."""

        def cut(values: Any) -> Any:
            return None if values is None else values[start:stop]

        def cut_tokens(values: Any) -> Any:
            return None if values is None else values[offsets[start] : offsets[stop]]

        return Beside(cut_tokens(self.learned), cut(self.places), cut(self.weights), cut_tokens(self.words))

    def kept(self, documents: NDArray[np.bool_], lengths: NDArray[np.int64]) -> Beside:
        """That of some documents, of which each has so many ids."""
        of_token = np.repeat(documents, lengths)
        return Beside(
            None if self.learned is None else self.learned[of_token],
            None if self.places is None else self.places[documents],
            None if self.weights is None else self.weights[documents],
            None if self.words is None else self.words[of_token],
        )

    def whole_groups(self, start: int, stop: int) -> int:
        """The last border of groups up to document `stop`, behind `start`; `start` if there is none."""
        if self.places is None or stop >= len(self.places):
            return stop
        borders = np.flatnonzero(self.places[start + 1 : stop + 1] == 0)
        return start + 1 + int(borders[-1]) if len(borders) else start

    def group_end(self, start: int) -> int:
        """The end of the group that begins with document `start`."""
        if self.places is None:
            return start + 1
        borders = np.flatnonzero(self.places[start + 1 :] == 0)
        return start + 1 + int(borders[0]) if len(borders) else len(self.places)


class BesideWriter:
    """Writes one such file."""

    def __init__(self, path: Path, suffix: str) -> None:
        self._path = path
        self._suffix = suffix
        self._file: BinaryIO = create(path)
        self._digest = BlockChecksum()
        self._pending = b""  # the last byte of bits, where it is not full
        self._bits = 0  # of it that are used

    def add(
        self, beside: Beside, offsets: NDArray[np.int64], start: int, stop: int, begins: int, ends: int
    ) -> None:
        """Appends what is of documents start to stop.

        Args:
            offsets: where the ids of the documents begin in `beside.learned` and `beside.words`.
            begins, ends: ids that each of them gets before it, not learned, and behind it, learned. Each of
                them is a word.
        """
        if self._suffix not in BITS:
            values = beside.places if self._suffix == GROUP else beside.weights
            assert values is not None
            self._write(np.ascontiguousarray(values[start:stop], DTYPES[self._suffix]).tobytes())
            return
        flags = beside.learned if self._suffix == MASK else beside.words
        assert flags is not None
        part = offsets[start : stop + 1]
        bits = self._bits + int(part[-1] - part[0]) + (stop - start) * (begins + ends)
        data = _core.pack_mask(
            flags.view(np.uint8), part, begins, ends, self._bits, begin_bit=self._suffix == WORDS
        )
        if self._pending and data:
            data = bytes([data[0] | self._pending[0]]) + data[1:]
        if data:
            self._bits = bits % 8
            self._pending = data[-1:] if self._bits else b""
            self._write(data[:-1] if self._bits else data)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)

    def close(self) -> str:
        """Completes and syncs the file; returns its checksum."""
        self._write(self._pending)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return str(self._digest)

    def abort(self) -> None:
        """Removes it."""
        with suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)


class DocumentValues:
    """One value a document of a store, mapped shard by shard.

    Args:
        files: of each shard; None where it has none, and all its documents have `default`.
        counts: documents of each shard.

    Raises:
        ValueError: a file has another size than its documents come to.
    """

    def __init__(
        self, files: Sequence[Path | None], counts: Sequence[int], suffix: str, default: float
    ) -> None:
        dtype = DTYPES[suffix]
        self._parts: list[NDArray[Any]] = []
        self._files: list[Mapped | None] = []
        self._next_looks = [0.0] * len(files)
        for file, count in zip(files, counts, strict=True):
            if file is None:
                self._parts.append(np.broadcast_to(np.array(default, dtype), (count,)))
                self._files.append(None)
                continue
            require_regular(file)
            size = file.stat().st_size
            if size != count * dtype.itemsize:
                raise ValueError(
                    f"{file}: size: {size} bytes, {count} documents have {count * dtype.itemsize}; it is "
                    "truncated or of another shard"
                )
            mapped = np.memmap(file, dtype, "r", shape=(count,)) if count else np.empty(0, dtype)
            self._parts.append(mapped)
            self._files += remember([file])
        self._firsts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def of(self, documents: NDArray[np.int64]) -> NDArray[Any]:
        """The values of some documents; nothing else is read."""
        if len(self._parts) == 1:
            self._look(0)
            return np.asarray(self._parts[0][documents])
        shards = np.searchsorted(self._firsts, documents, side="right") - 1
        values = np.empty(len(documents), self._parts[0].dtype)
        for shard in np.unique(shards):
            self._look(shard)
            inside = shards == shard
            values[inside] = self._parts[shard][documents[inside] - self._firsts[shard]]
        return values

    def _look(self, shard: int) -> None:
        """Raises ValueError if a shard's file was cut, as far as a look now and then tells."""
        now = time.monotonic()
        file = self._files[shard]
        if file is not None and now >= self._next_looks[shard]:
            check_not_cut([file])
            self._next_looks[shard] = now + _BETWEEN_LOOKS

    def all(self) -> NDArray[Any]:
        """The values of all documents, a copy."""
        check_not_cut(file for file in self._files if file is not None)
        return np.concatenate(self._parts)
