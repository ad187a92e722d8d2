"""`--word-borders`: what a job keeps, whoever makes it, and what becomes of it when the store lives on."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import tree_bytes

import pypack
from pypack.cli import main
from pypack.jobs.output import OutputError
from pypack.jobs.partition import Partition
from pypack.jobs.record_options import RecordOptions
from pypack.jobs.store_merge import merge_stores
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.store.alike import StoresDifferError
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

OPTIONS = TokenizeOptions(word_borders=True, shard_tokens=300, unit_bytes=1500, prepend_bos=True)


def _lines(first: int, count: int) -> bytes:
    return json_lines([{"text": f"don't, document {i}! " * (i % 5)} for i in range(first, first + count)])


def _inputs(folder: Path) -> list[str]:
    return [write(folder / f"{i}.jsonl", _lines(40 * i, 40) + b"bad\n") for i in range(3)]


@pytest.fixture(scope="session")
def with_bos(tokenizer_file: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(tokenizer_file)
    return tokenizer if tokenizer.bos_id is not None else Tokenizer.from_file(
        tokenizer_file, bos_token="<|endoftext|>"
    )  # fmt: skip


def _check(store: TokenStore, tokenizer: Tokenizer) -> None:
    """Words are those of the texts, and what stands around a document is a word each."""
    assert store.info.requires == ("word_borders",)
    assert store.verify("deep") == []
    for i in range(len(store)):
        inner = store[i][1:-1]
        text = tokenizer.decode(inner, skip_special_tokens=False)
        rows, _, begins = tokenizer.encode_batch_with_words([text], split_special_tokens=True)
        assert rows.values.tolist() == inner.tolist()
        assert store.word_borders(i).tolist() == [True, *begins.tolist(), True]


def test_the_same_bytes_by_workers_partitions_and_threads(tmp_path, with_bos):
    inputs = _inputs(tmp_path)
    done = tokenize(inputs, tmp_path / "a", with_bos, OPTIONS, num_threads=1)
    assert done.units > 3
    store = TokenStore.open(tmp_path / "a")
    assert len(store) == 120
    assert {file.suffix for file in (tmp_path / "a").iterdir()} >= {".bin", ".idx", ".words"}
    _check(store, with_bos)
    wanted = tree_bytes(tmp_path / "a")
    tokenize(inputs, tmp_path / "b", with_bos, OPTIONS, num_workers=2, batch_bytes=200)
    assert tree_bytes(tmp_path / "b") == wanted
    for part in (1, 0):
        tokenize(inputs, tmp_path / "c", with_bos, OPTIONS, partition=Partition(part, 2), num_threads=2)
    assert tree_bytes(tmp_path / "c") == wanted


def test_appended_retried_and_merged(tmp_path, with_bos):
    inputs = _inputs(tmp_path)
    whole = tokenize(inputs, tmp_path / "whole", with_bos, OPTIONS)
    tokenize(inputs[:2], tmp_path / "a", with_bos, OPTIONS)
    tokenize(inputs, tmp_path / "a", with_bos, OPTIONS, append=True)
    store = TokenStore.open(tmp_path / "a")
    assert len(store) == whole.documents
    _check(store, with_bos)
    tokenize(inputs[:1], tmp_path / "b", with_bos, OPTIONS)
    merged = merge_stores([tmp_path / "a", tmp_path / "b"], tmp_path / "m").store
    _check(merged, with_bos)
    assert merged.word_borders(120).tolist() == store.word_borders(0).tolist()
    Path(inputs[0]).write_bytes(_lines(0, 40) + _lines(500, 1))
    tokenize(inputs[:1], tmp_path / "b", with_bos, OPTIONS, retry_rejected=True)
    _check(TokenStore.open(tmp_path / "b"), with_bos)
    assert TokenStore.open(tmp_path / "b").num_documents == 41


def test_a_broken_file_of_words_is_made_again(tmp_path, with_bos, capsys):
    tokenize(_inputs(tmp_path), tmp_path / "a", with_bos, OPTIONS)
    wanted = tree_bytes(tmp_path / "a")
    file = sorted((tmp_path / "a").glob("*.words"))[1]
    file.write_bytes(bytes(len(file.read_bytes())))
    assert main(["verify", str(tmp_path / "a")]) == 1
    assert main(["verify", "--repair", str(tmp_path / "a")]) == 0
    capsys.readouterr()
    assert tree_bytes(tmp_path / "a") == wanted


def test_chosen_and_limited_documents_keep_theirs(tmp_path, with_bos):
    from dataclasses import replace

    inputs = _inputs(tmp_path)
    options = replace(OPTIONS, min_tokens=6, limit=30)
    tokenize(inputs, tmp_path / "a", with_bos, options)
    assert len(TokenStore.open(tmp_path / "a")) == 30
    _check(TokenStore.open(tmp_path / "a"), with_bos)


def test_stores_with_and_without_do_not_mix(tmp_path, with_bos):
    from dataclasses import replace

    inputs = _inputs(tmp_path)
    plain = replace(OPTIONS, word_borders=False)
    tokenize(inputs[:1], tmp_path / "a", with_bos, OPTIONS)
    tokenize(inputs[:1], tmp_path / "b", with_bos, plain)
    assert TokenStore.open(tmp_path / "b").info.requires == ()
    assert "word_borders" not in TokenStore.open(tmp_path / "b").info.options
    with pytest.raises(StoresDifferError, match="what is beside tokens"):
        merge_stores([tmp_path / "a", tmp_path / "b"], tmp_path / "m")
    for name, options in (("a", plain), ("b", OPTIONS)):
        with pytest.raises(OutputError, match="word_borders"):
            tokenize(inputs, tmp_path / name, with_bos, options, append=True)


def test_jobs_that_cannot_keep_them_say_so(tmp_path, with_bos):
    from fixtures.trained_tokenizers import KINDS

    inputs = _inputs(tmp_path)
    with pytest.raises(ValueError, match="does not cut texts into words"):
        tokenize(inputs, tmp_path / "a", pypack.Tokenizer.from_huggingface(KINDS["llama2"]()), OPTIONS)
    records = TokenizeOptions(word_borders=True, records=RecordOptions(template="{text}"))
    with pytest.raises(ValueError, match="records that become texts"):
        tokenize(inputs, tmp_path / "a", with_bos, records)
    assert not (tmp_path / "a").exists()


def test_the_command_keeps_them(tmp_path, tokenizer_file, capsys):
    inputs = _inputs(tmp_path)
    command = ["tokenize", *inputs, "-o", str(tmp_path / "a"), "--tokenizer", str(tokenizer_file)]
    assert main([*command, "--word-borders", "--quiet", "--max-rejects", "3"]) == 0
    capsys.readouterr()
    assert TokenStore.open(tmp_path / "a").has_word_borders
