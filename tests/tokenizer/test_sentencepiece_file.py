"""SentencePiece models: the ids of the `sentencepiece` library itself."""

from __future__ import annotations

import io
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.training_texts import training_texts

import pypack
from pypack.tokenizer.protobuf import fields
from pypack.tokenizer.telling_texts import telling_texts

sentencepiece = pytest.importorskip("sentencepiece")

KINDS: dict[str, dict[str, Any]] = {
    "bpe": {"model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity"},
    "llama": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "split_digits": True,
    },
    "gemma": {
        "model_type": "bpe",
        "byte_fallback": True,
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "user_defined_symbols": ["<mask>", "\n\n", "\u2581\u2581", "ab", "abc"],
        "normalization_rule_name": "identity",
    },
    "bpe without bytes": {"model_type": "bpe", "character_coverage": 0.98},
    "bpe over spaces": {"model_type": "bpe", "byte_fallback": True, "split_by_whitespace": False},
    "unigram": {"model_type": "unigram"},
    "unigram with bytes": {"model_type": "unigram", "byte_fallback": True, "character_coverage": 0.98},
    "nfkc with case folding": {"model_type": "unigram", "normalization_rule_name": "nmt_nfkc_cf"},
    "suffix": {"model_type": "unigram", "treat_whitespace_as_suffix": True},
    "unigram with symbols": {
        "model_type": "unigram",
        "user_defined_symbols": ["<sep>", "the ", "\u2581a"],
        "control_symbols": ["<ctrl>"],
        "pad_id": 3,
    },
    "other ids": {
        "model_type": "bpe",
        "unk_id": 2,
        "bos_id": -1,
        "eos_id": 0,
        "pad_id": 1,
        "eos_piece": "[E]",
    },
}


def train(**options: Any) -> bytes:
    written = io.BytesIO()
    texts = [line for text in training_texts() for line in text.split("\n") if line.strip()]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts * 3),
        model_writer=written,
        vocab_size=options.pop("vocab_size", 700),
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
        **options,
    )
    return written.getvalue()


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest) -> bytes:
    return train(**KINDS[request.param])


def texts() -> list[str]:
    pieces = ("<mask>", "<sep>", "<s>", "</s>", "<0x41>", "<unk>", "\u2581", "the ", "abc", "<ctrl>", "  ")
    hostile = random_texts(11, max(1, int(1500 * SCALE)), pieces)
    return [*telling_texts(pieces), *training_texts(), *hostile, "".join(training_texts())]


def loaded(folder: Path, data: bytes) -> pypack.Tokenizer:
    (folder / "tokenizer.model").write_bytes(data)
    return pypack.Tokenizer.from_file(folder)


def test_ids(tmp_path: Path, model: bytes) -> None:
    theirs = sentencepiece.SentencePieceProcessor(model_proto=model)
    ours = loaded(tmp_path, model)
    assert ours.engine == "native"
    assert ours.vocab_size == theirs.vocab_size()
    documents = texts()
    rows = ours.encode_batch(documents)
    for text, row in zip(documents, rows, strict=True):
        assert row.tolist() == theirs.encode(text), ascii(text)
    some = rows[len(telling_texts())]
    assert ours.decode(some) == theirs.decode(some.tolist())
    ids = {"bos": theirs.bos_id(), "eos": theirs.eos_id(), "pad": theirs.pad_id()}
    assert ours.special_tokens.as_dict() == {role: None if i < 0 else i for role, i in ids.items()}


def test_code_points(tmp_path: Path, model: bytes) -> None:
    """Every code point alone, and beside marks and letters that rules take together with it."""
    theirs = sentencepiece.SentencePieceProcessor(model_proto=model)
    ours = loaded(tmp_path, model)
    step = 1 if SCALE >= 10 else max(1, int(37 / SCALE))
    points = [chr(c) for c in [*range(0x300), *range(0x300, 0x110000, step)] if not 0xD800 <= c < 0xE000]
    documents = [f"a{c} {c}\u0301{c}x" for c in points]
    for text, row in zip(documents, ours.encode_batch(documents), strict=True):
        assert row.tolist() == theirs.encode(text), ascii(text)


def test_unused_pieces_and_equal_scores(tmp_path: Path) -> None:
    """Of models that were changed after training."""
    proto = pytest.importorskip("sentencepiece.sentencepiece_model_pb2")
    rng = random.Random(3)
    for kind in ("bpe", "unigram"):
        data = train(model_type=kind, byte_fallback=True)
        for _ in range(max(1, int(4 * SCALE))):
            changed = proto.ModelProto()
            changed.ParseFromString(data)
            for piece in changed.pieces:
                if piece.type == 1 and rng.random() < 0.2:
                    piece.type = 5
                if rng.random() < 0.5:
                    piece.score = float(round(piece.score))
            model = changed.SerializeToString()
            theirs = sentencepiece.SentencePieceProcessor(model_proto=model)
            ours = loaded(tmp_path, model)
            for text in texts()[: max(1, int(300 * SCALE))]:
                assert ours.encode(text).tolist() == theirs.encode(text), ascii(text)


def test_it_is_kept_like_any_other(tmp_path: Path, model: bytes) -> None:
    ours = loaded(tmp_path, model)
    folder = tmp_path / "again"
    folder.mkdir()
    (folder / "tokenizer.json").write_text(ours.to_json(), encoding="utf-8")
    for again in (pypack.Tokenizer.from_file(folder), pickle.loads(pickle.dumps(ours))):
        assert again.fingerprint == ours.fingerprint
        assert again.ids_fingerprint == ours.ids_fingerprint
        assert again.special_tokens == ours.special_tokens
        assert again.encode("a text").tolist() == ours.encode("a text").tolist()


def test_control_symbols_are_not_looked_for(tmp_path: Path) -> None:
    ours = loaded(tmp_path, train(model_type="bpe", byte_fallback=True))
    assert ours.eos_id not in ours.encode("</s>").tolist()
    assert ours.decode([ours.bos_id, *ours.encode("the text"), ours.eos_id]) == "the text"


def test_what_it_cannot_do(tmp_path: Path) -> None:
    ours = loaded(tmp_path, train(model_type="bpe"))
    with pytest.raises(
        ValueError, match="a SentencePiece model, which the `tokenizers` library has no form of"
    ):
        ours.encode_batch(["a"], return_offsets=True)
    with pytest.raises(ValueError, match="a SentencePiece model, which"):
        pypack.Tokenizer.from_file(tmp_path, engine="huggingface")
    for kind in ("word", "char"):
        with pytest.raises(ValueError, match="a model of words or characters"):
            loaded(tmp_path, train(model_type=kind, vocab_size=60))


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_file_is_refused_or_read(tmp_path: Path, seed: int) -> None:
    data = train(model_type="bpe", byte_fallback=True)
    rng = random.Random(seed)
    for _ in range(max(1, int(60 * SCALE))):
        damaged = bytearray(data[: rng.randrange(len(data))] if rng.random() < 0.5 else data)
        for _ in range(rng.randint(1, 8)):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            tokenizer = loaded(tmp_path, bytes(damaged))
        except ValueError:
            continue
        tokenizer.encode("some text \u00e9")


def test_fields_of_a_message() -> None:
    assert list(fields(b"\x08\x96\x01\x12\x01a\x1d\x00\x00\x80?")) == [(1, 150), (2, b"a"), (3, 1.0)]
    for broken in (b"\x08", b"\x12\x05a", b"\x0b", b"\x00\x01", b"\x1d\x00", b"\x08" + b"\xff" * 11):
        with pytest.raises(ValueError):
            list(fields(broken))
