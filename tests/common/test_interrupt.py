"""Ctrl-C leaves a long call within half a second, and the end of the process waits for nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# argv: what to run. Prints how long after the signal the exception came.
INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
import pypack

# A test run that was started in the background of a shell ignores it, and hands that on.
signal.signal(signal.SIGINT, signal.default_int_handler)

def hit():
    time.sleep(0.5)
    hit.at = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)

kind, path = sys.argv[1:]
tokenizer = pypack.Tokenizer.from_file(path)
documents = ["the packer takes each document " * 2000] * 100
rng = np.random.default_rng(0)
lengths = rng.integers(1, 2000, 5_000_000).astype(np.int32)
costs = rng.integers(1, 2**22, 5_120_000).astype(float)

def decoding():
    ids = tokenizer.encode_batch([documents[0]] * 50)
    whole = pypack.Ragged(np.tile(ids.values, 80), np.array([0, 80 * len(ids.values)]))
    return lambda: tokenizer.decode_batch(whole)

def on_plan(call):
    many = rng.integers(1, 20_000, 8_000_000).astype(np.int32)
    plan = pypack.pack(many, 2048, strategy="concat")
    return lambda: call(plan, many)

def fields(plan):
    names = ("sequence_length", "strategy", "options", "counts", "lengths_fingerprint")
    return {**plan.arrays(), **{name: getattr(plan, name) for name in names}}

calls = {
    "encode": lambda: lambda: tokenizer.encode_batch(documents),
    "one document": lambda: lambda: tokenizer.encode_batch(["".join(documents)]),
    "one text": lambda: lambda: tokenizer.encode("".join(documents)),
    "offsets": lambda: lambda: tokenizer.encode_batch(documents, return_offsets=True),
    "decode": decoding,
    "verify": lambda: on_plan(lambda plan, lengths: plan.verify(lengths)),
    "verify alone": lambda: on_plan(lambda plan, _: plan.verify()),
    "figures": lambda: on_plan(lambda plan, _: pypack.Plan(**fields(plan)).stats),
    "balance a window": lambda: lambda: pypack.balance(costs, 64, 8, window=10_000),
}
call = calls.get(kind, lambda: lambda: pypack.pack(lengths, 2048, strategy=kind))()
threading.Thread(target=hit, daemon=True).start()
try:
    while True:
        call()
except KeyboardInterrupt:
    print(time.perf_counter() - hit.at)
assert len(tokenizer.encode("the packer")) > 0  # nothing is left half done
assert pypack.pack([3, 4], 8).num_sequences == 1
"""

AT_EXIT = """
import sys, threading, time
import numpy as np
import pypack

kind, path = sys.argv[1:]
tokenizer = pypack.Tokenizer.from_file(path)
lengths = np.random.default_rng(0).integers(1, 2000, 300_000).astype(np.int32)

def work():
    while True:
        if kind == "encode":
            tokenizer.encode_batch(["the packer takes each document " * 100] * 50, num_threads=2)
        else:
            pypack.pack(lengths, 2048)

threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
"""

KINDS = [
    "decode",
    "verify",
    "verify alone",
    "figures",
    "balance a window",
    "encode",
    "one document",
    "one text",
    "offsets",
    "stream",
    "best_fit",
    "decompose",
    "concat",
    "next_fit",
    "first_fit",
]


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_leaves_a_long_call(tokenizer_file: Path, kind: str) -> None:
    code = [sys.executable, "-c", INTERRUPTED, kind, str(tokenizer_file)]
    done = subprocess.run(code, capture_output=True, text=True, timeout=100, check=True)
    assert float(done.stdout) < 0.5


@pytest.mark.parametrize("kind", ["encode", "pack"])
def test_threads_inside_pypack_do_not_abort_the_end_of_the_process(tokenizer_file: Path, kind: str) -> None:
    for _ in range(3):
        code = [sys.executable, "-c", AT_EXIT, kind, str(tokenizer_file)]
        done = subprocess.run(code, capture_output=True, text=True, timeout=100, check=False)
        assert (done.returncode, done.stderr) == (0, "")
