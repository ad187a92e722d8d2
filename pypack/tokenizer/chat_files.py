"""What a tokenizer's folder, or a tokenizer of transformers, says about chats: templates and named tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What transformers hands to a template, where the tokenizer has it.
_NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_TOOL_USE = "tool_use"


@dataclass(frozen=True)
class ChatFiles:
    """Chat templates of a tokenizer, and what they need.

    Attributes:
        templates: name → (template, where it stands). The usual one is "default".
        tokens: `bos_token`, `eos_token`, ... → the token's text.
        configured: tokens that the configuration adds to those of the tokenizer.json, by text.
    """

    templates: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)
    configured: tuple[str, ...] = ()

    def choose(self, has_tools: bool) -> tuple[str, str] | None:
        """The template and its name, None where there is none; one for tools, where there is one for them."""
        if has_tools and _TOOL_USE in self.templates:
            return self.templates[_TOOL_USE]
        if "default" in self.templates:
            return self.templates["default"]
        return next(iter(self.templates.values())) if len(self.templates) == 1 else None


def chat_files_beside(tokenizer_file: Path) -> ChatFiles:
    """Of the folder that a tokenizer.json lies in.

    Raises:
        ValueError: a file is not what it should be; the message names it.
    """
    folder = tokenizer_file.parent
    tokens: dict[str, str] = {}
    templates: dict[str, tuple[str, str]] = {}
    configured: list[str] = []
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        path = folder / name
        if not path.is_file():
            continue
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: not valid JSON ({error}); mend it, or move it away") from error
        if not isinstance(config, dict):
            continue
        tokens |= _named_tokens(config)
        templates |= _templates(config.get("chat_template"), path)
        added = config.get("added_tokens_decoder")
        if isinstance(added, dict):
            configured += [text for text in map(_text, added.values()) if text]
    for path in sorted(folder.glob("additional_chat_templates/*.jinja")):
        templates[path.stem] = (path.read_text("utf-8"), str(path))
    path = folder / "chat_template.jinja"
    if path.is_file():
        templates["default"] = (path.read_text("utf-8"), str(path))
    return ChatFiles(templates, tokens, tuple(configured))


def chat_files_of(tokenizer: Any) -> ChatFiles:
    """Of a tokenizer of transformers."""
    named = {name: _text(getattr(tokenizer, name, None)) for name in _NAMED}
    tokens = {name: text for name, text in named.items() if text is not None}
    template = getattr(tokenizer, "chat_template", None)
    path = Path(str(getattr(tokenizer, "name_or_path", "") or "the tokenizer"))
    if isinstance(template, dict):
        template = [{"name": name, "template": text} for name, text in template.items()]
    return ChatFiles(_templates(template, path), tokens)


def _named_tokens(config: Mapping[str, Any]) -> dict[str, str]:
    texts = {name: _text(config.get(name)) for name in _NAMED}
    return {name: text for name, text in texts.items() if text is not None}


def _text(token: Any) -> str | None:
    """A token's text; configurations write it as a string or as a serialized AddedToken."""
    if isinstance(token, dict):
        token = token.get("content")
    if token is not None and hasattr(token, "content"):
        token = token.content
    return token if isinstance(token, str) else None


def _templates(value: Any, path: Path) -> dict[str, tuple[str, str]]:
    if isinstance(value, str):
        return {"default": (value, f"{path}: chat_template")}
    if not isinstance(value, list):
        return {}
    return {
        one["name"]: (one["template"], f"{path}: chat_template {one['name']!r}")
        for one in value
        if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("template"), str)
    }
