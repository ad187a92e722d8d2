"""NeMo's packed files are pickles; no pickle of theirs is loaded."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.evil_pickles import EVIL, npy_of_pickle

from pypack.formats import nemo, plain_pickle
from pypack.formats.convert import into_store, read_documents

_SEQUENCE = {"input_ids": [1, 2, 3], "loss_mask": [1, 1, 1], "seq_start_id": [0]}


def _boxed(*values: Any) -> np.ndarray:
    boxes = np.empty(len(values), object)
    boxes[:] = values
    return boxes


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_gives_the_same(protocol: int) -> None:
    value = _boxed(
        _SEQUENCE,
        {"a": [True, False, None, 2**40, -(2**80), 1.5, "text é", b"bytes"], "b": (1, (2, 3), ())},
        {
            "c": [np.int64(7), np.float32(0.5), np.bool_(True)],
            "d": [0, 255, 256, 65535, 65536, -1, 2**31 - 1],
        },
    )
    assert plain_pickle.load(pickle.dumps(value, protocol)) == value.tolist()
    arrays = [np.arange(6).astype(kind).reshape(2, 3) for kind in ("u1", "<i2", ">i4", "i8", "f4", "bool")]
    found = plain_pickle.load(pickle.dumps({"x": arrays}, protocol))["x"]
    turned = np.asfortranarray(arrays[3])
    assert plain_pickle.load(pickle.dumps(turned, protocol)).tolist() == turned.tolist()
    for one, two in zip(found, arrays, strict=True):
        assert (one.dtype, one.tolist()) == (two.dtype, two.tolist())


@pytest.mark.parametrize("kind", EVIL)
def test_evil_pickles_are_refused(kind: str, tmp_path: Path) -> None:
    path = npy_of_pickle(tmp_path / "a.npy", EVIL[kind])
    begin = time.monotonic()
    with pytest.raises(ValueError, match=r"a\.npy: "):
        list(read_documents(path))
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    "header", [b"(" * 5000, b"[" * 9000 + b"]" * 9000, b"{'descr': " + b"-" * 3000 + b"1}"]
)
def test_headers_that_python_cannot_parse(header: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(nemo.MAGIC + b"\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(ValueError, match=r"a\.npy: not a packed file of NeMo"):
        list(read_documents(path))


def test_lists_that_stand_there_once_and_count_often(tmp_path: Path) -> None:
    tokens = [7] * 2000
    sequence = {"input_ids": tokens, "loss_mask": tokens, "seq_start_id": [0]}
    path = npy_of_pickle(tmp_path / "a.npy", pickle.dumps(_boxed(*[sequence] * 1000), 3))
    assert path.stat().st_size < 20_000
    with pytest.raises(ValueError, match="repeat what stands there once"):
        list(read_documents(path))
    path = npy_of_pickle(tmp_path / "b.npy", pickle.dumps(_boxed(*[sequence] * 3), 3))
    assert len(into_store(read_documents(path), tmp_path / "store", vocab_size=10)) == 3


def test_lists_within_lists_are_not_looked_into(tmp_path: Path) -> None:
    """Twenty lists, each the one before twice: a million paths."""
    body = b"\x80\x03}X\x09\0\0\0input_ids]q\0" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(60))
    body = b"\x80\x03]" + body[2:] + b"sX\x09\0\0\0loss_mask]sX\x0c\0\0\0seq_start_id]sa."
    path = npy_of_pickle(tmp_path / "a.npy", body)
    with pytest.raises(ValueError, match=r"a\.npy: "):
        list(read_documents(path))


def test_memory_is_bounded_by_thenpy_of_pickle(tmp_path: Path) -> None:
    paths = [str(npy_of_pickle(tmp_path / f"{i}.npy", body)) for i, body in enumerate(EVIL.values())]
    program = (
        "import sys, resource\nfrom pathlib import Path\nfrom pypack.formats import nemo\n"
        "for path in sys.argv[1:]:\n  try: list(nemo.read(Path(path)))\n  except ValueError: pass\n"
        "print([l for l in open('/proc/self/status') if l.startswith('VmHWM')][0].split()[1])"
    )
    done = subprocess.run([sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 200_000
