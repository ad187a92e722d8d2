"""`pypack tokenize`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypack.cli.arguments import count_or_auto, file_path, input_name, names, positive, reject_limit
from pypack.cli.errors import UsageError
from pypack.cli.progress import ProgressBar, duration, rates
from pypack.cli.record_arguments import add_records, record_options
from pypack.jobs.reject_limit import RejectLimit

if TYPE_CHECKING:
    from pypack.jobs.tokenize import TokenizeResult
    from pypack.tokenizer.tokenizer import Tokenizer

SUMMARY = "text files to a token store"

_DESCRIPTION = """\
Tokenizes text and writes a token store: a directory of shards that pypack, Megatron-LM, NeMo and GPT-NeoX
read.

Inputs are files, directories (read recursively, in sorted order), glob patterns in quotes, or - for JSON
lines on standard input. Kinds: .jsonl .ndjson .jsonlines .json (one JSON object a line) and .txt, each also
as .gz or .zst; .parquet; .arrow and .feather. The first bytes of a file decide where its name is wrong about
compression. Directories leave .json files out: name those that are JSON lines; they leave out pipes, sockets
and devices, too: name those, and say with --format what they hold. What is left out is counted (--strict
makes it an error).

The first documents of the inputs are looked at before any work: a wrong --field, a --keep that nobody has,
chat records, UTF-16, a JSON array, an HTML page are told in seconds.

