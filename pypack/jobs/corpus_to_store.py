"""`pypack.tokenize`: the job in one call, with paths and plain options."""

from __future__ import annotations

import dataclasses
import inspect
import os
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pypack._common.unknown_options import refuse_unknown
from pypack._common.words import counted
from pypack.jobs.record_options import RecordOptions
from pypack.jobs.tokenize import TokenizeOptions
from pypack.jobs.tokenize import tokenize as run
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

_OPTIONS = {field.name for field in dataclasses.fields(TokenizeOptions)}
_OF_RECORDS = {field.name for field in dataclasses.fields(RecordOptions)}
_OF_JOB = {name for name, one in inspect.signature(run).parameters.items() if one.kind is one.KEYWORD_ONLY}
_WORKERS = "say num_workers=, processes; or num_threads=, threads that encode"
_FIELD = "say field=, the field of the text, or a list of several"
_LENGTH = "a store keeps documents whole; packing cuts them: Source.select(store, sequence_length=...)"
_ELSEWHERE = {
    "num_proc": _WORKERS,
    "workers": _WORKERS,
    "threads": "say num_threads=, or num_workers= for processes",
    "text_column": _FIELD,
    "text_field": _FIELD,
    "dataset_text_field": _FIELD,
    "column": _FIELD,
    "json_keys": _FIELD,
    "remove_columns": "columns are left out unless keep= names them",
    "add_eos": "say append_eos=",
    "append_eod": "say append_eos=",
    "eos": "say append_eos=",
    "add_bos": "say prepend_bos=",
    "bos": "say prepend_bos=",
    "batch_size": "say batch_bytes=, bytes of text encoded at once",
    "max_length": _LENGTH,
    "truncation": _LENGTH,
    "sequence_length": _LENGTH,
    "filter": "say where=, an expression over columns, or transform=",
    "prompt": "say prompt_field=",
    "completion": "say completion_fields=",
    "completions": "say completion_fields=",
    "weight": "say weight_field=",
    "dry_run": "that is the command's: pypack tokenize --dry-run",
    "cache": "a cache is of who reads: TokenStore.open(url, cache=...)",
}


def tokenize(
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    tokenizer: Tokenizer | str | os.PathLike[str],
    **options: Any,
) -> TokenStore:
    """Tokenizes a corpus into a store, and opens it; what `pypack tokenize` does.

    Killed at any moment, the same call goes on from the finished shards, and ends with the same bytes.

    Args:
        inputs: files, directories, glob patterns, or URLs of such; one or several.
        output: the store to write, a path or a URL.
        tokenizer: a `Tokenizer`, or the path of one (see `Tokenizer.from_file`).
        **options: of `pypack.jobs.tokenize.TokenizeOptions` (`field`, `keep`, `append_eos`, `shard_tokens`,
            `where`, `sample`, `limit`, `transform`, ...), of `pypack.jobs.tokenize.RecordOptions`
            (`messages`, `chat_template`, `learn`, `prompt_field`, `completion_fields`, `template`, ...) and
            of `pypack.jobs.tokenize.tokenize` (`on_error`, `num_threads`, `overwrite`, ...).

    Raises:
        TypeError: there is no such option; the message says which was probably meant.
        CorpusError, OutputError, ValueError, OSError: as `pypack.jobs.tokenize.tokenize` has them.
    """
    known = _OPTIONS | _OF_RECORDS | _OF_JOB
    refuse_unknown("tokenize", [name for name in options if name not in known], known, _ELSEWHERE)
    if not isinstance(tokenizer, Tokenizer):
        tokenizer = Tokenizer.from_file(tokenizer)
    several = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    content = _taken(options, _OPTIONS)
    if of_records := _taken(options, _OF_RECORDS):
        if "records" in content:
            raise TypeError(f"tokenize takes records= or {', '.join(of_records)}, not both")
        content["records"] = RecordOptions(**_as_tuple(of_records, "completion_fields"))
    _as_tuple(content, "keep")
    result = run(several, output, tokenizer, TokenizeOptions(**content), **options)
    if result.rejected:
        kinds = ", ".join(f"{count} {kind}" for kind, count in result.rejected_by_kind.items())
        warnings.warn(
            f"{counted(result.rejected, 'document or file was', 'documents or files were')} rejected "
            f"({kinds}): see "
            f"{result.output}/rejected.jsonl",
            stacklevel=2,
        )
    return TokenStore.open(result.output if isinstance(result.output, Path) else str(result.output))


def _as_tuple(options: dict[str, Any], name: str) -> dict[str, Any]:
    """The options, with several names where one may be given alone."""
    if name in options:
        value = options[name]
        options[name] = (value,) if isinstance(value, str) else tuple(value)
    return options


def _taken(options: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Those of the options that have certain names, taken out of them."""
    return {name: options.pop(name) for name in list(options) if name in names}
