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

from pypack.formats import nemo, plain_pickle
from pypack.formats.convert import into_store, read_documents

_SEQUENCE = {"input_ids": [1, 2, 3], "loss_mask": [1, 1, 1], "seq_start_id": [0]}


def _file(path: Path, body: bytes) -> Path:
    """A `.npy` of one object with this pickle."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += b" " * (117 - len(header)) + b"\n"
    path.write_bytes(nemo.MAGIC + b"\x01\x00" + struct.pack("<H", len(header)) + header + body)
    return path


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


def _lying_dtype(name: bytes, state: bytes) -> bytes:
    """An array whose dtype is given a state of the file's making: flags and fields that it does not have."""
    array = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nJ\0\0\0\0\x85C\x01btR"
    array += b"(J\1\0\0\0J\3\0\0\0\x85"
    return array + b"cnumpy\ndtype\nX" + struct.pack("<I", len(name)) + name + b"\x89\x88\x87R" + state + b"b"


_EVIL = {
    "dtype with flags": b"\x80\x03"
    + _lying_dtype(b"V8", b"(K\x03X\x01\0\0\0|NNNJ" + b"\xff" * 4 + b"J" + b"\xff" * 4 + b"K\x3ft")
    + b"\x89C\x18" + b"\x41" * 24 + b"tb.",
    "numbers with flags of objects": b"\x80\x03"
    + _lying_dtype(b"i8", b"(K\x03X\x01\0\0\0<(X\x01\0\0\0at}NJ\x08\0\0\0J\x01\0\0\0K\x3ft")
    + b"\x89C\x18" + b"\x41" * 24 + b"tb.",
    "memo of half a billion": b"\x80\x02Nr\xff\xff\xff\x1f.",
    "doubling": b"\x80\x03B" + struct.pack("<I", 1000) + b"a" * 1000 + b"q\x000"
    + b"c_codecs\nencode\nh\x00X\x03\0\0\0hex\x86Rq\x000" * 22 + b"h\x00.",
    "copies": b"\x80\x02X" + struct.pack("<I", 1000) + b"a" * 1000 + b"q\x000"
    + b"c_codecs\nencode\nh\x00X\x06\0\0\0latin1\x86R" * 1000 + b".",
    "a text of 4 GB": b"\x80\x03X\xff\xff\xff\xffabc.",
    "bytes of 2^63": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "a call": b"\x80\x03cbuiltins\neval\nX\x01\0\0\x001\x85R.",
    "ndarray itself": b"\x80\x03cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85\x85R.",
    "nothing": b".",
    "no end": b"\x80\x03]q\0",
    "append to itself": b"\x80\x03]q\0h\0ah\0ah\0a.",
    "keys of lists": b"\x80\x03}]]s.",
    "colliding keys": b"\x80\x03}("
    + b"".join(b"\x8a\x09" + (i * (2**61 - 1)).to_bytes(9, "little") + b"N" for i in range(99)) + b"u.",
    "marks alone": b"\x80\x03" + b"(" * 1000 + b"t.",
    "old protocol": b"(lp0\nI1\na.",
    "persistent": b"\x80\x03X\x01\0\0\0aQ.",
    "extension": b"\x80\x02\x82\x01.",
    "object": b"\x80\x04\x8c\x08builtins\x8c\x06object\x93)\x81.",
}  # fmt: skip


@pytest.mark.parametrize("kind", _EVIL)
def test_evil_pickles_are_refused(kind: str, tmp_path: Path) -> None:
    path = _file(tmp_path / "a.npy", _EVIL[kind])
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
    path = _file(tmp_path / "a.npy", pickle.dumps(_boxed(*[sequence] * 1000), 3))
    assert path.stat().st_size < 20_000
    with pytest.raises(ValueError, match="repeat what stands there once"):
        list(read_documents(path))
    path = _file(tmp_path / "b.npy", pickle.dumps(_boxed(*[sequence] * 3), 3))
    assert len(into_store(read_documents(path), tmp_path / "store", vocab_size=10)) == 3


def test_lists_within_lists_are_not_looked_into(tmp_path: Path) -> None:
    """Twenty lists, each the one before twice: a million paths."""
    body = b"\x80\x03}X\x09\0\0\0input_ids]q\0" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(60))
    body = b"\x80\x03]" + body[2:] + b"sX\x09\0\0\0loss_mask]sX\x0c\0\0\0seq_start_id]sa."
    path = _file(tmp_path / "a.npy", body)
    with pytest.raises(ValueError, match=r"a\.npy: "):
        list(read_documents(path))


def test_memory_is_bounded_by_the_file(tmp_path: Path) -> None:
    paths = [str(_file(tmp_path / f"{i}.npy", body)) for i, body in enumerate(_EVIL.values())]
    program = (
        "import sys, resource\nfrom pathlib import Path\nfrom pypack.formats import nemo\n"
        "for path in sys.argv[1:]:\n  try: list(nemo.read(Path(path)))\n  except ValueError: pass\n"
        "print([l for l in open('/proc/self/status') if l.startswith('VmHWM')][0].split()[1])"
    )
    done = subprocess.run([sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 200_000
