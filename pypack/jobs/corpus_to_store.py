"""`pypack.tokenize`: the job in one call, with paths and plain options."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pypack._common.words import counted
from pypack.jobs.tokenize import TokenizeOptions
from pypack.jobs.tokenize import tokenize as run
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

_OPTIONS = {field.name for field in dataclasses.fields(TokenizeOptions)}


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
            `where`, `sample`, `limit`, `transform`, ...) and of `pypack.jobs.tokenize.tokenize` (`on_error`,
            `num_threads`, `overwrite`, ...).

    Raises:
        TypeError: there is no such option.
        CorpusError, OutputError, ValueError, OSError: as `pypack.jobs.tokenize.tokenize` has them.
    """
    if not isinstance(tokenizer, Tokenizer):
        tokenizer = Tokenizer.from_file(tokenizer)
    several = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    content = {name: options.pop(name) for name in list(options) if name in _OPTIONS}
    if "keep" in content:
        content["keep"] = (content["keep"],) if isinstance(content["keep"], str) else tuple(content["keep"])
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
