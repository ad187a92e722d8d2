"""The lines that whole jobs are measured on, and how their outputs are compared."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import zstandard

from bench.job.json_lines import write_lines
from bench.job.process_tree import peak_bytes, seconds
from bench.job.ways import digest


def texts(path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]


def test_lines_of_plain_and_compressed_corpora(tmp_path):
    lines = [json.dumps({"text": text, "url": "u"}) + "\n" for text in ("one", "two é", "three")]
    plain, packed, out = tmp_path / "a.jsonl", tmp_path / "b.jsonl.zst", tmp_path / "out.jsonl"
    plain.write_text("".join(lines[:2]), encoding="utf-8")
    packed.write_bytes(zstandard.compress(lines[2].encode()))
    size = write_lines([plain, packed], out, copies=2)
    assert size == out.stat().st_size
    assert texts(out) == ["one", "two é", "three"] * 2
    assert len({json.loads(line)["id"] for line in out.read_text("utf-8").splitlines()}) == 6
    write_lines([plain, packed], out, most_bytes=60)
    assert texts(out) == ["one", "two é"]


def test_digests_tell_ids_and_borders_apart():
    same = digest(iter([np.array([1, 2], np.uint16), np.array([3], np.uint16)]))
    assert same == digest(iter([np.array([1, 2], np.int32), np.array([3], np.int32)]))
    assert same[1:] == (2, 3)
    assert same[0] != digest(iter([np.array([1]), np.array([2, 3])]))[0]
    assert same[0] != digest(iter([np.array([1, 2]), np.array([4])]))[0]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_whole_processes_with_their_children():
    child = (
        "import time; held = bytearray(50_000_000); held[::4096] = bytes(len(held[::4096])); time.sleep(0.5)"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    assert peak_bytes([sys.executable, "-c", parent], {}) > 50_000_000
    assert seconds([sys.executable, "-c", "import os; assert os.environ['A'] == 'b'"], {"A": "b"}) > 0
    with pytest.raises(RuntimeError, match="no such thing"):
        seconds([sys.executable, "-c", "raise SystemExit('no such thing')"], {})
