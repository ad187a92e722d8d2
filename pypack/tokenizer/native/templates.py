"""The `post_processor` of a tokenizer.json: the ids that it puts before and behind a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pypack.tokenizer.native.unsupported import UnsupportedError


@dataclass
class Template:
    """What a post-processor does to one document.

    Attributes:
        before, behind: the ids around it under add_special_tokens.
        trims: for each time that spaces are taken out of the offsets of tokens (trim_offsets): whether one
            at the start of the text stays (add_prefix_space), and how many of `before` are by then in one
            encoding with the text, whose first token alone counts as the start.
        num_joined: how many of `before` are in one encoding with the text. TemplateProcessing keeps its own
            in encodings of their own.
    """

    before: list[int] = field(default_factory=list)
    behind: list[int] = field(default_factory=list)
    trims: list[tuple[bool, int]] = field(default_factory=list)
    num_joined: int = 0


def recognize_template(part: Mapping[str, Any] | None) -> Template:
    """What `part` does to a document.

    Raises:
        UnsupportedError: it is not one of those that only add ids around a document.
    """
    if part is None:
        return Template()
    kind = part.get("type")
    if kind == "ByteLevel":  # concerns offsets alone
        return Template(trims=[(part["add_prefix_space"], 0)] if part["trim_offsets"] else [])
    if kind == "TemplateProcessing":
        return _template(part)
    if kind == "BertProcessing":
        return Template([part["cls"][1]], [part["sep"][1]], num_joined=1)
    if kind == "RobertaProcessing":
        # Without both of these fields the library takes it for BertProcessing.
        trims = bool(part.get("trim_offsets")) and "add_prefix_space" in part
        trimmed = [(part["add_prefix_space"], 0)] if trims else []
        return Template([part["cls"][1]], [part["sep"][1]], trimmed, num_joined=1)
    if kind == "Sequence":
        whole = Template()
        for step in part["processors"]:
            one = recognize_template(step)
            whole.trims += [(keeps, num_before + whole.num_joined) for keeps, num_before in one.trims]
            whole.num_joined += one.num_joined
            whole.before = one.before + whole.before
            whole.behind = whole.behind + one.behind
        return whole
    raise UnsupportedError(f"post_processor {kind!r} has no native form")


def _template(part: Mapping[str, Any]) -> Template:
    template = Template()
    current = template.before
    for piece in part["single"]:
        if "Sequence" in piece:
            if current is template.behind or piece["Sequence"]["id"] != "A":
                raise UnsupportedError("post_processor TemplateProcessing does not hold its text once")
            current = template.behind
        else:
            name = piece["SpecialToken"]["id"]
            current.extend(part["special_tokens"][name]["ids"])
    if current is template.before:
        raise UnsupportedError("post_processor TemplateProcessing does not hold its text once")
    return template
