"""Conversion between token stores and the formats of other libraries."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pypack.plan.plan import Plan
from pypack.ragged import Ragged
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    import pyarrow as pa

_PARQUET_MAGIC = b"PAR1"
# Formats of tokens alone.
_BARE = ("megatron", "flat", "mds")
# Some documents, with columns kept beside their tokens or without.
Documents: TypeAlias = "Ragged | tuple[Ragged, pa.RecordBatch]"


@dataclass(frozen=True)
class Format:
    """A format that a store can be written in: what it is, and its module and function under formats."""

    summary: str
    module: str
    function: str = "write"

    @property
    def write(self) -> Callable[[TokenStore, Plan | None, Path], int]:
        """The function; its module, and the libraries it needs, are imported here."""
        from importlib import import_module

        write: Callable[[TokenStore, Plan | None, Path], int] = getattr(
            import_module(f"pypack.formats.{self.module}"), self.function
        )
        return write


FORMATS: Mapping[str, Format] = {
    "megatron": Format("one Megatron-Core dataset, DST.bin and DST.idx", "megatron"),
    "flat": Format("bare tokens with document bounds, for nanoGPT and OLMo (a folder)", "flat"),
    "datasets": Format(
        "a folder for datasets.load_from_disk, with TRL's columns", "columnar", "write_dataset"
    ),
    "parquet": Format("a Parquet file with the same columns", "columnar", "write_parquet"),
    "nemo": Format("NeMo's packed fine-tuning file (.npy)", "nemo"),
    "mds": Format("MosaicML streaming shards (a folder)", "mds"),
}


def export(store: TokenStore, path: Path, to: str, plan: Plan | None = None) -> int:
    """Writes a store's documents, or a plan's sequences, in another library's format; returns the rows.

    Raises:
        ValueError: there is no such format, or the plan does not fit.
        FileExistsError: something stands at `path`.
    """
    if to not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {to!r}")
    taken = [path, path.with_name(path.name + ".bin")] if to == "megatron" else [path]
    for place in taken:
        if place.exists():
            raise FileExistsError(f"{place} exists: choose another path, or remove it first")
    if to in _BARE and (store.has_loss_mask or store.group_places is not None):
        what = "a loss mask" if store.has_loss_mask else "groups"
        warnings.warn(
            f"{store!r} has {what}, for which {to} files have no place: they hold the tokens alone",
            stacklevel=2,
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    return FORMATS[to].write(store, plan, path)


def read_documents(
    path: Path, *, column: str | None = None, dtype: str | None = None, end_id: int | None = None
) -> Iterator[Documents]:
    """Documents of another library's files, in batches; those of NeMo with a column `mask` (see `nemo.read`).

    Args:
        path: a Parquet file, a folder of `datasets.save_to_disk` or of MDS shards, a packed `.npy` of NeMo, a
            file of bare tokens, or the folder that holds one as `export` writes it. (Megatron-Core datasets
            need no conversion: `TokenStore.open` maps them.)
        column: with the token ids; None: "input_ids" ("tokens" of MDS).
        dtype: of bare tokens.
        end_id: of bare tokens without bounds: the token that ends a document.

    Raises:
        ValueError: the files are none of these, or do not hold documents.
    """
    from pypack.formats import columnar, flat, mds, nemo

    if path.is_dir():
        if (path / "index.json").is_file():
            return mds.read(path, column or mds.COLUMN)
        if (path / "dataset_info.json").is_file():
            return columnar.read_dataset(path, column or "input_ids")
        if (path / flat.TOKENS_FILE).is_file():
            return flat.read(path / flat.TOKENS_FILE, dtype, end_id)
        raise ValueError(f"{path}: no index.json (MDS), dataset_info.json (datasets) or {flat.TOKENS_FILE}")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file or folder")
    if path.suffix == ".parquet":
        return columnar.read_parquet(path, column or "input_ids")
    with path.open("rb") as file:
        begin = file.read(max(len(nemo.MAGIC), len(_PARQUET_MAGIC)))
    if begin.startswith(_PARQUET_MAGIC):
        return columnar.read_parquet(path, column or "input_ids")
    if begin.startswith(nemo.MAGIC):  # OLMo-core calls bare tokens .npy, too
        return nemo.read(path)
    return flat.read(path, dtype, end_id)


def into_store(documents: Iterator[Documents], path: Path, **options: Any) -> TokenStore:
    """Writes documents into a store; `options` are those of `StoreWriter`, `vocab_size` among them."""
    from pypack.store.writer import StoreWriter

    with StoreWriter(path, **options) as writer:
        for batch in documents:
            writer.append(*(batch if isinstance(batch, tuple) else (batch,)))
    return TokenStore.open(path)
