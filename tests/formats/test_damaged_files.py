"""Files of other libraries that are cut or changed: an error that names the file, whoever noticed it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixtures.format_needs import needs

from pypack import Ragged, StoreWriter, TokenStore
from pypack.formats.convert import export, read_documents


def _written(to: str, name: str, folder: Path) -> Path:
    with StoreWriter(folder / "a.store", vocab_size=300) as writer:
        writer.append(Ragged.from_rows([np.arange(n % 40) for n in range(3000)]))
    export(TokenStore.open(folder / "a.store"), folder / name, to)
    return folder / name


@pytest.mark.parametrize("place", [0.05, 0.5, 0.999])
@pytest.mark.parametrize("is_cut", [True, False])
@pytest.mark.parametrize(("to", "name"), [("litdata", "a"), ("arrayrecord", "a.array_record")])
def test_damage_names_the_file(to: str, name: str, is_cut: bool, place: float, tmp_path: Path) -> None:
    needs(to)
    made = _written(to, name, tmp_path)
    path = next(made.glob("chunk-*.bin")) if made.is_dir() else made
    data = bytearray(path.read_bytes())
    at = int(len(data) * place)
    if is_cut:
        del data[at:]
    else:
        data[at : at + 8] = bytes(255 - byte for byte in data[at : at + 8])
    path.write_bytes(data)
    try:
        rows = [
            row.tolist()
            for batch in read_documents(made)
            for row in (batch[0] if isinstance(batch, tuple) else batch)
        ]
    except ValueError as error:
        assert str(made) in str(error)
    else:  # without checksums other numbers are as good, and what fills up a block is nobody's
        assert not is_cut
        assert len(rows) == 3000
