"""Other loaders on the tokens of a store, each in a process, and where need be an environment, of its own.

    python bench/peers/loaders PEER FLAT.bin LENGTHS.npy WORK --row-length 2048 --rows 8 --tokens 24000000

FLAT.bin holds the documents end to end, uint16, each ended by EOS and free of it elsewhere; LENGTHS.npy their
lengths. What a peer reads is written to WORK once, and used again. The last line of standard
output is one JSON object: tokens a second of each repeat, how many tokens were compared with the store's
before (all of the first steps), and the version. Batches are torch tensors, int64 ids [rows, row
length] at least; one process, num_workers=0. Imports nothing of pypack.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import torch

from bench.peers.loaders.corpus import Corpus, Peer
from bench.peers.loaders.flat_memmap import torch_flat
from bench.peers.loaders.grain_records import grain_array_record, grain_bagz
from bench.peers.loaders.hf_datasets import huggingface_datasets
from bench.peers.loaders.litdata_tokens import litdata
from bench.peers.loaders.megatron_gpt import megatron
from bench.peers.loaders.mosaic_streaming import streaming
from bench.peers.loaders.olmo_chunks import olmo_core

PEERS: dict[str, Callable[[Corpus], Peer]] = {
    "torch": torch_flat,
    "litdata": litdata,
    "grain_bagz": grain_bagz,
    "grain_array_record": grain_array_record,
    "datasets": huggingface_datasets,
    "megatron": lambda corpus: megatron(corpus, False),
    "megatron_resets": lambda corpus: megatron(corpus, True),
    "olmo_core": lambda corpus: olmo_core(corpus, False),
    "olmo_core_doc_lens": lambda corpus: olmo_core(corpus, True),
    "streaming": streaming,
}


def arguments_of(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python bench/peers/loaders")
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("flat", type=Path)
    parser.add_argument("lengths", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--row-length", type=int, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True, help="tokens of a timed run, at most")
    parser.add_argument("--seconds", type=float, default=2.0, help="after which a timed run ends")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--checked-steps", type=int, default=200)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    """Checks the first batches of a peer, times its passes, and prints what came out."""
    args = arguments_of(arguments)
    torch.set_num_threads(1)
    corpus = Corpus(args.flat, args.lengths, args.work, args.row_length, args.rows)
    batches, check, distribution = PEERS[args.peer](corpus)
    steps = min(args.tokens // (args.rows * args.row_length), len(corpus.chunks) // args.rows - 1)
    checked = 0
    for batch, _ in zip(batches(), range(min(steps, args.checked_steps)), strict=False):
        check(batch)
        checked += 1
    assert checked == min(steps, args.checked_steps)
    rates = []
    for _ in range(args.repeats):
        passed = batches()
        next(passed)  # its start is not what is measured
        begin, done = time.perf_counter(), 0
        while done < steps - 1 and time.perf_counter() - begin < args.seconds:
            next(passed)
            done += 1
        rates.append(done * args.rows * args.row_length / (time.perf_counter() - begin))
        del passed
    print(
        json.dumps(
            {
                "tokens/s": rates,
                "checked tokens": checked * args.rows * args.row_length,
                "version": f"{distribution} {metadata.version(distribution)}",
            }
        )
    )
