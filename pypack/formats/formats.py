"""The formats that a store can be written in, and what each can hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pypack.formats.losses import PARTS

if TYPE_CHECKING:
    from pypack.formats.stream import Stream

_EVERYTHING = frozenset(PARTS) - {"words"}  # which none has a place for


@dataclass(frozen=True)
class Format:
    """A format: what it is, and the module and function under `pypack.formats` that write it.

    Attributes:
        holds: of `pypack.formats.losses.PARTS`, what it has a place for.
        is_folder: it is written as a folder.
        suffixes: of the files that it is written as, the one last without which it is none.
        ids: what its records call the ids, "" where it has no records.
    """

    summary: str
    module: str
    function: str = "write"
    holds: frozenset[str] = _EVERYTHING
    is_folder: bool = True
    suffixes: tuple[str, ...] = ("",)
    ids: str = ""

    @property
    def write(self) -> Callable[[Stream, Path], int]:
        """The function; its module, and the libraries it needs, are imported here."""
        from importlib import import_module

        function = getattr(import_module(f"pypack.formats.{self.module}"), self.function)
        return cast("Callable[[Stream, Path], int]", function)

    @property
    def reserved(self) -> Collection[str]:
        """Names that no kept column may have."""
        from pypack.formats.table import RESERVED

        return (*RESERVED, self.ids) if self.ids else ()

    def names(self, name: str) -> list[str]:
        """What is written for a target of some name."""
        from pypack.formats import about_file

        beside = [] if self.is_folder else [about_file.place_of(Path(name), is_folder=False).name]
        return beside + [name + suffix for suffix in self.suffixes]


FORMATS: Mapping[str, Format] = {
    "megatron": Format(
        "one Megatron-Core dataset, DST.bin and DST.idx",
        "megatron",
        holds=frozenset({"rows"}),
        is_folder=False,
        suffixes=(".bin", ".idx"),
    ),
    "flat": Format(
        "bare tokens with document bounds, for nanoGPT and OLMo (a folder)",
        "flat",
        holds=frozenset({"rows", "masks"}),
    ),
    "datasets": Format(
        "a folder for datasets.load_from_disk, with TRL's columns",
        "columnar",
        "write_dataset",
        ids="input_ids",
    ),
    "parquet": Format(
        "a Parquet file with the same columns", "columnar", "write_parquet", is_folder=False, ids="input_ids"
    ),
    "nemo": Format(
        "NeMo's packed fine-tuning file (.npy)",
        "nemo",
        holds=frozenset({"rows", "masks"}),
        is_folder=False,
    ),
    "mds": Format("MosaicML streaming shards (a folder)", "mds", ids="tokens"),
    "litdata": Format("LitData chunks (a folder)", "litdata", ids="input_ids"),
    "arrayrecord": Format(
        "an ArrayRecord file of tf.train.Example, for Grain; needs array_record",
        "arrayrecord",
        is_folder=False,
        ids="input_ids",
    ),
}
