"""What the `tokenizers` library raises, panics among it, is an error of one document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from fixtures.corpus_files import json_lines, write
from tokenizers import Tokenizer as HuggingFaceTokenizer
from tokenizers import models, pre_tokenizers

from pypack.corpus import RejectedInputError
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.tokenizer.tokenizer import Tokenizer


def _without_unk() -> Tokenizer:
    """WordLevel that lacks its unknown token: the library raises a bare Exception."""
    inner = HuggingFaceTokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return Tokenizer.from_huggingface(inner, engine="huggingface")


def _definition(tokenizer_file: Path, **sections: Any) -> bytes:
    return orjson.dumps({**orjson.loads(tokenizer_file.read_bytes()), **sections})


@pytest.fixture
def panicking(tokenizer_file: Path, tmp_path: Path) -> Tokenizer:
    """An expression that tries exponentially many ways; its engine gives up, and the library panics."""
    split = {"type": "Split", "pattern": {"Regex": "(x+x+)+y"}, "behavior": "Isolated", "invert": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    path = tmp_path / "tokenizer.json"
    before = {"type": "Sequence", "pretokenizers": [split, byte_level]}
    path.write_bytes(_definition(tokenizer_file, pre_tokenizer=before))
    return Tokenizer.from_file(path, engine="huggingface")  # the native engine takes no time for it


@pytest.mark.parametrize("threads", [1, 2, None])
def test_the_document_is_named(threads: int | None, panicking: Tokenizer) -> None:
    missing = _without_unk()
    with pytest.raises(ValueError, match=r"^document 1: .*Missing \[UNK\]"):
        missing.encode_batch(["a b", "a c", "c"], num_threads=threads)
    with pytest.raises(ValueError, match=r"^document 0: "):
        missing.encode("c")
    with pytest.raises(ValueError, match=r"^document 2: "):
        panicking.encode_batch(["fine", "also fine", "x" * 46], num_threads=threads)
    with pytest.raises(ValueError, match=r"^document 1: "):
        panicking.encode_batch(["fine", "x" * 46], num_threads=threads, return_offsets=True)


def test_a_job_sets_such_documents_aside(tmp_path: Path) -> None:
    texts = ["a", "c", "b b", "c c", "a"]
    lines = [json_lines([{"text": text, "k": i}]) for i, text in enumerate(texts)]
    lines[3:3] = [b"no json\n"]
    inputs = [write(tmp_path / "a.jsonl", b"".join(lines)), write(tmp_path / "b.jsonl.gz", b"\n" + lines[1])]
    options = TokenizeOptions(keep=("k",))
    result = tokenize(inputs, tmp_path / "store", _without_unk(), options)
    assert (result.documents, result.rejected_by_kind) == (3, {"not_encodable": 3, "bad_json": 1})
    rejects = [orjson.loads(line) for line in (tmp_path / "store/rejected.jsonl").read_bytes().splitlines()]
    starts = [len(b"".join(lines[:i])) for i in range(len(lines))]
    assert [(r["line"], r["offset"]) for r in rejects] == [
        (2, starts[1]),
        (4, starts[3]),
        (5, starts[4]),
        (2, 1),
    ]
    assert "Missing [UNK] token" in rejects[0]["reason"]
    with pytest.raises(RejectedInputError, match=r"b\.jsonl\.gz: line 2 .*UNK"):
        tokenize(inputs[1:], tmp_path / "other", _without_unk(), options, on_error="stop")


def test_dropout_is_refused_for_jobs(tokenizer_file: Path, tmp_path: Path) -> None:
    model = {**json.loads(tokenizer_file.read_bytes())["model"], "dropout": 0.1}
    path = tmp_path / "tokenizer.json"
    path.write_bytes(_definition(tokenizer_file, model=model))
    tokenizer = Tokenizer.from_file(path)
    assert tokenizer.dropout == 0.1
    with pytest.raises(ValueError, match=r"dropout 0\.1"):
        tokenize([write(tmp_path / "a.txt", b"text")], tmp_path / "store", tokenizer)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("pattern", [{"String": "a"}, {"Regex": "a"}, {"Regex": "b*"}])
@pytest.mark.parametrize("engine", [None, "huggingface"])
def test_replacements_that_multiply_are_refused(
    pattern: dict[str, str], engine: Any, tokenizer_file: Path, tmp_path: Path
) -> None:
    steps = [{"type": "Replace", "pattern": pattern, "content": "a" * 16}] * 9
    path = tmp_path / "tokenizer.json"
    path.write_bytes(_definition(tokenizer_file, normalizer={"type": "Sequence", "normalizers": steps}))
    with pytest.raises(ValueError, match=r"tokenizer\.json: the normalizer is refused"):
        Tokenizer.from_file(path, engine=engine)
    path.write_bytes(_definition(tokenizer_file, decoder={"type": "Sequence", "decoders": steps}))
    with pytest.raises(ValueError, match=r"tokenizer\.json: the decoder is refused"):
        Tokenizer.from_file(path, engine=engine)
    path.write_bytes(_definition(tokenizer_file, decoder={"type": "Sequence", "decoders": steps[:2]}))
    assert Tokenizer.from_file(path, engine=engine).vocab_size > 0
