"""What transformers 5 makes of a folder where that is not its tokenizer.json.

For some classes it takes only vocabulary and merges from the file, and builds the rest anew. What is said
here needs no transformers: it follows from the names in the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pypack.tokenizer.folder import Beside
from pypack.tokenizer.native.patterns import TEKKEN

# Models for which transformers takes the tokenizer.json as it is, whatever class the folder names.
_TAKEN_AS_THEY_ARE = (
    "arctic", "chatlm", "ernie4_5", "ernie4_5_moe", "fuyu", "h2ovl_chat", "internlm2", "internlm3", "jamba",
    "llava", "llava_next", "minicpm3", "minicpmv", "minimax_m2", "molmo", "nemotron", "opencua", "openvla",
    "paddleocr_vl", "phi3", "phi3_v", "phimoe", "step3_vl", "vipllava",
)  # fmt: skip
_MISTRALS = ("mistral", "mistral3", "voxtral", "ministral", "pixtral")
_METASPACE = {"type": "Metaspace", "replacement": "\u2581", "split": False}


@dataclass(frozen=True)
class OtherForm:
    """A form that a tokenizer has elsewhere.

    Attributes:
        sections: those of the tokenizer.json, changed.
        why: who makes it, and of what.
    """

    sections: Mapping[str, Any]
    why: str


def form_in_transformers(sections: Mapping[str, Any], beside: Beside) -> OtherForm | None:
    """What transformers 5 builds of a folder, if that may differ from its tokenizer.json; else None.

    Args:
        sections: see `TokenizerDefinition.sections`.
    """
    return _rebuilt_llama(sections, beside) or _mended_mistral(sections, beside)


def _rebuilt_llama(sections: Mapping[str, Any], beside: Beside) -> OtherForm | None:
    named = beside.config.get("tokenizer_class") or beside.model.get("tokenizer_class")
    if str(named).removesuffix("Fast") != "LlamaTokenizer" or beside.config.get("auto_map"):
        return None
    if sections["model"].get("type") != "BPE" or _is_byte_level(sections.get("pre_tokenizer")):
        return None
    if beside.model.get("model_type") in _TAKEN_AS_THEY_ARE:
        return None
    scheme = "always" if beside.config.get("legacy") else "first"
    if beside.config.get("add_prefix_space") is False:
        scheme = "never"
    changed = {"normalizer": None, "pre_tokenizer": _METASPACE | {"prepend_scheme": scheme}}
    if all(sections.get(name) == part for name, part in changed.items()):
        return None
    return OtherForm(
        {**sections, **changed},
        f"transformers 5 takes vocabulary and merges from it for the class {named} and splits text in its "
        f"own way (Metaspace, {scheme!r}, no normalizer)",
    )


def _mended_mistral(sections: Mapping[str, Any], beside: Beside) -> OtherForm | None:
    part = sections.get("pre_tokenizer")
    asked = beside.config.get("fix_mistral_regex")
    if (
        not (isinstance(part, dict) and part.get("type") == "Sequence")
        or len(sections["model"]["vocab"]) <= 100_000
    ):
        return None
    version = str(beside.model.get("transformers_version") or "0").split(".")[0]
    is_mistral = (
        beside.model.get("model_type") in _MISTRALS and int(version if version.isdecimal() else 0) < 5
    )
    if not asked and not (is_mistral and asked is None):
        return None
    first, *rest = part["pretokenizers"]
    mended = {"type": "Split", "pattern": {"Regex": TEKKEN}, "behavior": "Isolated", "invert": False}
    if first == mended or first.get("type") != "Split":
        return None
    return OtherForm(
        {**sections, "pre_tokenizer": {**part, "pretokenizers": [mended, *rest]}},
        "transformers puts another regex in its place (fix_mistral_regex is true)"
        if asked
        else "its regex is the one that Mistral has since mended; transformers warns of it, and takes the "
        "mended one with fix_mistral_regex=True",
    )


def _is_byte_level(part: Mapping[str, Any] | None) -> bool:
    if part is None:
        return False
    inner = part.get("pretokenizers", [])
    return part.get("type") == "ByteLevel" or any(_is_byte_level(step) for step in inner)
