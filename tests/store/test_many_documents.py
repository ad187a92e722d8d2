"""A store of very many documents: it opens at once, and holds nothing of each, nor of what is beside them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from conftest import SCALE

from pypack import Ragged, StoreWriter
from pypack.store.beside import GROUP, MASK, WEIGHT

DOCUMENTS = int(10**6 * min(max(SCALE, 0.1), 10))  # 10^7 under PYPACK_TEST_SCALE=10
_OPENING = """
import json, sys, time
from pypack import TokenStore

def held():  # but for pages of files
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

TokenStore.open(sys.argv[1])
before = held()
stores, seconds = [], []
for _ in range(10):
    began = time.process_time()
    stores.append(TokenStore.open(sys.argv[1]))
    seconds.append(time.process_time() - began)
store, last = stores[-1], len(stores[-1]) - 1
opened = held() - before
learned = store.loss_mask(last).tolist()
weight = store.document_weights.of([last]).tolist()
print(json.dumps([min(seconds), opened, held() - before, learned, weight]))
"""


def test_opening_takes_no_time_and_no_memory_a_document(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    lengths = rng.integers(1, 4, DOCUMENTS)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = int(offsets[-1])
    learned = rng.random(tokens) < 0.5
    weights = rng.random(DOCUMENTS, np.float32)
    with StoreWriter(tmp_path / "s", vocab_size=300, beside=[MASK, GROUP, WEIGHT]) as writer:
        ids = Ragged(rng.integers(0, 300, tokens).astype(np.uint32), offsets)
        writer.append(ids, learned=learned, places=np.zeros(DOCUMENTS, np.int32), weights=weights)
    command = [sys.executable, "-c", _OPENING, str(tmp_path / "s")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seconds, opened, held, mask, weight = json.loads(told)
    assert seconds < 0.02
    assert opened < 1 << 20  # of ten of them
    assert held < 1 << 20  # with what is of one document
    assert mask == learned[offsets[-2] :].tolist()
    assert weight == [float(weights[-1])]
