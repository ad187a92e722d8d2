"""Mistral's `tekken.json` as a tokenizer.json."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from pypack.tokenizer.tiktoken_file import RanksDefinition

# Of files that do not list them, in the order of their ids.
_FIRST_SPECIAL_TOKENS = (
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]",
    "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
)  # fmt: skip


def definition_from_tekken(data: bytes, source: str) -> RanksDefinition:
    """The tokenizer.json of a `tekken.json`.

    Its special tokens have the first ids, and the ranks of its vocabulary come behind them, as many as its
    configuration says. Special tokens are found in text, as in the tokenizer.json of such models;
    split_special_tokens leaves them plain text.

    Raises:
        ValueError: it is not understood.
    """
    try:
        content = orjson.loads(data)
        config = content["config"]
        reserved = int(config["default_num_special_tokens"])
        room = int(config["default_vocab_size"]) - reserved
        tokens = {base64.b64decode(entry["token_bytes"]): int(entry["rank"]) for entry in content["vocab"]}
        special = _special_tokens(content.get("special_tokens"), reserved)
        pattern = str(config["pattern"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{source}: not a tekken.json as Mistral writes it: {error!r}") from error
    ranks = {token: rank + reserved for token, rank in tokens.items() if rank < room}
    post_processor = None
    if "<s>" in special:
        begins = {"id": "<s>", "ids": [special["<s>"]], "tokens": ["<s>"]}
        post_processor = {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
            ],
            "pair": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "<s>", "type_id": 1}},
                {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": {"<s>": begins},
        }
    return RanksDefinition(ranks, pattern, special, source, post_processor)


def _special_tokens(entries: list[dict[str, Any]] | None, reserved: int) -> dict[str, int]:
    """Token → id, for every id that is reserved."""
    named: dict[int, str]
    if entries is None:
        named = dict(enumerate(_FIRST_SPECIAL_TOKENS))
    else:
        named = {int(entry["rank"]): str(entry["token_str"]) for entry in entries}
    return {named.get(i, f"<SPECIAL_{i}>"): i for i in range(reserved)}
