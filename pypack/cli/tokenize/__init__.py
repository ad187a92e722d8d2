"""`pypack tokenize`: its options are in the modules beside this one, a subject each."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypack.cli.arguments import file_path, input_name, place
from pypack.cli.errors import UsageError
from pypack.cli.progress import ProgressBar
from pypack.cli.stopping import stop_status, stop_word
from pypack.cli.subject import add_subjects, values_of
from pypack.cli.tokenize import choosing, reading, records, result, running, special_tokens, writing
from pypack.cli.tokenize.watching import Watcher
from pypack.cli.tokenizers import load_tokenizer
from pypack.remote.url import Url, is_url

if TYPE_CHECKING:
    from pypack.jobs.tokenize import TokenizeOptions

SUMMARY = "text files to a token store"

_DESCRIPTION = """\
Tokenizes text and writes a token store: a directory of shards that pypack, Megatron-LM, NeMo and GPT-NeoX
read.

Inputs are files, directories (read recursively, in sorted order), glob patterns in quotes, URLs of such
(s3:// gs:// az:// hf:// https:// and what fsspec knows), or - for JSON lines on standard input. Kinds:
.jsonl .ndjson .jsonlines .json (one JSON object a line, or one array), .txt, .md, .html, .csv, .tsv, .tar
(webdataset), .warc and .wet, each also as .gz .zst .bz2 .xz .lz4; .parquet; .arrow and .feather. The first
bytes of a file decide where its name is wrong. Directories leave .json files out: name those that hold texts;
they leave out pipes, sockets and devices, too: name those, and say with --format what they hold. What is left
out is counted (--strict makes it an error).

The first documents of the inputs are looked at before any work: a wrong --field, a --keep that nobody has,
chat records, UTF-16, an HTML page are told in seconds.

What is malformed is set aside in OUT/rejected.jsonl with its file, line, byte offset and reason, and counted.
The inputs are cut into units, by their sizes alone. Each is made once, by whichever process comes to it: this
one, its --workers, or commands that share the job by --partition. The job may be interrupted at any moment:
the same command goes on from what is finished, with other workers and partitions if you like, and the store
comes out the same byte for byte. Inputs that change meanwhile are an error. --append puts new inputs behind
those of a finished store; plans for it stay right.
"""
_EPILOG = """\
examples:
  pypack tokenize corpus/ -o corpus.store --tokenizer tokenizer.json
  pypack tokenize "crawl/*.jsonl.zst" -o crawl.store --tokenizer tokenizer.json --field content --keep id,url
  pypack tokenize <(zcat old.gz) -o old.store --tokenizer tokenizer.json --format json_lines
  pypack tokenize crawl/ -o crawl.store --tokenizer tokenizer.json --dry-run
  pypack tokenize crawl/ -o en.store --tokenizer tokenizer.json --where "lang == 'en'" --limit 100_000
  pypack tokenize crawl/ -o crawl.store --tokenizer tokenizer.json --workers 16
  srun --array=0-63 pypack tokenize crawl/ -o crawl.store --tokenizer tokenizer.json --partition slurm
  pypack tokenize crawl/ -o crawl.store --tokenizer tokenizer.json --append
  pypack tokenize "s3://lake/crawl/**/*.jsonl.zst" -o s3://lake/crawl.store --tokenizer tokenizer.json
  zcat old.json.gz | jq -c .docs[] | pypack tokenize - -o old.store --tokenizer tokenizer.json
"""

# Their values are the fields of `TokenizeOptions`, and arguments of `pypack.jobs.tokenize.tokenize`.
SUBJECTS = (
    reading.SUBJECT,
    choosing.SUBJECT,
    special_tokens.SUBJECT,
    records.SUBJECT,
    writing.SUBJECT,
    running.SUBJECT,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack tokenize`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "inputs",
        nargs="+",
        type=input_name,
        metavar="IN",
        help="file, directory, glob pattern, URL, or -",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=place,
        metavar="OUT",
        help="the store to write, a folder or URL",
    )
    parser.add_argument(
        "--tokenizer", required=True, type=file_path, metavar="FILE",
        help="tokenizer.json, a folder with one, or the name of a model in the Hub's cache",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    add_subjects(parser, SUBJECTS)


def run(args: argparse.Namespace) -> int:
    """Runs the job; returns the exit status."""
    from pypack.jobs.tokenize import tokenize

    if args.retry_rejected and (args.overwrite or args.dry_run):
        raise UsageError("--retry-rejected adds to a store: --overwrite and --dry-run do not go with it")
    if args.append and (args.overwrite or args.retry_rejected):
        raise UsageError(
            "--append adds new inputs to a store: --overwrite and --retry-rejected do not go with it"
        )
    tokenizer = load_tokenizer(args.tokenizer, eos_token=args.eos_token, bos_token=args.bos_token)
    options, work = _split(values_of(args, SUBJECTS))
    if args.dry_run:
        from pypack.cli.tokenize.dry_run import run_dry

        return run_dry(args, tokenizer, options, work)
    with ProgressBar(quiet=args.quiet) as bar:
        watcher = Watcher(args, bar)
        try:
            done = tokenize(
                args.inputs, args.output, tokenizer, options, **work,
                on_progress=watcher.progress, on_message=watcher.message, on_event=watcher.event,
            )  # fmt: skip
        except KeyboardInterrupt as error:
            return _stopped(args, bar, error)
    return result.tell(done, args)


def check(args: argparse.Namespace) -> None:
    """Raises UsageError for a log of events that lies among the inputs, or in the store."""
    if args.log_json is None:
        return
    log = args.log_json.resolve()
    folders = [Path(name) for name in (*args.inputs, args.output) if name != "-" and not is_url(name)]
    for folder in folders:
        if log.is_relative_to(folder.resolve()):
            raise UsageError(
                f"--log-json {args.log_json}: lies in {folder}, where it would be read or replaced: choose "
                "another place"
            )


def _split(values: dict[str, Any]) -> tuple[TokenizeOptions, dict[str, Any]]:
    """What the store depends on, and how the job is done."""
    from pypack.jobs.tokenize import TokenizeOptions

    names = {one.name for one in fields(TokenizeOptions)}
    options = TokenizeOptions(**{name: value for name, value in values.items() if name in names})
    return options, {name: value for name, value in values.items() if name not in names}


def _is_finished(output: Path | Url) -> bool:
    from pypack.jobs.open_place import place_at
    from pypack.store.format import STORE_FILE

    try:
        return place_at(output).exists(STORE_FILE)
    except OSError:  # the service does not answer
        return False


def _stopped(args: argparse.Namespace, bar: ProgressBar, error: KeyboardInterrupt) -> int:
    # The store that is replaced.
    beside = args.overwrite and _is_finished(args.output)
    again = "the same command without --overwrite" if args.overwrite else "the same command"
    again = "the same command" if beside else again
    message = f"{stop_word(error)}; {again} goes on from the last finished shard in {args.output}"
    status = stop_status(error)
    bar.say(f"pypack tokenize: {message}", always=True)
    if args.json:
        print(json.dumps({"error": message, "exit_status": status}))
    return status
