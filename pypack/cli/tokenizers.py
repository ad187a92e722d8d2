"""`--tokenizer`: a file, a folder, or the name of a model whose tokenizer is in the Hub's cache."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pypack.cli.errors import UsageError

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_FILES = (".json", ".model", ".tiktoken")


def load_tokenizer(path: Path, *, eos_token: str | None = None, bos_token: str | None = None) -> Tokenizer:
    """The tokenizer that an option names.

    A name is looked up in the cache of this machine alone: a job does not depend on a network.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    from pypack.tokenizer.tokenizer import Tokenizer

    name = path.as_posix()
    try:
        if not path.exists() and _NAME.fullmatch(name) and path.suffix not in _FILES:
            path = _in_cache(name)
            print(f"tokenizer {name}: {path}", file=sys.stderr, flush=True)
        return Tokenizer.from_file(path, eos_token=eos_token, bos_token=bos_token)
    except (ValueError, IsADirectoryError) as error:
        raise UsageError(str(error)) from error


def _in_cache(name: str) -> Path:
    from pypack.tokenizer.hub import hub_folder

    try:
        return hub_folder(name, None, local_only=True)
    except (FileNotFoundError, ValueError):
        raise UsageError(
            f"{name}: no such file or folder, and the cache of the Hugging Face Hub on this machine has no "
            "tokenizer of a model of that name. Give the path of a tokenizer.json; or fetch it once: "
            "pip install 'pypack-engine[hub]' && python -c "
            f"\"import pypack; pypack.Tokenizer.from_pretrained('{name}')\""
        ) from None
