"""What kind of files a path names, and their rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pypack._common.schema import read_json
from pypack.corpus.kinds import kind_by_name
from pypack.formats import about_file
from pypack.formats.stream import Stream

_PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True)
class Opened:
    """Files of another library: their rows, and what their description says."""

    stream: Stream
    found: about_file.Found | None


def opened(
    path: Path,
    *,
    column: str | None = None,
    dtype: str | None = None,
    end_id: int | None = None,
    split: str | None = None,
) -> Opened:
    """Opens files of any of the formats; see `pypack.formats.convert.read_documents`.

    Args:
        split: of a DatasetDict; None: the only one.

    Raises:
        FileNotFoundError: there is nothing.
        ValueError: the files are of none of the formats, do not hold documents, or something about them has
            to be said; the message names all of it.
    """
    from pypack.formats import megatron

    prefix = megatron.prefix_of(path)
    if prefix is not None:
        found = about_file.read(prefix, is_folder=False)
        return Opened(megatron.read(prefix, found), found)
    if path.is_dir():
        return _folder(path, column, dtype, end_id, split)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file or folder")
    found = about_file.read(path, is_folder=False)
    return Opened(_file(path, column, dtype, end_id, found), found)


def _folder(
    path: Path, column: str | None, dtype: str | None, end_id: int | None, split: str | None
) -> Opened:
    from pypack.formats import columnar, flat, litdata, mds

    if (path / columnar.SPLITS_FILE).is_file():
        path = _split(path, split)
    elif split is not None:
        raise ValueError(f"{path}: is no DatasetDict: leave --split out")
    found = about_file.read(path, is_folder=True)
    if (path / mds.INDEX_FILE).is_file():
        index = read_json(path / mds.INDEX_FILE)
        if isinstance(index, dict) and "chunks" in index:
            return Opened(litdata.read(path, index, column or "input_ids", found), found)
        return Opened(mds.read(path, index, column or mds.COLUMN, found), found)
    if (path / columnar.INFO_FILE).is_file():
        return Opened(columnar.read_dataset(path, column or "input_ids", found), found)
    if (path / flat.TOKENS_FILE).is_file():
        return Opened(flat.read(path / flat.TOKENS_FILE, dtype, end_id, found), found)
    raise ValueError(
        f"{path}: no index.json (MDS, LitData), dataset_info.json or dataset_dict.json (datasets) or "
        f"{flat.TOKENS_FILE}"
    )


def _split(path: Path, split: str | None) -> Path:
    from pypack.formats import columnar

    names = columnar.splits_of(path)
    told = ", ".join(names) or "none"
    if split is None and len(names) == 1:
        split = names[0]
    if split is None:
        raise about_file.MissingOptionsError(
            f"{path}: is a DatasetDict of the splits {told}: name one with --split"
        )
    if split not in names:
        raise ValueError(f"{path}: has no split {split!r}, but {told}")
    return path / split


def _file(
    path: Path, column: str | None, dtype: str | None, end_id: int | None, found: about_file.Found | None
) -> Stream:
    from pypack.formats import arrayrecord, columnar, flat, nemo

    with path.open("rb") as file:
        begin = file.read(max(map(len, (nemo.MAGIC, _PARQUET_MAGIC, arrayrecord.MAGIC))))
    if path.suffix == ".parquet" or begin.startswith(_PARQUET_MAGIC):
        return columnar.read_parquet(path, column or "input_ids", found)
    if begin.startswith(arrayrecord.MAGIC):
        return arrayrecord.read(path, column or "input_ids", found)
    if begin.startswith(nemo.MAGIC):  # OLMo-core calls bare tokens .npy, too
        return nemo.stream(path, found)
    kind, _ = kind_by_name(path.name)
    if kind is not None and dtype is None:
        raise ValueError(f"{path}: holds texts by its name: pypack tokenize makes a store of those")
    return flat.read(path, dtype, end_id, found)
