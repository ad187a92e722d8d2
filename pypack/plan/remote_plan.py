"""Plans of object storage, read through a cache on this host."""

from __future__ import annotations

import functools
import io
import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack.cache import Cache, RemoteFile, RemoteFiles
from pypack.cache.mirror import fetch_checked, keep, mirror_folder
from pypack.plan import files as plan_files
from pypack.plan import literals
from pypack.plan.arrays import ARRAYS
from pypack.plan.header import fields_of, figures_of
from pypack.plan.literals import Literals
from pypack.plan.plan import Plan, Span
from pypack.remote import NoObjectError, Url

_HEAD_BYTES = 1024  # more than the header of an array takes


class RemotePlan(Plan):
    """What `Plan.open` gives for a URL. Loaders and `plan[s]` read what they need; who asks for an array
    itself (`plan.span_length`), or for what is computed from all, has it fetched whole, into memory.

    Attributes:
        url: of the plan.
        cache: where its blocks lie.
    """

    def __init__(self, url: Url, cache: Cache, mirror: Path, header: Mapping[str, Any]) -> None:
        self.url = url
        self.cache = cache
        self._header = dict(header)
        sizes = plan_files.array_sizes(header)
        self._places = {name: _place(url, name, header, size) for name, size in sizes.items()}
        self._remote = RemoteFiles.open(cache, [file for file, _, _ in self._places.values()])
        documents = self._whole("documents") if "documents" in sizes else None
        self.literals = RemoteLiterals(self) if "literals" in header else None
        self.sides = None
        for name, value in fields_of(mirror, header, documents).items():
            setattr(self, name, value)
        self.extends, self.selection = tuple(self.extends), dict(self.selection or {})
        self._path = None
        self._files = []
        self.__dict__.update(figures_of(mirror, header))

    @classmethod
    def at(cls, url: Url, cache: Cache) -> RemotePlan:
        """Opens the plan of a URL: reads its `plan.json`, and of a selection its documents.

        Raises:
            FileNotFoundError: there is none.
            OSError: it cannot be read.
            ValueError: it is no plan, of a newer version, or its files have no checksums.
        """
        place = url / "plan.json"
        try:
            data = fetch_checked(place, lambda data: plan_files.check_header_bytes(data, str(place)))
        except NoObjectError:
            raise FileNotFoundError(f"{url} is no plan: it has no plan.json") from None
        mirror = mirror_folder(cache, url, data)
        keep(mirror, "plan.json", data)
        return cls(url, cache, mirror, plan_files.read_header(mirror))

    def __getattr__(self, name: str) -> Any:
        # Asked only for what is not there yet.
        if name == "_view":
            value: Any = self._made_view()
        elif name in ARRAYS:
            value = self._whole(name)
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.__dict__[name] = value
        return value

    def _number(self, name: str) -> int:
        return list(self._places).index(name)

    def _whole(self, name: str) -> NDArray[Any]:
        file, offset, dtype = self._places[name]
        number = self._number(name)
        self._check_head(name)
        values = np.frombuffer(self._remote.read(number, offset, file.size), dtype)
        values.flags.writeable = False
        return values

    def _check_head(self, name: str) -> None:
        """Raises ValueError if the file of an array does not hold what plan.json states."""
        file, offset, dtype = self._places[name]
        head = io.BytesIO(self._remote.read(self._number(name), 0, min(_HEAD_BYTES, file.size)))
        try:
            version = np.lib.format.read_magic(head)
            read = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read = np.lib.format.read_array_header_2_0
            shape, fortran, found = read(head)
        except ValueError as error:
            raise ValueError(f"{file.url}: not readable ({error}); make the plan again") from None
        count = (file.size - offset) // dtype.itemsize
        if fortran or found != dtype or shape != (count,) or head.tell() != offset:
            raise ValueError(
                f"{file.url}: has {found} {shape}, but plan.json states {dtype} {(count,)}; make the plan "
                "again"
            )

    @functools.cached_property
    def kernel_view(self) -> _core.PlanView:
        """The arrays in the memory of the cache, of which kernels fetch what they need."""
        beside = {} if self.literals is None else {name: self._unread(name) for name in literals.ARRAYS}
        return _core.PlanView(*map(self._unread, ARRAYS), room=self.room, **beside)

    def _unread(self, name: str) -> NDArray[Any]:
        self._check_head(name)
        file, offset, dtype = self._places[name]
        count = (file.size - offset) // dtype.itemsize
        return self._remote.core.unread(self._number(name), offset, dtype, count)

    @property
    def cached_files(self) -> RemoteFiles:
        """What the plan is read through."""
        return self._remote

    @property
    def array_bytes(self) -> int:
        """Bytes of the arrays."""
        return sum(self._places[name][0].size for name in ARRAYS)

    @property
    def num_sequences(self) -> int:
        return int(self._header["num_sequences"])

    @property
    def num_spans(self) -> int:
        return int(self._header["num_spans"])

    def _spans(self, sequence: int) -> list[Span]:
        first, last = self._part("sequence_offsets", sequence, sequence + 2).tolist()
        names = ("span_document", "span_start", "span_length")
        columns = [self._part(name, first, last).tolist() for name in names]
        return [Span(*span) for span in zip(*columns, strict=True)]

    def capacity_of(self, sequence: int) -> int:
        return int(self._part("sequence_capacity", sequence, sequence + 1)[0])

    def _part(self, name: str, first: int, last: int) -> NDArray[Any]:
        _, offset, dtype = self._places[name]
        size = dtype.itemsize
        data = self._remote.read(self._number(name), offset + first * size, offset + last * size)
        return np.frombuffer(data, dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        root = None if self.cache.root is None else str(self.cache.root)
        return _opened_again, (str(self.url), root)


class RemoteLiterals(Literals):
    """The literals of a plan of a URL: who asks for an array of theirs has it fetched whole."""

    def __init__(self, plan: RemotePlan) -> None:
        self.__dict__["_plan"] = plan  # the fields are frozen

    def __getattr__(self, name: str) -> Any:
        # Asked only for what is not there yet.
        if name not in _LITERALS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = self.__dict__[name] = self._plan._whole(_LITERALS[name])
        return value

    def __len__(self) -> int:
        return int(self._plan._header["literals"]["count"])

    def of_sequence(self, plan: Plan, sequence: int) -> list[list[int]]:
        """See `Literals`; nothing else is fetched."""
        first, last = self._plan._part("sequence_offsets", sequence, sequence + 2).tolist()
        bounds = self._plan._part("literal_offsets", first + sequence, last + sequence + 2).tolist()
        tokens = self._plan._part("literal_tokens", bounds[0], bounds[-1]).tolist()
        return [tokens[a - bounds[0] : b - bounds[0]] for a, b in itertools.pairwise(bounds)]


# Fields of `Literals`, and the arrays that they are.
_LITERALS = {"offsets": "literal_offsets", "tokens": "literal_tokens", "learned": "literal_learned"}


def _place(
    url: Url, name: str, header: Mapping[str, Any], count: int
) -> tuple[RemoteFile, int, np.dtype[Any]]:
    """The file of an array, where its items begin in it, and their type."""
    dtype = {**ARRAYS, **literals.ARRAYS}.get(name, np.dtype("<i8"))
    checksum = header.get("checksums", {}).get(name)
    if checksum is None:
        raise ValueError(f"{url / 'plan.json'}: field 'checksums.{name}' is missing; make the plan again")
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": dtype.str, "fortran_order": False, "shape": (count,)}
    )
    offset = head.tell()
    size = offset + count * dtype.itemsize
    is_read = name not in ("documents", "sequence_capacity")  # by kernels, one item here and there
    return RemoteFile(str(url / f"{name}.npy"), size, checksum, size if is_read else 0), offset, dtype


def _opened_again(url: str, root: str | os.PathLike[str] | None) -> Plan:
    return Plan.open(url, cache=root)
