"""tiktoken's own encodings, by name or as objects."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any, cast

from pypack._core import read_tiktoken


@dataclass(frozen=True)
class TiktokenEncoding:
    """What a `tiktoken.Encoding` consists of.

    Attributes:
        ranks: token → rank.
        pattern: the regex that cuts text into words (`pat_str`).
        special_tokens: special token → id.
        name: for messages.
    """

    ranks: dict[bytes, int]
    pattern: str
    special_tokens: dict[str, int]
    name: str


def encoding_of(source: Any) -> TiktokenEncoding | None:
    """The encoding that a `tiktoken.Encoding` is, or that a name of tiktoken's stands for; None for a path.

    A name is looked for in tiktoken and in its plugins, which load the vocabulary from their own cache or
    from the network.

    Raises:
        ValueError: the text is neither a path nor a name of tiktoken's.
        ImportError: it seems to be a name, and tiktoken is not installed.
    """
    if hasattr(source, "_mergeable_ranks") and hasattr(source, "_pat_str"):
        special = {content: token_id for token_id, content in _by_id(source._special_tokens).items()}
        return TiktokenEncoding(
            source._mergeable_ranks, source._pat_str, special, f"encoding {source.name!r}"
        )
    if (
        not isinstance(source, str)
        or os.sep in source
        or source.endswith(".tiktoken")
        or Path(source).exists()
    ):
        return None
    try:
        from tiktoken import registry
    except ImportError:
        raise ImportError(
            f"{source}: no such file; if it is the name of an encoding of tiktoken's: pip install tiktoken"
        ) from None
    names = registry.list_encoding_names()
    if source not in names:
        raise ValueError(
            f"{source}: neither a file nor an encoding of tiktoken's: {', '.join(sorted(names))}"
        )
    constructors = registry.ENCODING_CONSTRUCTORS
    assert constructors is not None  # list_encoding_names has found them
    made = _made(constructors[source])
    special = {content: token_id for token_id, content in _by_id(made["special_tokens"]).items()}
    return TiktokenEncoding(made["mergeable_ranks"], made["pat_str"], special, f"encoding {source!r}")


def _made(constructor: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a constructor of tiktoken's gives; its vocabulary is read here, which is quicker.

    The constructor is run with another reader of vocabularies in place of tiktoken's, from the same bytes:
    those of tiktoken's cache, which it has checked.
    """
    from tiktoken import load

    names = getattr(constructor, "__globals__", {})
    if names.get("load_tiktoken_bpe") is not getattr(load, "load_tiktoken_bpe", ()):
        return constructor()  # it gets its vocabulary in another way

    def read(path: str, expected_hash: str | None = None) -> dict[bytes, int]:
        ranks = read_tiktoken(load.read_file_cached(path, expected_hash))
        if isinstance(ranks, int):
            raise ValueError(f"{path}: line {ranks} is not a token in base64 and its rank")
        return ranks

    function = cast("FunctionType", constructor)
    copy = FunctionType(
        function.__code__, {**names, "load_tiktoken_bpe": read}, function.__name__, function.__defaults__
    )
    return cast("dict[str, Any]", copy())


def _by_id(special_tokens: dict[str, int]) -> dict[int, str]:
    """Of several special tokens with one id (o200k_harmony), the first."""
    found: dict[int, str] = {}
    for content, token_id in special_tokens.items():
        found.setdefault(token_id, content)
    return found
