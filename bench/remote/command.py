r"""How fast batches come from object storage: with all in the cache, and with nothing in it.

    python bench remote

A store of made-up documents, packed in order, lies behind a small server of ranges on this host, with a line
that is limited to 1 and 5 Gbit/s, and without a limit: on loopback server, fetcher and loader share the
processors, which are what limits them. Measured: the server alone, as fast as the same client reads the whole
store by blocks, as many at once as the cache does, and keeps nothing; the same with each block written to a
file, alone and while a local loader in another process makes an epoch; how long the loader, the fetcher and
the server keep a processor busy; a pass with an empty cache and `locality`; passes with a full one beside a
loader over the local files, in turns; and what the first batch takes. Files are written and removed before
each way that writes: what a virtual machine has free its host takes back, and finding it again takes longer
than all else. Checked: the batches are those of the local loader; counted: the bytes that are fetched more
than once, by one loader, and by 4 ranks that are processes of their own and share a cache.

    python bench remote --parts pack

`pypack pack` of a made-up store of 100 million documents behind that server, the whole process: its time and
its memory, with two strategies. Checked by the command itself: it proves each plan.
"""

from __future__ import annotations

from bench.common.arguments import parser
from bench.common.printing import print_table
from bench.common.record import write_results
from bench.remote.loading import LENGTH, measure
from bench.remote.packing import bench_packing
from bench.remote.serving import range_server


def main(arguments: list[str]) -> None:
    """Measures, prints the table and writes the result file."""
    options = parser("remote", __doc__)
    options.add_argument("--parts", nargs="+", choices=("load", "pack"), default=["load"])
    options.add_argument("--documents", type=int, default=100_000_000, help="for pack")
    options.add_argument("--tokens", type=int, default=400_000_000)
    options.add_argument(
        "--lines", type=float, nargs="+", default=[125.0, 625.0, 0.0], metavar="MB/S",
        help="what the server gives at most; 0: no limit",
    )  # fmt: skip
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    args = options.parse_args(arguments)
    if "load" in args.parts:
        rows = [measure(args.tokens, args.repeats, line * 1e6) for line in args.lines]
        print_table(rows, "batches of 8 x 2048 tokens through a cache of remote files")
        if not args.no_results:
            print(write_results("remote", rows))
    if "pack" in args.parts:
        rows = bench_packing(range_server, args.documents, LENGTH, args.repeats)
        print_table(rows, "pypack pack of a store at a URL")
        if not args.no_results:
            print(write_results("remote_pack", rows))
