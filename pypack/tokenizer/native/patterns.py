"""What byte-level tokenizers split with, known by its text."""

from __future__ import annotations

from collections.abc import Callable

from pypack._core import Pretokenizer

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_CL100K_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_O200K_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_O200K_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_O200K_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _CL100K_TAIL
# tiktoken's own since 0.8: whitespace at the end of a text is one word, newlines or not.
CL100K_TRAILING = CL100K.replace(r"|\s*[\r\n]+", r"|\s++$|\s*[\r\n]+")
NANOCHAT = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,2}" + _CL100K_TAIL
QWEN2 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _CL100K_TAIL
QWEN3_5 = (
    _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_O200K_UPPER}*{_O200K_LOWER}+{_CONTRACTIONS}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_O200K_UPPER}+{_O200K_LOWER}*{_CONTRACTIONS}?"
    r"|\p{N}{1,3}" + _O200K_TAIL
)
TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_O200K_UPPER}*{_O200K_LOWER}+"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_O200K_UPPER}+{_O200K_LOWER}*"
    r"|\p{N}" + _O200K_TAIL
)
CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
DEEPSEEK_V3 = (
    r"\p{N}{1,3}",
    "[一-龥\u3040-ゟ゠-ヿ]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)

# Patterns that match every character: what the splitter does with text between matches does not matter.
COVERING = frozenset((GPT2, CL100K, CL100K_TRAILING, NANOCHAT, QWEN2, QWEN3_5, O200K, TEKKEN))

# Other spellings of parts of these.
_SPELLINGS = (
    (r"'(?i:[sdmt]|ll|ve|re)", _CONTRACTIONS),
    (r"'(?:[sdmt]|ll|ve|re)", "'s|'t|'re|'ve|'m|'ll|'d"),
    ("]?+", "]?"),
    ("]*+", "]*"),
    ("]++", "]+"),
    ("}++", "}+"),
    (r"|\s*[\r\n]|", r"|\s*[\r\n]+|"),
)


def canonical(pattern: str) -> str:
    """The text above that says the same as `pattern`; `pattern` itself where there is none.

    Possessive quantifiers (`++`) say the same as greedy ones where nothing that follows could match what
    they would have to give back: not so in o200k.
    """
    # Some files have the line breaks themselves in the regex, others their escapes.
    pattern = pattern.replace("\r", r"\r").replace("\n", r"\n")
    spelled = pattern
    for other, ours in _SPELLINGS:
        spelled = spelled.replace(other, ours)
    if spelled.endswith(r"|\s"):  # behind \s+(?!\S), which leaves one character
        spelled += "+"
    if spelled.replace(r"|\s++$", "") == GPT2:  # whose \s+(?!\S) takes whitespace at the end whole anyway
        return GPT2
    return spelled if spelled in (GPT2, CL100K, CL100K_TRAILING, NANOCHAT, QWEN2, QWEN3_5) else pattern


def removing_the_rest(pattern: str) -> str:
    """The step that keeps the matches of `pattern` and drops what lies between."""
    return f"the matches of {pattern}"


# Steps that are not regexes, as `pretokenizers` spells them.
SINGLE_DIGITS = "Digits, one by one"
DIGIT_RUNS = "Digits, in runs"
PUNCTUATION_RUNS = "Punctuation, in runs"
TO_BYTES = "ByteLevel"

# Steps of a pretokenizer, without ByteLevel where it comes last → what runs them.
SCANNERS: dict[tuple[str, ...], Callable[[], Pretokenizer]] = {
    (GPT2,): lambda: Pretokenizer.pattern("gpt2"),
    (CL100K,): lambda: Pretokenizer.pattern("cl100k"),
    (CL100K_TRAILING,): lambda: Pretokenizer.trailing_blanks(Pretokenizer.pattern("cl100k")),
    (NANOCHAT,): lambda: Pretokenizer.pattern("nanochat"),
    (QWEN2,): lambda: Pretokenizer.pattern("qwen2"),
    (QWEN3_5,): lambda: Pretokenizer.pattern("qwen3_5"),
    (O200K,): lambda: Pretokenizer.pattern("o200k"),
    (TEKKEN,): lambda: Pretokenizer.pattern("tekken"),
    (SINGLE_DIGITS, GPT2): lambda: Pretokenizer.pattern("starcoder"),
    (PUNCTUATION_RUNS, GPT2, TO_BYTES, DIGIT_RUNS, "[0-9][0-9][0-9]"): lambda: Pretokenizer.pattern("falcon"),
    DEEPSEEK_V3: lambda: Pretokenizer.pattern("deepseek_v3"),
    (BLOOM,): Pretokenizer.bloom,
    # No match of CLIP's is cut by GPT-2's.
    (removing_the_rest(CLIP), GPT2): Pretokenizer.clip,
    (removing_the_rest(CLIP),): Pretokenizer.clip,
}