What is malformed is set aside in OUT/rejected.jsonl with its file, line, byte offset and reason, and counted.
The inputs are cut into units, by their sizes alone. Each is made once, by whichever process comes to it: this
one, its --workers, or commands that share the job by --partition. The job may be interrupted at any moment:
the same command goes on from what is finished, with other workers and partitions if you like, and the store
comes out the same byte for byte. Inputs that change meanwhile are an error.
"""
_EPILOG = """\
examples:
  pypack tokenize corpus/ -o corpus.store --tokenizer tokenizer.json
  pypack tokenize "crawl/*.jsonl.zst" -o crawl.store --tokenizer tokenizer.json --field content --keep id,url
  pypack tokenize <(zcat old.gz) -o old.store --tokenizer tokenizer.json --format json_lines
  pypack tokenize crawl/ -o crawl.store --tokenizer tokenizer.json --dry-run
  pypack tokenize crawl/ -o crawl.store --tokenizer tokenizer.json --workers 16
  srun --array=0-63 pypack tokenize crawl/ -o crawl.store --tokenizer tokenizer.json --partition slurm
  zcat old.json.gz | jq -c .docs[] | pypack tokenize - -o old.store --tokenizer tokenizer.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack tokenize`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "inputs", nargs="+", type=input_name, metavar="IN", help="file, directory, glob pattern, or -"
    )
    parser.add_argument(
        "-o", "--output", required=True, type=file_path, metavar="OUT", help="the store to write"
    )
    parser.add_argument(
        "--tokenizer",
        required=True,
        type=file_path,
        metavar="FILE",
        help="tokenizer.json, or a folder with one",
    )

    _add_reading(parser.add_argument_group("what is read"))
    _add_tokens(parser.add_argument_group("how it is tokenized"))
    add_records(parser.add_argument_group("records that become texts (chats, prompts, metadata)"))
    _add_running(parser.add_argument_group("how it runs"))


def _add_reading(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--field", default="text", metavar="NAME",
        help="the field or column that holds the text; a dotted path for nested ones (default: text)",
    )  # fmt: skip
    group.add_argument(
        "--keep", type=names, default=(), metavar="NAME,...",
        help="fields kept beside the tokens, as a parquet file for each shard; also names of folders such as "
        "lang=en/",
    )  # fmt: skip
    group.add_argument(
        "--format", choices=("json_lines", "text", "parquet", "arrow"),
        help="what the files named as IN hold, pipes, /dev/stdin and - among them (default: by their names; "
        "- holds JSON lines)",
    )  # fmt: skip
    group.add_argument(
        "--txt-per-line", action="store_true", help="text files hold one document a line, not one a file"
    )
    group.add_argument(
        "--max-document-bytes", type=positive, default=1 << 28, metavar="N",
        help="longer lines, text files and rows (with what is kept of them) are rejected (default: 256M)",
    )  # fmt: skip
    group.add_argument(
        "--on-error", choices=("reject", "stop"), default="reject",
        help="what is malformed: set it aside and go on, or stop there (default: reject)",
    )  # fmt: skip
    group.add_argument(
        "--max-rejects", type=reject_limit, default=RejectLimit("1%"), metavar="N",
        help="stop once more documents than this were rejected: a number, or a percentage (of at least "
        "10,000 records); exit status 1 if all in all there were more, or any whole file (default: 1%%)",
    )  # fmt: skip
    group.add_argument(
        "--strict", action="store_true", help="what a folder holds and would not be read is an error"
    )
    group.add_argument(
        "--preflight", action=argparse.BooleanOptionalAction, default=True,
        help="look at the first documents of the inputs before any work (default: yes)",
    )  # fmt: skip


def _add_tokens(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--append-eos", action=argparse.BooleanOptionalAction, default=None,
        help="end every document with the end-of-document token (default: if the tokenizer has one)",
    )  # fmt: skip
    group.add_argument(
        "--prepend-bos", action="store_true", help="begin every document with the begin-of-document token"
    )
    group.add_argument(
        "--add-special-tokens", action="store_true",
        help="put around every document what the tokenizer's own template does ([CLS], <s>, </s> ...)",
    )  # fmt: skip
    group.add_argument("--bos-token", metavar="TOKEN", help="which token that is, if pypack cannot tell")
    group.add_argument("--eos-token", metavar="TOKEN", help="which token that is, if pypack cannot tell")
    group.add_argument(
        "--split-special-tokens", action="store_true",
        help="text that looks like a special token is plain text (default: it becomes that token)",
    )  # fmt: skip


def _add_running(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--workers", type=count_or_auto, default=None, metavar="N",
        help="processes that work on units of the inputs; 1: this one alone; auto: as many as cores, where "
        "there are more than two and more than one unit (default: auto)",
    )  # fmt: skip
    group.add_argument(
        "--threads", type=positive, metavar="N",
        help="threads that encode, in each worker (default: all cores, with several workers one each)",
    )  # fmt: skip
    group.add_argument(
        "--partition", metavar="I/N",
        help="work on every N-th unit alone, beginning with number I from 0 on: N such commands, anywhere, "
        "make one store; slurm: I and N are those of this task of a Slurm array",
    )  # fmt: skip
    group.add_argument(
        "--memory-limit", type=positive, metavar="BYTES",
        help="a worker that has more memory finishes its unit in smaller batches and is replaced",
    )  # fmt: skip
    group.add_argument(
        "--unit-bytes", type=positive, default=1 << 30, metavar="N",
        help="how the inputs are cut into units, each of which begins a shard: files are gathered to so many "
        "bytes, larger ones of plain lines cut; compressed bytes count four times (default: 1G)",
    )  # fmt: skip
    group.add_argument(
        "--shard-tokens",
        type=positive,
        default=1 << 28,
        metavar="N",
        help="tokens in a shard (default: 256M)",
    )
    group.add_argument(
        "--overwrite", action="store_true", help="start over, replacing what OUT holds of pypack's"
    )
    group.add_argument(
        "--retry-rejected", action="store_true",
        help="OUT is finished, and files of which something was refused are mended: read that again, and put "
        "it behind the documents that are there, whose numbers stay; IN may be the mended files alone",
    )  # fmt: skip
    group.add_argument(
        "--dry-run", action="store_true",
        help="write nothing: read a sample, and predict documents, tokens, disk space and time",
    )  # fmt: skip
    group.add_argument("--json", action="store_true", help="print the result as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Runs the job; returns the exit status."""
    from pypack.jobs.partition import Partition, PartitionError
    from pypack.jobs.tokenize import TokenizeOptions, tokenize

    tokenizer = _load_tokenizer(args.tokenizer, args.eos_token, args.bos_token)
    options = TokenizeOptions(
        field=args.field,
        keep=args.keep,
        txt_per_line=args.txt_per_line,
        max_document_bytes=args.max_document_bytes,
        append_eos=args.append_eos,
        prepend_bos=args.prepend_bos,
        add_special_tokens=args.add_special_tokens,
        split_special_tokens=args.split_special_tokens,
        shard_tokens=args.shard_tokens,
        unit_bytes=args.unit_bytes,
        records=record_options(args),
    )
    if args.retry_rejected and (args.overwrite or args.dry_run):
        raise UsageError("--retry-rejected adds to a store: --overwrite and --dry-run do not go with it")
    if args.dry_run:
        from pypack.cli.dry_run import run_dry

        return run_dry(args, tokenizer, options)
    try:
        partition = None if args.partition is None else Partition.parse(args.partition)
    except PartitionError as error:
        raise UsageError(f"--{error}") from error
    with ProgressBar() as bar:
        try:
            result = tokenize(
                args.inputs,
                args.output,
                tokenizer,
                options,
                on_error=args.on_error,
                format=args.format,
                num_threads=args.threads,
                num_workers=args.workers,
                partition=partition,
                memory_limit=args.memory_limit,
                overwrite=args.overwrite,
                retry_rejected=args.retry_rejected,
                strict=args.strict,
                preflight=args.preflight,
                max_rejects=args.max_rejects.text,
                on_progress=bar.update,
                on_message=bar.say,
            )
        except KeyboardInterrupt:
            beside = args.overwrite and (args.output / "store.json").exists()  # the store that is replaced
            again = "the same command without --overwrite" if args.overwrite else "the same command"
            again = "the same command" if beside else again
            message = f"interrupted; {again} goes on from the last finished shard in {args.output}"
            bar.say(f"pypack tokenize: {message}")
            if args.json:
                print(json.dumps({"error": message, "exit_status": 130}))
            return 130
    fault = _units_failed(result) or _too_many_rejects(result, args.max_rejects)
    if args.json:
        print(json.dumps(_as_dict(result) | {"error": fault, "exit_status": 1 if fault else 0}))
    else:
        _print_result(result)
    if fault:
        print(f"pypack tokenize: {fault}", file=sys.stderr)
    return 1 if fault else 0


def _load_tokenizer(path: Path, eos_token: str | None, bos_token: str | None) -> Tokenizer:
    from pypack.tokenizer.tokenizer import Tokenizer

    try:
        return Tokenizer.from_file(path, eos_token=eos_token, bos_token=bos_token)
    except (ValueError, IsADirectoryError) as error:
        raise UsageError(str(error)) from error


def _units_failed(result: TokenizeResult) -> str | None:
    if not result.failed_units:
        return None
    return (
        f"units {result.failed_units} could not be made: the workers die of them, and of none of their files "
        "alone; run again, with --workers 1 to see more"
    )


def _too_many_rejects(result: TokenizeResult, limit: RejectLimit) -> str | None:
    if not result.is_finished:
        return None  # which units are done by now is luck: who finishes the store looks at all of them
    log = result.output / "rejected.jsonl"
    if result.rejected_files:
        return f"{result.rejected_files} of the inputs could not be read to the end; see {log}"
    if not limit.allows(result.rejected, result.documents):
        from pypack.jobs.reject_limit import commonest

        return (
            f"{result.rejected:,} documents were rejected, more than --max-rejects {limit}: "
            f"{commonest(result.rejected_by_kind, log)}"
        )
    return None


def _as_dict(result: TokenizeResult) -> dict[str, Any]:
    return asdict(result) | {"output": str(result.output)}


def _print_result(result: TokenizeResult) -> None:
    progress = result.progress
    print(
        f"{result.output}: {result.documents:,} documents, {result.tokens:,} tokens in {result.shards} shards"
    )
    if not result.is_finished:
        print(
            f"  not finished: units {result.missing_units} of {result.units:,} are missing; who makes the "
            "last of them finishes the store"
        )
    if result.dead_workers:
        print(f"  workers that died and were replaced: {result.dead_workers:,}")
    if result.replaced_workers:
        print(f"  workers that passed --memory-limit and were replaced: {result.replaced_workers:,}")
    if result.resumed_documents:
        print(f"  of them {result.resumed_documents:,} documents were finished by an earlier run")
    print(f"  this run: {duration(progress.seconds)}, {rates(progress)} (engine: {result.engine})")
    if progress.blank_lines:
        print(f"  blank lines passed over: {progress.blank_lines:,}")
    if result.rejected:
        kinds = ", ".join(f"{kind} {number:,}" for kind, number in sorted(result.rejected_by_kind.items()))
        listed = f", listed in {result.output / 'rejected.jsonl'}" if result.is_finished else " so far"
        print(f"  rejected: {result.rejected:,} ({kinds}){listed}")
