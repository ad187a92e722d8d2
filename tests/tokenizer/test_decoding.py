"""Ids become the strings that `tokenizers` makes of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.library_version import told_alike
from fixtures.shared_names import SHARED_NAMES
from fixtures.trained_byte_level import gpt2
from fixtures.trained_sentencepiece import llama2
from fixtures.trained_tokenizers import NATIVE
from fixtures.trained_word_tokenizers import WORD_NATIVE, t5
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models

import pypack
from pypack import Ragged
from pypack._core import Decoder, Vocabulary
from pypack.tokenizer.definition import TokenizerDefinition
from pypack.tokenizer.native.engine import NativeEngine
from pypack.tokenizer.tiktoken_file import byte_characters

KINDS: dict[str, Callable[[], Tokenizer]] = {**NATIVE, **WORD_NATIVE}

_LLAMA2 = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
# Each with tokens of every kind in its vocabulary.
DECODERS: dict[str, decoders.Decoder | None] = {
    "none": None,
    "byte_level": decoders.ByteLevel(),
    "llama2": decoders.Sequence(_LLAMA2),
    "gemma": decoders.Sequence(_LLAMA2[:3]),
    "byte_fallback": decoders.ByteFallback(),
    "fuse": decoders.Fuse(),
    "strip": decoders.Strip("x", 2, 0),
    "strips": decoders.Sequence([decoders.Fuse(), decoders.Strip("x", 2, 0), decoders.Strip(" ", 1, 0)]),
    "wordpiece": decoders.WordPiece(),
    "wordpiece_as_is": decoders.WordPiece("", cleanup=False),
    "metaspace": decoders.Metaspace(),
    "metaspace_first": decoders.Metaspace(prepend_scheme="first"),
    "metaspace_never": decoders.Metaspace("_", prepend_scheme="never"),
    "metaspace_then_bytes": decoders.Sequence([decoders.Metaspace(), decoders.ByteFallback()]),
    "replaced_bytes": decoders.Sequence([decoders.Replace("yy", "Ġé"), decoders.ByteLevel()]),
    "overlapping": decoders.Replace("aa", "a▁"),
}
TOKENS = [
    *(
        "a",
        "aa",
        "aaa",
        "x",
        "xx",
        "xxxa",
        "yy",
        "yyy",
        "é",
        "漢",
        "🙂",
        "Ġ",
        "Ġa",
        "Ã",
        "©",
        "ÃĢ",
        "ð",
        "ŁĻ",
    ),
    *(
        " ",
        "  a",
        "▁",
        "▁▁",
        "▁a▁",
        "a▁",
        "_",
        "_a",
        "##a",
        "##",
        "a##",
        "#",
        "...",
        ".",
        "?",
        "!",
        ",",
        " ,",
    ),
    *("'", " ' ", "n't", "'m", "do not", " do not", "'s", "'ve", "'re", "do", "not", "b.", "<0x", "<0x4>"),
    *("<0x+F>", "<0x-1>", "<0x0g>", "<0xé>", "<0xAB>>", "<0xab>", "</w>", "a</w>", "|", "<pad>"),
    *(f"<0x{byte:02X}>" for byte in (0x0A, 0x41, 0xC3, 0xA9, 0xE6, 0xBC, 0xA2, 0xF0, 0x9F, 0x99, 0x82, 0xFF)),
]


def with_decoder(decoder: decoders.Decoder | None) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE({token: i + 3 for i, token in enumerate(TOKENS)}, []))
    if decoder is not None:
        tokenizer.decoder = decoder
    tokenizer.add_special_tokens(["<s>", "xx"])
    tokenizer.add_tokens([AddedToken("added token"), AddedToken("▁x"), AddedToken("<0x42>")])
    return tokenizer


def random_rows(rng: random.Random, bound: int, count: int) -> list[list[int]]:
    return [
        [rng.randrange(bound) for _ in range(rng.choice([0, 1, 1, 2, 3, 5, 9, 30]))] for _ in range(count)
    ]


def check(ours: pypack.Tokenizer, reference: Tokenizer, rows: list[list[int]]) -> None:
    rows = told_alike(reference, rows)
    for skip in (False, True):
        expected = reference.decode_batch(rows, skip_special_tokens=skip)
        assert ours.decode_batch(Ragged.from_rows(rows), skip_special_tokens=skip) == expected


@pytest.mark.parametrize("name", DECODERS)
def test_every_native_decoder(name: str) -> None:
    reference = with_decoder(DECODERS[name])
    ours = pypack.Tokenizer.from_huggingface(reference)
    rows = [[i] for i in range(len(TOKENS) + 12)]
    rows += [[4, i] for i in range(len(TOKENS) + 12)]
    check(ours, reference, rows + random_rows(random.Random(name), len(TOKENS) + 12, int(2000 * SCALE)))


@pytest.mark.parametrize("kind", KINDS)
def test_trained_tokenizers(kind: str) -> None:
    reference = KINDS[kind]()
    ours = pypack.Tokenizer.from_huggingface(reference, engine="native")
    bound = ours.vocab_size + 20
    texts = random_texts(5, 60)
    rows = [row.tolist() for row in ours.encode_batch(texts, add_special_tokens=True)]
    rows += [[i] for i in range(bound)]
    check(ours, reference, rows + random_rows(random.Random(kind), bound, int(300 * SCALE)))


@pytest.mark.parametrize("name", SHARED_NAMES)
def test_published_tokenizers(shared: Path, name: str) -> None:
    path = shared / f"data/tokenizers/{name}.json"
    reference = Tokenizer.from_file(str(path))
    ours = pypack.Tokenizer.from_file(path, engine="native")
    assert isinstance(ours._engine._decoder, Decoder)  # type: ignore[attr-defined]
    bound = ours.vocab_size + 20
    rows = [[i] for i in range(bound)] + random_rows(random.Random(name), bound, int(3000 * SCALE))
    check(ours, reference, rows)
    for token_id in range(0, bound, 97):
        token = reference.id_to_token(token_id)
        assert ours.id_to_token(token_id) == token
        if token is not None:
            assert ours.token_to_id(token) == reference.token_to_id(token)


@pytest.mark.parametrize("name", ["bpe", "ctc", "stops"])
def test_other_decoders_are_left_to_the_library(name: str) -> None:
    other = {
        "bpe": decoders.BPEDecoder(),
        "ctc": decoders.CTC(),
        "stops": decoders.Sequence([decoders.Fuse(), decoders.Strip("x", 1, 1)]),
    }
    reference = gpt2()
    reference.decoder = other[name]
    ours = pypack.Tokenizer.from_huggingface(reference, engine="native")
    assert ours.engine == "native"
    check(ours, reference, [[5, 6, 7], [20, 21, 22, 5, 9]])


def test_a_decoder_that_nobody_knows_fails_at_once() -> None:
    definition = json.loads(gpt2().to_str())
    definition["decoder"] = {"type": "Telepathy"}
    with pytest.raises(ValueError, match="some file: `tokenizers` cannot load the decoder 'Telepathy'"):
        NativeEngine(TokenizerDefinition(json.dumps(definition).encode(), "some file"))


def test_both_engines_and_every_form_of_rows() -> None:
    reference = llama2()
    native = pypack.Tokenizer.from_huggingface(reference, engine="native")
    library = pypack.Tokenizer.from_huggingface(reference, engine="huggingface")
    rows = told_alike(reference, random_rows(random.Random(2), native.vocab_size, 50))
    expected = reference.decode_batch(rows)
    for tokenizer in (native, library):
        assert tokenizer.decode_batch(rows) == expected
        assert tokenizer.decode_batch(Ragged.from_rows(rows)) == expected
        assert tokenizer.decode_batch(np.array(row, np.int64) for row in rows) == expected
        assert [tokenizer.decode(row) for row in rows] == expected
        assert tokenizer.decode_batch([]) == []
        assert tokenizer.decode([]) == ""
        assert tokenizer.decode([2**32 - 1, 10**6]) == ""
        with pytest.raises(ValueError, match="row 1 holds an id outside 0 to 2\\^32-1"):
            tokenizer.decode_batch([[1], np.array([3, -100])])
        with pytest.raises(TypeError, match="row 0 must hold integers, got float64"):
            tokenizer.decode_batch([[1.5]])  # type: ignore[list-item]
        assert tokenizer.id_to_token(-1) is None
        assert tokenizer.id_to_token(2**40) is None


def test_decoding_needs_no_library_tokenizer() -> None:
    ours = pypack.Tokenizer.from_huggingface(t5(), engine="native")
    ours.decode([3, 4])
    ours.id_to_token(3)
    assert "_loaded" not in vars(ours._definition)


# Each byte by itself: as <0x..>, and as a character of GPT-2's alphabet.
_NAMED = Vocabulary.from_dict({f"<0x{byte:02X}>": byte for byte in range(256)})
_SPELLED = Vocabulary.from_dict({character: byte for byte, character in enumerate(byte_characters())})


def decode_bytes(data: bytes, vocabulary: Vocabulary, byte_level: bool) -> str:
    decoder = Decoder(
        vocabulary=vocabulary,
        added=[],
        token_steps=[("byte_level", "", "", 0, False)] if byte_level else [],
        byte_fallback=not byte_level,
        separator="",
        replaces_invalid=byte_level,
        text_steps=[],
    )
    values = np.frombuffer(data, np.uint8).astype(np.uint32)
    [text] = decoder.decode(values, np.array([0, len(values)], np.int64), skip_special_tokens=False)
    return text


# Lead bytes, continuation bytes and the borders between them.
HOSTILE_BYTES = st.lists(
    st.sampled_from(b"a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc2\xdf\xe0\xe1\xed\xef\xf0\xf1\xf4\xf5\xff"),
    max_size=12,
).map(bytes)


@given(st.binary(max_size=40) | HOSTILE_BYTES)
def test_invalid_utf8_becomes_replacement_characters(data: bytes) -> None:
    assert decode_bytes(data, _SPELLED, byte_level=True) == data.decode(errors="replace")
    try:
        expected = data.decode()
    except UnicodeDecodeError:
        expected = "\ufffd" * len(data)
    assert decode_bytes(data, _NAMED, byte_level=False) == expected


def test_bad_arguments_are_refused() -> None:
    decoder = Decoder(
        vocabulary=_NAMED,
        added=[],
        token_steps=[],
        byte_fallback=False,
        separator="",
        replaces_invalid=False,
        text_steps=[],
    )
    values = np.zeros(3, np.uint32)
    for offsets in ([], [0, 4], [0, 2, 1], [-1, 2]):
        with pytest.raises(ValueError, match="offsets must"):
            decoder.decode(values, np.array(offsets, np.int64), skip_special_tokens=False)
    with pytest.raises(ValueError, match="ids up to 4294967294 for 257 tokens"):
        Decoder(
            vocabulary=_NAMED,
            added=[(2**32 - 2, "far", False)],
            token_steps=[],
            byte_fallback=False,
            separator="",
            replaces_invalid=False,
            text_steps=[],
        )
