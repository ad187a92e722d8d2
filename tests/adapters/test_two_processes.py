"""Trainers in two real processes over gloo, killed and resumed: every batch comes once, on its rank."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures.frameworks import require
from fixtures.packed_documents import make_documents

import pypack
from pypack import Loader, Ragged, StoreWriter, TokenStore

require("torch")

PROGRAM = Path(__file__).parents[1] / "fixtures" / "two_process_training.py"
SECONDS = 240  # on a busy machine
NEEDS = {
    "trainer": ("transformers", "accelerate", "datasets"),
    "sft": ("transformers", "accelerate", "datasets", "trl"),
    "lightning": ("lightning", "transformers"),
    "accelerate": ("accelerate", "transformers"),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus")
    lengths = np.random.default_rng(2).integers(2, 17, 40).tolist()
    with StoreWriter(path / "a.store", vocab_size=97) as writer:
        writer.append(Ragged.from_rows(make_documents(lengths)))
    store = TokenStore.open(path / "a.store")
    pypack.pack(store.lengths, 16, overflow="error").save(path / "a.plan")
    return path / "a.store", path / "a.plan"


def run(kind, corpus, folder, steps, dies_after):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = [kind, *corpus, folder, steps, dies_after]
    done = subprocess.run(
        [*launcher, str(PROGRAM), *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode == 0) == (dies_after == 0), done.stderr[-4000:]
    found = []
    for rank in range(2):
        file = folder / f"rank{rank}.jsonl"
        found.append([json.loads(line) for line in file.read_text().splitlines()])
        file.unlink()
    return found


def expected_batches(kind, corpus, steps):
    """The tokens of the batches of each of two ranks."""
    options = {"seed": 3, "layout": "varlen"}
    if kind in ("trainer", "sft"):  # accelerate deals the steps of one loader
        loader = Loader(*corpus, batch_sequences=2, **options)
        rows = loader.steps_per_epoch - loader.steps_per_epoch % 2
        assert 2 * steps > rows  # more than an epoch of the trainer
        return [[loader.batch_at(2 * k + rank).input_ids.tolist() for k in range(steps)] for rank in range(2)]
    loaders = [Loader(*corpus, batch_sequences=4, rank=rank, world_size=2, **options) for rank in range(2)]
    assert steps > loaders[0].steps_per_epoch
    return [[loader.batch_at(k).input_ids.tolist() for k in range(steps)] for loader in loaders]


@pytest.mark.parametrize("kind", NEEDS)
def test_killed_and_resumed(corpus, tmp_path, kind):
    require(*NEEDS[kind])
    steps, died = 10, 7
    expected = expected_batches(kind, corpus, steps)
    killed = run(kind, corpus, tmp_path, steps, died)
    assert killed == [rank[:died] for rank in expected]
    resumed = run(kind, corpus, tmp_path, steps, 0)
    saved = died - 1  # the last checkpoint was after an even number of steps
    assert resumed == [rank[saved:] for rank in expected]
