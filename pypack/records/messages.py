"""The messages of a conversation as templates take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack.records.errors import RecordError

Message = dict[str, Any]

# What the reasoning of an assistant goes by: most templates read the first, others the second.
_REASONING = ("reasoning_content", "thinking", "reasoning")


def checked_messages(messages: Any, takes_parts: bool) -> list[Message]:
    """A conversation, checked: a list of messages that each have a role.

    Keys whose value is null are left out, and reasoning stands under all names that templates know it by: as
    transformers does.

    Args:
        takes_parts: the template goes through the parts of a content itself; where it does not, the texts of
            the parts are joined.

    Raises:
        RecordError: it is none, or it holds content that is not text.
    """
    if not isinstance(messages, list | tuple):
        raise RecordError("bad_messages", f"the conversation is a {_kind(messages)}, not a list of messages")
    if not messages:
        raise RecordError("no_messages", "the conversation has no message")
    return [_checked(message, number, takes_parts) for number, message in enumerate(messages)]


def _checked(message: Any, number: int, takes_parts: bool) -> Message:
    if not isinstance(message, dict):
        raise RecordError("bad_messages", f"message {number} is a {_kind(message)}, not an object")
    if type(message.get("role")) is not str:
        raise RecordError(
            "bad_messages",
            f"message {number} has no role that is a string, its keys are "
            f"{', '.join(map(repr, message)) or 'none'}",
        )
    if None in message.values():
        message = {key: value for key, value in message.items() if value is not None}
    content = message.get("content")
    if type(content) is not str and content is not None:
        message = {**message, "content": _content(content, number, takes_parts)}
    for name in _REASONING:
        if name in message:
            reasoning = message[name]
            message = {"thinking": reasoning, **message, "reasoning_content": reasoning}
            break
    checked: Message = message
    return checked


def _content(content: Any, number: int, takes_parts: bool) -> Any:
    if not isinstance(content, list | tuple):
        raise RecordError(
            "bad_messages",
            f"the content of message {number} is a {_kind(content)}, not a string or a list of parts",
        )
    texts = []
    for place, part in enumerate(content):
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = part.get("type", "text" if "text" in part else None) if isinstance(part, dict) else _kind(part)
        if kind != "text" or not isinstance(part.get("text"), str):
            raise RecordError(
                "not_text", f"part {place} of the content of message {number} is of type {kind!r}, not text"
            )
        texts.append(part["text"])
    return list(content) if takes_parts else "".join(texts)


def plain_data(value: Any) -> Any:
    """The value in Python's own types alone: what has methods of its own is none of a template's business."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool | int | float):
        return float(value) if isinstance(value, float) else int(value)
    if isinstance(value, Mapping):
        return {plain_data(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(item) for item in value]
    if hasattr(value, "tolist"):  # of NumPy
        return plain_data(value.tolist())
    if callable(getattr(value, "model_dump", None)):
        return plain_data(value.model_dump())
    raise TypeError(f"a conversation holds a {type(value).__name__}; give plain lists, dicts and strings")


def _kind(value: Any) -> str:
    names = {type(None): "null", dict: "object", list: "list", str: "string", bool: "boolean"}
    return names.get(type(value), "number" if isinstance(value, int | float) else type(value).__name__)
