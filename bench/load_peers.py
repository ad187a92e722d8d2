"""Other loaders on the same tokens, for bench_load.py: each in a process of its own (peers/loaders.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from bare_loop import flat_file

from pypack import TokenStore

_SCRIPT = Path(__file__).parent / "peers" / "loaders.py"

# Peer: what it gives, and the environment (bench/peers/load_<name>.txt) that it needs if this one lacks it.
PEERS = {
    "torch": ("torch DataLoader, flat memmap: ids", None),
    "litdata": ("LitData: ids", "litdata"),
    "grain_bagz": ("Grain over bagz: ids", "bagz"),
    "grain_array_record": ("Grain over ArrayRecord: ids", None),
    "datasets": ("Hugging Face datasets: ids", None),
    "megatron": ("Megatron-Core GPTDataset: ids, labels, positions, loss mask", None),
    "megatron_resets": ("Megatron-Core GPTDataset, position resets and EOD loss mask", None),
    "olmo_core": ("OLMo-core: ids", "olmo_core"),
    "olmo_core_doc_lens": ("OLMo-core: ids, doc_lens", "olmo_core"),
    "streaming": ("MosaicML Streaming: ids", "streaming"),
}


def interpreter(environment: str | None) -> str:
    """The Python of a peer's own environment, $PYPACK_PEERS/<name>, where it exists; else this one."""
    folder = os.environ.get("PYPACK_PEERS")
    if environment is not None and folder is not None:
        python = Path(folder) / environment / "bin" / "python"
        if python.is_file():
            return str(python)
    return sys.executable


def run_peer(
    peer: str, store: TokenStore, work: Path, row_length: int, rows: int, options: dict[str, Any]
) -> dict[str, Any]:
    """What the peer's process printed; or {"skipped": the reason}."""
    work.mkdir(parents=True, exist_ok=True)
    lengths = work / "lengths.npy"
    np.save(lengths, store.lengths)
    command = [
        interpreter(PEERS[peer][1]),
        str(_SCRIPT),
        peer,
        str(flat_file(store)),
        str(lengths),
        str(work),
    ]
    command += ["--row-length", str(row_length), "--rows", str(rows)]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=work)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        if "AssertionError" in lines[-1]:
            raise AssertionError(f"{peer}: its tokens are not the store's\n{done.stderr}")
        return {"skipped": lines[-1]}
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result
