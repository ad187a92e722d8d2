"""What lies beside a tokenizer.json: its configuration, and the tokens that are named only there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROLES = ("eos", "bos", "pad")

_FLAGS = ("single_word", "lstrip", "rstrip")
# Inside a vocabulary such a text would be followed by a number, not by a list.
_ADDED_TOKENS = re.compile(rb'"added_tokens"\s*:\s*(?=\[)')


@dataclass(frozen=True)
class Beside:
    """The files beside a tokenizer file; each empty where it is missing or is not a JSON object.

    Attributes:
        config: of `tokenizer_config.json`.
        special_tokens: of `special_tokens_map.json`.
        model: of `config.json`, which is the model's.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    special_tokens: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)

    def names(self) -> dict[str, str]:
        """Role → token, as the configuration names it."""
        names: dict[str, str] = {}
        for file in (self.special_tokens, self.config):
            for role in ROLES:
                token = file.get(f"{role}_token")
                if isinstance(token, dict):  # a serialized AddedToken
                    token = token.get("content")
                if isinstance(token, str):
                    names[role] = token
        return names

    def added_tokens(self) -> list[dict[str, Any]]:
        """The `added_tokens_decoder` of the configuration as entries of a tokenizer.json, by id."""
        entries = self.config.get("added_tokens_decoder")
        if not isinstance(entries, dict):
            return []
        found = []
        for token_id, token in entries.items():
            if not (
                isinstance(token, dict) and isinstance(token.get("content"), str) and token_id.isdecimal()
            ):
                continue
            special = bool(token.get("special", False))
            flags = {flag: bool(token.get(flag, False)) for flag in _FLAGS}
            normalized = bool(token.get("normalized", not special))
            entry = {"id": int(token_id), "content": token["content"], **flags}
            found.append(entry | {"normalized": normalized, "special": special})
        return sorted(found, key=lambda entry: int(entry["id"]))


def read_beside(tokenizer_file: Path) -> Beside:
    """Reads the files beside a tokenizer file.

    Raises:
        ValueError: one of them is no JSON. (`config.json` is the model's: it says nothing then.)
    """
    folder = tokenizer_file.parent
    return Beside(
        _object(folder / "tokenizer_config.json"),
        _object(folder / "special_tokens_map.json"),
        _object(folder / "config.json", must_parse=False),
    )


def _object(path: Path, *, must_parse: bool = True) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        if not must_parse:
            return {}
        if isinstance(error, OSError):
            raise
        raise ValueError(f"{path}: not valid JSON ({error}); mend it, or move it away") from error
    return content if isinstance(content, dict) else {}


def with_added_tokens(data: bytes, entries: list[dict[str, Any]]) -> bytes:
    """The text of a tokenizer.json with further added tokens behind its own; those that it has are left out.

    All else stays as it is spelled, numbers above all. A text that is not understood comes back as it is.
    """
    if not entries:
        return data
    place = _ADDED_TOKENS.search(data)
    if place is None:
        new = json.dumps(entries).encode()
        head, brace, rest = data.partition(b"{")
        if head.strip() or not brace or b'"added_tokens"' in data:
            return data
        return head + b'{"added_tokens":' + new + (b"," if rest.strip() != b"}" else b"") + rest
    end = _end_of_list(data, place.end())
    try:
        own = json.loads(data[place.end() : end])
        known = {token["content"] for token in own}
    except (ValueError, TypeError, KeyError):
        return data
    missing = [entry for entry in entries if entry["content"] and entry["content"] not in known]
    if not missing:
        return data
    new = json.dumps(missing)[1:].encode()
    return data[: end - 1].rstrip() + (b"," if own else b"") + new + data[end:]


def _end_of_list(data: bytes, begin: int) -> int:
    """Behind the bracket that closes the list which begins there."""
    depth = 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*"|[\[\]]', data[begin:]):
        if token[0] == b"[":
            depth += 1
        elif token[0] == b"]":
            depth -= 1
            if depth == 0:
                return begin + token.end()
    return begin
