r"""The whole way from JSON lines to token ids on disk.

    pip install -r bench/peers/requirements/job.txt
    python bench job $PYPACK_SHARED/data/corpus/[cemi]*.zst \
        --tokenizer $PYPACK_SHARED/data/tokenizers/gpt2.json

engines: what `pypack tokenize` adds to the time that its tokenizer needs for the same documents, and its
  memory, with either engine. Each run is a process of its own. "tokenizer alone" encodes the same documents,
  already read into memory, in batches as the job does; "the job" reads, decompresses, encodes and writes the
  store. Checked first: the store holds exactly the ids that the tokenizer gives.
peers: the same job by other programs (bench/peers/jobs): `datasets.map` with the `tokenizers` library,
  Megatron's IndexedDatasetBuilder with it or with gigatoken, and datatrove. Uncompressed JSON lines of the
  corpora, each way a whole process from start to exit, in turns; medians. Checked first: all have written the
  same ids in the same documents. "start" is the same process on a single document, part of the whole; the
  memory is the most that it and its children have at once, in a run that is not timed. pypack also gets
  `--copies` of the corpora, since it is done with one in a second; what has been seen before is encoded
  faster, so that is a row of its own. `--before PYTHON` times an older pypack in the same turns.
workers: the job on `--copies` with 1 to 4 workers of one encoding thread each: processor time of the
  workers a GB of JSON, of their parent, and the memory of the largest. Checked first: the stores are one.
merge: `pypack merge` of a made-up job of 100,000 shards.
ray: the job in `--units` units of `--unit-megabytes` each (copies of the corpora), by tasks of Ray on this
  machine and by as many worker processes, in turns, connecting included.

The first two take about five minutes on two cores, workers on 48 copies (2 GB) two more.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.common.arguments import parser
from bench.common.printing import print_table
from bench.common.record import write_results
from bench.job.engines import bench_engines
from bench.job.merging import bench_merging
from bench.job.on_ray import bench_ray
from bench.job.ways import WAYS, Job
from bench.job.whole import bench_whole
from bench.job.workers import bench_workers
from pypack import Tokenizer

PEERS = ("tokenizers", "datasets", "megatron-core", "pyarrow", "gigatoken", "datatrove")
PARTS = ("engines", "peers", "workers", "merge", "ray")


def main(arguments: list[str]) -> None:
    """Measures the parts asked for, prints their tables and writes their result files."""
    options = parser("job", __doc__)
    options.add_argument("inputs", nargs="+", type=Path, help="JSON lines, .zst or plain")
    options.add_argument("--tokenizer", required=True, type=Path)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS[:2]))
    options.add_argument("--peers", nargs="+", choices=list(WAYS)[2:], default=list(WAYS)[2:])
    options.add_argument("--before", type=Path, help="the Python of an older pypack, timed too")
    options.add_argument("--copies", type=int, default=4, help="of the corpora in pypack's second row")
    options.add_argument("--units", type=int, default=200, help="for ray")
    options.add_argument("--unit-megabytes", type=float, nargs="+", default=[8, 32], help="for ray: of JSON")
    options.add_argument("--megabytes", type=float, help="for peers: only the first of the corpora")
    options.add_argument("--result", default="job_peers", help="for peers: the name of the result file")
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    args = options.parse_args(arguments)
    title = f"{args.tokenizer.name}, {args.threads} threads"
    if "engines" in args.parts:
        inputs = list(map(str, args.inputs))
        rows = bench_engines(inputs, str(args.tokenizer), args.threads, args.repeats)
        print_table(rows, title)
        if not args.no_results:
            print(write_results("job", rows, "tokenizers"))
    if "merge" in args.parts:
        rows = bench_merging(100_000, args.repeats)
        print_table(rows, "pypack merge")
        if not args.no_results:
            print(write_results("job_merge", rows))
    if {"peers", "workers", "ray"} & set(args.parts):
        tokenizer = Tokenizer.from_file(args.tokenizer)
        eos_id = tokenizer.eos_id
        if eos_id is None:
            options.error(f"{args.tokenizer} has no end-of-document token, which every way appends")
        eos_token = tokenizer.id_to_token(eos_id)
        assert eos_token is not None
        job = Job(args.tokenizer, eos_id, eos_token, args.threads, args.before)
    if "workers" in args.parts:
        with tempfile.TemporaryDirectory() as work:
            rows = bench_workers(args.inputs, job, Path(work), (1, 2, 3, 4), args.copies, args.repeats)
        print_table(rows, f"{args.tokenizer.name}, workers of one thread")
        if not args.no_results:
            print(write_results("job_workers", rows))
    if "ray" in args.parts:
        with tempfile.TemporaryDirectory() as work:
            sizes = (args.units, args.unit_megabytes, args.repeats)
            rows = bench_ray(args.inputs, job, Path(work), *sizes)
        print_table(rows, f"{args.tokenizer.name}, {args.threads} workers, on Ray and without")
        if not args.no_results:
            print(write_results("job_ray", rows, "ray"))
    if "peers" in args.parts:
        most_bytes = None if args.megabytes is None else int(args.megabytes * 1e6)
        with tempfile.TemporaryDirectory() as work:
            case = (args.inputs, job, Path(work), args.peers, args.copies, args.repeats, most_bytes)
            rows = bench_whole(*case)
        print_table(rows, f"{title}, whole processes")
        if not args.no_results:
            print(write_results(args.result, rows, *PEERS))
