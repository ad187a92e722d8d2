"""Other loaders on the same tokens, each in a process of its own (bench/peers/loaders)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.load.bare_loop import flat_file
from bench.load.corpus import ROWS
from pypack import TokenStore

_PROGRAM = Path(__file__).parents[1] / "peers" / "loaders"

# Peer: what it gives, and the environment that it needs if this one lacks it
# (bench/peers/requirements/load_<name>.txt).
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
        str(_PROGRAM),
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


def bench_peers(
    store: TokenStore,
    work: Path,
    row_length: int,
    memory: list[dict[str, Any]],
    peers: list[str],
    options: dict[str, Any],
) -> list[dict[str, Any]]:
    """A row for every peer: its fastest run, and how many times as fast pypack is by `memory`'s rows."""
    size = f"{ROWS} x {row_length}"
    mine = {row["way"]: row["tokens/s"] for row in memory if row["rows x tokens"] == size}
    rows: list[dict[str, Any]] = []
    for peer in peers:
        title = PEERS[peer][0]
        result = run_peer(peer, store, work / "peers", row_length, ROWS, options)
        if "skipped" in result:
            print(f"{title}: skipped: {result['skipped']}")
            rows.append({"rows x tokens": size, "way": title, "skipped": result["skipped"]})
            continue
        speed = max(result["tokens/s"])
        rows.append(
            {
                "rows x tokens": size,
                "way": title,
                "tokens/s": speed,
                "four arrays of pypack / it": mine["pypack, four arrays"] / speed,
                "ids of pypack / it": mine["pypack, ids"] / speed,
                "checked tokens": result["checked tokens"],
                "version": result["version"],
            }
        )
    return rows
