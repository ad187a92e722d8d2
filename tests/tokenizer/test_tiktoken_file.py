"""from_tiktoken gives the ids of tiktoken itself."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.trained_byte_level import gpt2
from fixtures.training_texts import training_texts

import pypack
from pypack.tokenizer.native import patterns
from pypack.tokenizer.tiktoken_file import byte_characters

tiktoken = pytest.importorskip("tiktoken")

# As tiktoken 0.14 has them.
R50K = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
# (what tiktoken is given, what pypack is given)
PATTERNS = {
    "r50k": (R50K, R50K),
    "gpt2": (R50K, "gpt2"),
    "cl100k of tiktoken": (CL100K, CL100K),
    "cl100k of others": (patterns.CL100K, "cl100k"),
    "qwen2": (patterns.QWEN2, "qwen2"),
    "o200k": (patterns.O200K, "o200k"),
    "o200k by its text": (patterns.O200K, patterns.O200K),
    "tekken": (patterns.TEKKEN, "tekken"),
    "one of nobody": (r"\p{L}+|\s+|[^\p{L}\s]", r"\p{L}+|\s+|[^\p{L}\s]"),
}


@pytest.fixture(scope="module")
def ranks() -> dict[bytes, int]:
    bytes_of = {character: byte for byte, character in enumerate(byte_characters())}
    ranks = {bytes([byte]): byte for byte in range(256)}
    for left, right in json.loads(gpt2().to_str())["model"]["merges"]:
        ranks.setdefault(bytes(bytes_of[c] for c in left + right), len(ranks))
    return ranks


def write(path: Path, ranks: dict[bytes, int]) -> Path:
    path.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items()))
    return path


def hostile_texts() -> list[str]:
    blanks = [
        " \n ",
        "a\n  ",
        "!\n\n  \n",
        "\n \t",
        " ",
        "\r\n ",
        "a \u2003\n\u00a0",
        "1\n 2 \n",
        "x" + " \n" * 40,
    ]
    return [*blanks, *training_texts(), *random_texts(21, int(500 * SCALE), ("<|endoftext|>", "<|fim|>"))]


@pytest.mark.parametrize("name", PATTERNS)
def test_ids_are_those_of_tiktoken(tmp_path: Path, ranks: dict[bytes, int], name: str) -> None:
    theirs, ours = PATTERNS[name]
    # As in cl100k and o200k, some ids are unused.
    special = {"<|endoftext|>": len(ranks) + 1, "<|fim|>": len(ranks) + 7}
    encoding = tiktoken.Encoding("test", pat_str=theirs, mergeable_ranks=ranks, special_tokens=special)
    tokenizer = pypack.Tokenizer.from_tiktoken(
        write(tmp_path / "x.tiktoken", ranks), pattern=ours, special_tokens=special
    )
    assert tokenizer.engine == "native"
    assert tokenizer.vocab_size == encoding.n_vocab
    texts = hostile_texts()
    plain = tokenizer.encode_batch(texts, split_special_tokens=True)
    whole = tokenizer.encode_batch(texts)
    for text, plain_row, row in zip(texts, plain, whole, strict=True):
        assert plain_row.tolist() == encoding.encode_ordinary(text), ascii(text)
        assert row.tolist() == encoding.encode(text, allowed_special="all"), ascii(text)
    assert tokenizer.decode_batch(whole, skip_special_tokens=False) == texts
    # The tokenizer.json that it makes is one that `tokenizers` reads, with the same ids.
    again = pypack.Tokenizer.from_huggingface(tokenizer_of(tokenizer), engine="huggingface")
    assert again.encode_batch(texts) == whole


def tokenizer_of(tokenizer: pypack.Tokenizer) -> object:
    from tokenizers import Tokenizer

    return Tokenizer.from_str(tokenizer.to_json())


def test_tokens_that_no_merge_or_several_merges_make(tmp_path: Path) -> None:
    rng = random.Random(2)
    for _ in range(int(20 * SCALE) or 1):
        ranks = {bytes([byte]): byte for byte in range(256)}
        while len(ranks) < 400:
            ranks.setdefault(bytes(rng.choices(b"aab", k=rng.randint(2, 9))), len(ranks))
        encoding = tiktoken.Encoding("test", pat_str=CL100K, mergeable_ranks=ranks, special_tokens={})
        tokenizer = pypack.Tokenizer.from_tiktoken(write(tmp_path / "x.tiktoken", ranks), pattern=CL100K)
        for _ in range(100):
            text = "".join(rng.choices("aab", k=rng.randint(1, 40)))
            assert tokenizer.encode(text).tolist() == encoding.encode_ordinary(text), text


def test_what_has_no_exact_form_is_refused(tmp_path: Path, ranks: dict[bytes, int]) -> None:
    path = write(tmp_path / "x.tiktoken", ranks)

    def load(special: dict[str, int], pattern: str = "gpt2") -> None:
        pypack.Tokenizer.from_tiktoken(path, pattern=pattern, special_tokens=special)

    for special, message in (
        ({"<s>": 5}, r"special token '<s>' has the id of"),
        ({"<s>": 2000, "<t>": 2000}, r"special token '<t>' has the id of '<s>', 2000"),
        ({"a": 2000}, r"special token 'a' is empty, or one of the file's tokens"),
        ({"stop": 2000}, r"plain text can spell the special token 'stop'"),
    ):
        with pytest.raises(ValueError, match=message):
            load(special)
    load({"stop": len(ranks)})
    with pytest.raises(ValueError, match=r"possessive \{n,m\}\+"):
        load({}, r"\p{N}{1,3}+\p{N}|.")
    path.write_bytes(b"YQ== 0\nYg== one\n")
    with pytest.raises(ValueError, match="line 2 is not a token in base64 and its rank"):
        load({})
    path.write_bytes(b"YQ== 0\nYg== 2\n")
    with pytest.raises(ValueError, match="ranks must run from 0 to 1"):
        load({})


def check_encoding(encoding: object, tokenizer: pypack.Tokenizer) -> None:
    assert tokenizer.engine == "native"
    assert tokenizer.vocab_size == encoding.n_vocab  # type: ignore[attr-defined]
    texts = hostile_texts()
    plain = tokenizer.encode_batch(texts, split_special_tokens=True)
    whole = tokenizer.encode_batch(texts)
    for text, plain_row, row in zip(texts, plain, whole, strict=True):
        assert plain_row.tolist() == encoding.encode_ordinary(text), ascii(text)  # type: ignore[attr-defined]
        assert row.tolist() == encoding.encode(text, allowed_special="all")  # type: ignore[attr-defined]


def test_an_encoding_is_taken_as_it_is(ranks: dict[bytes, int]) -> None:
    special = {"<|endoftext|>": len(ranks)}
    encoding = tiktoken.Encoding("mine", pat_str=CL100K, mergeable_ranks=ranks, special_tokens=special)
    tokenizer = pypack.Tokenizer.from_tiktoken(encoding)
    check_encoding(encoding, tokenizer)
    assert tokenizer.eos_id == len(ranks)
    without = pypack.Tokenizer.from_tiktoken(encoding, special_tokens={}, pattern="gpt2")
    assert without.vocab_size == len(ranks)


def test_special_tokens_between_the_ranks(tmp_path: Path, ranks: dict[bytes, int]) -> None:
    """As in p50k_base and p50k_edit, whose <|endoftext|> stands before the last ranks."""
    place = len(ranks) - 24
    moved = {token: rank + (rank >= place) for token, rank in ranks.items()}
    for further in ({}, {"<|fim|>": len(ranks) + 1}):
        special = {"<|endoftext|>": place, **further}
        encoding = tiktoken.Encoding("p", pat_str=R50K, mergeable_ranks=moved, special_tokens=special)
        check_encoding(encoding, pypack.Tokenizer.from_tiktoken(encoding))
        file = write(tmp_path / "p50k.tiktoken", moved)
        read = pypack.Tokenizer.from_tiktoken(file, pattern="gpt2", special_tokens=special)
        check_encoding(encoding, read)
    with pytest.raises(ValueError, match="missing must be ids of special tokens"):
        pypack.Tokenizer.from_tiktoken(file, pattern="gpt2")


def test_every_encoding_of_tiktoken_by_name(ranks: dict[bytes, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """With their own patterns and special tokens; the ranks are those of a small vocabulary, moved to fit."""
    from tiktoken import registry
    from tiktoken_ext import openai_public

    def loaded(*_: object, **__: object) -> dict[bytes, int]:
        return dict(ranks)

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", loaded)
    monkeypatch.setattr(openai_public, "data_gym_to_mergeable_bpe_ranks", loaded)
    for name in registry.list_encoding_names():
        made = registry.ENCODING_CONSTRUCTORS[name]()  # type: ignore[index]
        encoding = tiktoken.Encoding(
            name,
            pat_str=made["pat_str"],
            mergeable_ranks=made["mergeable_ranks"],
            special_tokens=made["special_tokens"],
        )
        check_encoding(encoding, pypack.Tokenizer.from_tiktoken(name))
    with pytest.raises(ValueError, match="neither a file nor an encoding of tiktoken's: cl100k_base, "):
        pypack.Tokenizer.from_tiktoken("cl101k")


def test_a_file_needs_a_pattern(tmp_path: Path, ranks: dict[bytes, int]) -> None:
    with pytest.raises(TypeError, match='give pattern="cl100k"'):
        pypack.Tokenizer.from_tiktoken(write(tmp_path / "x.tiktoken", ranks))


def test_merges_are_every_way_to_make_a_token() -> None:
    from pypack._core import rank_json, rank_model, read_tiktoken

    tokens = {b"a": 3, b'"': 0, b"\\": 1, b" ": 2, b'a"': 5, b'"a': 4, b'a"a': 6, b"b\xff": 7}
    vocabulary, merges = rank_json(tokens)
    spelled = json.loads(vocabulary + b"}")
    assert list(spelled.values()) == list(tokens.values())
    assert spelled["Ġ"] == 2
    assert json.loads(merges) == [['"', "a"], ["a", '"'], ["a", '"a'], ['a"', "a"]]
    made, ways = rank_model(tokens, {"<x>": 9})
    assert [made.token(i) for i in range(10)] == ['"', "\\", "Ġ", "a", '"a', 'a"', 'a"a', "bÿ", None, "<x>"]
    assert len(ways) == 4
    with pytest.raises(ValueError, match="ranks must be bytes"):
        rank_model({"a": 1}, {})  # type: ignore[dict-item]
    assert read_tiktoken(b"YQ== 0\r\n\nYmM= 7") == {b"a": 0, b"bc": 7}
    for line in (b"YQ==", b"YQ= 0", b"Y!== 0", b"YQ== 0 1", b"YQ== -1", b"= 1", b"YQ== 99999999999"):
        assert read_tiktoken(b"YQ== 0\n" + line + b"\n") == 2
