"""Definitions of tokenizers (tokenizer.json) put together at random: small vocabularies, any parts and flags.

Not what anyone would train, and for that reason: what the native engine claims to do exactly, it has to do
for every tokenizer that it accepts, not only for those that were thought of.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pypack.native import patterns
from pypack.tiktoken_file import byte_characters

Part = dict[str, Any]

LETTERS = "abcdeABs19'.,!é漢字の🙂\u2581 \u0301_"
ADDED = [
    *("<mask>", "<x>", "<x", "<xy>", "  ", "\n", "\t\t", "ab", "Ab", "é", "e\u0301", "a b", " <s>", "<s> "),
    *("漢", "①", "\u2581", "A", "a", "<unk>", "\u2581x", "ﬁ", "[CL", " \n", "\u3000", "'s"),
]
SCANNED = [
    patterns.GPT2,
    patterns.CL100K,
    patterns.QWEN2,
    patterns.QWEN3_5,
    patterns.O200K,
    patterns.TEKKEN,
]


def flip(source: random.Random, share: float = 0.5) -> bool:
    return source.random() < share


def word(source: random.Random, letters: Sequence[str], longest: int) -> str:
    return "".join(source.choices(letters, k=source.randint(1, longest)))


def normalizer(source: random.Random, charsmap: bytes, nested: bool = False) -> Part | None:
    kind = source.choice([None, *NORMALIZERS, *(["Sequence"] * 3 if not nested else [])])
    if kind is None:
        return None
    if kind == "Sequence":
        steps = [normalizer(source, charsmap, nested=True) for _ in range(source.randint(0, 3))]
        return {"type": "Sequence", "normalizers": [step for step in steps if step is not None]}
    if kind == "Precompiled":
        return {"type": kind, "precompiled_charsmap": base64.b64encode(charsmap).decode()}
    return {"type": kind, **NORMALIZERS[kind](source)}


NORMALIZERS: dict[str, Callable[[random.Random], Part]] = {
    **dict.fromkeys(("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt"), lambda _: {}),
    "Precompiled": lambda _: {},
    "Strip": lambda source: {"strip_left": flip(source), "strip_right": flip(source)},
    "Replace": lambda source: {
        "pattern": source.choice([{"String": text} for text in (" ", "a", "``", "ab", "\u2581", "  ")])
        if flip(source, 0.7)
        else {"Regex": source.choice([" {2,}", r"\s+"])},
        "content": source.choice(["\u2581", "", " ", "b", '"']),
    },
    "Prepend": lambda source: {"prepend": source.choice(["\u2581", " ", "a"])},
    "BertNormalizer": lambda source: {
        "clean_text": flip(source, 0.7),
        "handle_chinese_chars": flip(source, 0.7),
        "strip_accents": source.choice([None, True, False]),
        "lowercase": flip(source, 0.6),
    },
}


def byte_level(source: random.Random, *, use_regex: bool, prefix: bool = False) -> Part:
    return {
        "type": "ByteLevel",
        "add_prefix_space": prefix,
        "trim_offsets": flip(source),
        "use_regex": use_regex,
    }


def split(pattern: str, removed: bool = False) -> Part:
    return {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Removed" if removed else "Isolated",
        "invert": removed,
    }


def byte_pretokenizer(source: random.Random) -> Part:
    last = byte_level(source, use_regex=False)
    gpt2 = byte_level(source, use_regex=True)
    steps = source.choice(
        [
            None,
            *([split(pattern, flip(source, 0.3)), last] for pattern in SCANNED),
            [*map(split, patterns.DEEPSEEK_V3), last],
            [split(patterns.CLIP, removed=True), source.choice([last, gpt2])],
            [split(patterns.BLOOM), last],
            [{"type": "Digits", "individual_digits": True}, gpt2],
            [
                {"type": "Punctuation", "behavior": "Contiguous"},
                gpt2,
                {"type": "Digits", "individual_digits": False},
                split("[0-9][0-9][0-9]"),
            ],
        ]
    )
    if steps is None:
        return byte_level(source, use_regex=flip(source, 0.6), prefix=flip(source, 0.3))
    return {"type": "Sequence", "pretokenizers": steps}


def word_pretokenizer(source: random.Random) -> Part:
    return {"type": source.choice(["Whitespace", "WhitespaceSplit", "BertPreTokenizer"])}


def metaspace(source: random.Random) -> Part:
    scheme = source.choice(["always", "first", "never"])
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": flip(source)}


def decoder(source: random.Random) -> Part | None:
    def step() -> Part:
        return source.choice(
            [
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": source.randint(0, 2), "stop": 0},
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "WordPiece", "prefix": "##", "cleanup": flip(source)},
                metaspace(source),
                byte_level(source, use_regex=True),
            ]
        )

    if flip(source, 0.2):
        return None
    if flip(source):
        return step()
    return {"type": "Sequence", "decoders": [step() for _ in range(source.randint(1, 4))]}


def post_processor(source: random.Random, ids: dict[str, int]) -> Part | None:
    cls, sep = "[CLS]", "[SEP]"
    ends = {"sep": [sep, ids[sep]], "cls": [cls, ids[cls]]}
    sequence = [{"Sequence": {"id": "A", "type_id": 0}}]

    def special(token: str, most: int) -> list[Part]:
        return [{"SpecialToken": {"id": token, "type_id": 0}}] * source.randint(0, most)

    single = special(cls, 2) + sequence + special(sep, 2)
    template = {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            token: {"id": token, "ids": [ids[token]], "tokens": [token]} for token in (cls, sep)
        },
    }
    trims = byte_level(source, use_regex=True, prefix=flip(source))
    return source.choice(
        [
            None,
            trims,
            template,
            {"type": "BertProcessing", **ends},
            {
                "type": "RobertaProcessing",
                **ends,
                "trim_offsets": flip(source),
                "add_prefix_space": flip(source),
            },
            {"type": "Sequence", "processors": source.sample([trims, template], source.randint(1, 2))},
        ]
    )


def merges_of(
    source: random.Random, parts: Iterable[str], prefix: str, suffix: str, longest: int
) -> tuple[list[list[str]], list[str]]:
    """Up to 60 merges, maybe out of order, and what they make."""
    pool = list(parts)
    merges: list[list[str]] = []
    made: list[str] = []
    for _ in range(source.randint(0, 60)):
        left, right = source.choice(pool), source.choice(pool)
        joined = left + right[len(prefix) :]
        if not right.startswith(prefix) or (suffix and left.endswith(suffix)):
            continue
        if len(joined) > longest or [left, right] in merges:
            continue
        merges.append([left, right])
        made.append(joined)
        pool.append(joined)
    if flip(source, 0.4):
        source.shuffle(merges)
    return merges, made


def byte_bpe(source: random.Random) -> tuple[list[str], Part]:
    characters = byte_characters()
    alphabet = list(characters)
    source.shuffle(alphabet)
    parts = dict.fromkeys(characters[byte] for byte in "abcdesAB10' \né漢🙂\u0301".encode())
    merges, made = merges_of(source, parts, "", "", 14)
    whole = [word(source, list(parts), 5) for _ in range(source.randint(0, 6))]  # for ignore_merges
    tokens = list(dict.fromkeys([*alphabet, *made, *whole]))
    if flip(source, 0.3):
        source.shuffle(tokens)
    return tokens, {"merges": merges, "ignore_merges": flip(source, 0.4), "fuse_unk": flip(source, 0.3)}


def character_bpe(source: random.Random) -> tuple[list[str], Part]:
    prefix, suffix = source.choice([("", "")] * 3 + [("##", ""), ("", "</w>"), ("##", "</w>")])
    byte_fallback = not prefix + suffix and flip(source)
    letters = [*source.sample(LETTERS, source.randint(4, 20)), "a", "b"]
    marks = {("", ""), (prefix, ""), ("", suffix), (prefix, suffix)}
    parts = [before + letter + behind for before, behind in sorted(marks) for letter in letters]
    merges, made = merges_of(source, dict.fromkeys(parts), prefix, suffix, 12)
    fallback = [f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else []
    options = {
        "merges": merges,
        "unk_token": source.choice([None, "<unk>", "<unk>"]),
        "continuing_subword_prefix": prefix or None,
        "end_of_word_suffix": suffix or None,
        "fuse_unk": flip(source),
        "byte_fallback": byte_fallback,
        "ignore_merges": flip(source, 0.3),
    }
    return list(dict.fromkeys([*fallback, "<unk>", *parts, *made])), options


def wordpiece(source: random.Random) -> tuple[list[str], Part]:
    pieces = [mark + word(source, "abcde1é漢.,'", 4) for mark in ("", "##") for _ in range(30)]
    options = {
        "unk_token": "<unk>",
        "continuing_subword_prefix": source.choice(["##", "##", ""]),
        "max_input_chars_per_word": source.choice([5, 62, 100]),
    }
    return list(dict.fromkeys(["<unk>", *pieces])), options


def unigram(source: random.Random) -> tuple[list[str], Part]:
    byte_fallback = flip(source, 0.3)
    fallback = [f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else []
    pieces = [word(source, "abcde\u2581\u2581 é漢.1\u0301", 5) for _ in range(60)]
    tokens = list(dict.fromkeys(["<unk>", *fallback, *pieces, *"abc\u2581"]))
    return tokens, {"unk_id": 0, "byte_fallback": byte_fallback}


def added_tokens(source: random.Random, ids: dict[str, int]) -> list[Part]:
    """Of random flags; those that the vocabulary lacks get ids, which are entered in `ids`."""
    tokens = []
    for content in ["[CLS]", "[SEP]", *source.sample(ADDED, source.randint(0, 6))]:
        token_id = ids.setdefault(content, max(ids.values()) + 1)
        special = content in ("[CLS]", "[SEP]") or flip(source, 0.4)
        flags = {flag: flip(source, 0.2) for flag in ("single_word", "lstrip", "rstrip")}
        normalized = flip(source, 0.1 if special else 0.6)
        tokens.append(
            {"id": token_id, "content": content, **flags, "normalized": normalized, "special": special}
        )
    return sorted(tokens, key=lambda token: token["id"])


KINDS = ("bytes", "words", "marked spaces", "WordPiece", "Unigram")


def definition(kind: str, source: random.Random, charsmap: bytes) -> Part:
    """A tokenizer.json of one of KINDS."""
    pre_tokenizer: Part | None
    normalizes = normalizer(source, charsmap)
    decodes = decoder(source)
    if kind == "bytes":
        tokens, options = byte_bpe(source)
        pre_tokenizer = byte_pretokenizer(source)
        normalizes = source.choice([None, normalizes])
        decodes = source.choice([byte_level(source, use_regex=True), decodes])
    elif kind == "words":
        tokens, options = character_bpe(source)
        pre_tokenizer = word_pretokenizer(source)
    elif kind == "marked spaces":
        tokens, options = character_bpe(source)
        pre_tokenizer = metaspace(source) if flip(source) else None
        if pre_tokenizer is None:
            marks = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
            prepends = [{"type": "Prepend", "prepend": "\u2581"}] if flip(source) else []
            normalizes = {"type": "Sequence", "normalizers": [*prepends, marks]}
    elif kind == "WordPiece":
        tokens, options = wordpiece(source)
        pre_tokenizer = word_pretokenizer(source)
    else:
        tokens, options = unigram(source)
        chained = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace(source)]}
        pre_tokenizer = source.choice([metaspace(source), metaspace(source), chained, None])
    ids = {token: i for i, token in enumerate(tokens)}
    vocabulary: Any = dict(ids)
    if kind == "Unigram":
        scores = [0.0, *(-source.choice([1, 1.5, 2, 9 * source.random()]) for _ in tokens[1:])]
        vocabulary = [[token, score] for token, score in zip(tokens, scores, strict=True)]
    added = added_tokens(source, ids)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": normalizes,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor(source, ids),
        "decoder": decodes,
        "model": {"type": kind if kind[0].isupper() else "BPE", **options, "vocab": vocabulary},
    }
