"""What the `post_processor` of a tokenizer.json puts around one text or two, and the types that it gives."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from pypack.tokenizer.encoded_text import EncodedText


class PostProcessing:
    """Puts texts together as the post-processor of a tokenizer does.

    Raises:
        ValueError: it is of a kind that is not known here, or several of a Sequence add ids.
    """

    def __init__(self, part: Mapping[str, Any] | None) -> None:
        adding = [step for step in _steps(part) if step.get("type") != "ByteLevel"]
        known = ("TemplateProcessing", "BertProcessing", "RobertaProcessing")
        wrong = [step.get("type") for step in adding if step.get("type") not in known]
        if wrong or len(adding) > 1:
            what = f"of the kind {wrong[0]!r}" if wrong else "that adds ids in several steps"
            raise ValueError(f"a post_processor {what}: pairs and truncation are not known of it")
        self._part = adding[0] if adding else None
        # Where spaces are taken out of offsets, one of the first id of a piece stays.
        self.keeps_first_space = any(
            step.get("trim_offsets") and step.get("add_prefix_space") for step in _steps(part)
        )

    def num_added(self, *, is_pair: bool) -> int:
        """How many ids it adds."""
        return len(self.together([EncodedText()] * (1 + is_pair), add_special_tokens=True).ids)

    def together(self, texts: list[EncodedText], *, add_special_tokens: bool) -> EncodedText:
        """One text or two as one."""
        part = self._part
        if part is None:
            parts = texts
        elif part["type"] == "TemplateProcessing":
            parts = _in_template(part, texts, add_special_tokens)
        elif part["type"] == "RobertaProcessing":
            parts = [text.with_type(0, everywhere=add_special_tokens) for text in texts]
            parts = _as_roberta(part, parts) if add_special_tokens else parts
        else:
            parts = _as_bert(part, texts) if add_special_tokens else texts
        return reduce(EncodedText.followed_by, parts, EncodedText())


def _steps(part: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    if part is None:
        return []
    if part.get("type") != "Sequence":
        return [part]
    return [step for inner in part["processors"] for step in _steps(inner)]


def _in_template(
    part: Mapping[str, Any], texts: list[EncodedText], add_special_tokens: bool
) -> list[EncodedText]:
    parts = []
    for piece in part["pair" if len(texts) == 2 else "single"]:
        if "Sequence" in piece:
            text = texts[piece["Sequence"]["id"] != "A"]
            parts.append(text.with_type(piece["Sequence"]["type_id"]))
        elif add_special_tokens:
            ids = part["special_tokens"][piece["SpecialToken"]["id"]]["ids"]
            parts.append(EncodedText.special(ids, piece["SpecialToken"]["type_id"]))
    return parts


def _as_bert(part: Mapping[str, Any], texts: list[EncodedText]) -> list[EncodedText]:
    first, separator = EncodedText.special([part["cls"][1]], 0), part["sep"][1]
    around = [(first, EncodedText.special([separator], 0))]
    around.append((EncodedText(), EncodedText.special([separator], 1)))
    return [text.between(*two) for text, two in zip(texts, around, strict=False)]


def _as_roberta(part: Mapping[str, Any], texts: list[EncodedText]) -> list[EncodedText]:
    first, separator = EncodedText.special([part["cls"][1]], 0), EncodedText.special([part["sep"][1]], 0)
    around = [(first, separator), (separator, separator)]
    return [text.between(*two) for text, two in zip(texts, around, strict=False)]
