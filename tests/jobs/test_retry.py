"""What a finished job has refused, tried again once it is mended: new documents behind the others."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from fixtures.corpus_files import json_lines, write, write_parquet

from pypack.corpus import ChangedInputError, CorpusError
from pypack.jobs.output import OutputError
from pypack.jobs.progress import TokenizeResult
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

_OPTIONS = TokenizeOptions(keep=("id",), shard_tokens=300)


@pytest.fixture(scope="module")
def tokenizer(tokenizer_file: Path) -> Tokenizer:
    return Tokenizer.from_file(tokenizer_file)


def _line(i: int) -> bytes:
    return json_lines([{"text": f"document {i}", "id": i}])


def _run(
    folder: Path, tokenizer: Tokenizer, *, again: bool = True, inputs: Path | None = None
) -> TokenizeResult:
    return tokenize([inputs or folder / "in"], folder / "s", tokenizer, _OPTIONS, retry_rejected=again)


def _ids(folder: Path) -> list[int]:
    ids: list[int] = TokenStore.open(folder / "s").columns(["id"]).column("id").to_pylist()
    return ids


def _corpus(folder: Path) -> None:
    """Three files of 100 lines; the second has two bad lines, the third is cut inside its 60th."""
    write(folder / "in/a.jsonl", b"".join(_line(i) for i in range(100)))
    lines = [_line(i) for i in range(100, 200)]
    lines[10], lines[70] = b"{'text': 'bad'}\n", b"nothing\n"
    write(folder / "in/b.jsonl", b"".join(lines))
    text = b"".join(_line(i) for i in range(200, 300))
    whole = gzip.compress(text, mtime=0)
    (folder / "in/c.jsonl.gz").write_bytes(whole[: len(whole) * 6 // 10])


def _mend(folder: Path) -> None:
    write(folder / "in/b.jsonl", b"".join(_line(i) for i in range(100, 200)))
    write(folder / "in/c.jsonl.gz", b"".join(_line(i) for i in range(200, 300)))


def test_mended_records_come_behind_the_others(tokenizer: Tokenizer, tmp_path: Path) -> None:
    _corpus(tmp_path)
    first = _run(tmp_path, tokenizer, again=False)
    assert (first.rejected, first.rejected_files) == (3, 1)
    before = TokenStore.open(tmp_path / "s")
    lengths, ids = before.lengths.copy(), _ids(tmp_path)
    documents = [np.array(document) for document in before]
    cut = max(ids)
    assert 200 < cut < 299
    _mend(tmp_path)
    result = _run(tmp_path, tokenizer)
    assert (result.documents, result.rejected, result.rejected_files) == (300, 0, 0)
    assert _ids(tmp_path) == [*ids, 110, 170, *range(cut + 1, 300)]
    after = TokenStore.open(tmp_path / "s")
    assert after.lengths[: len(lengths)].tolist() == lengths.tolist()
    assert all((after[i] == document).all() for i, document in enumerate(documents))
    assert after.verify() == []
    assert not (tmp_path / "s/rejected.jsonl").exists()
    assert after.info is not None
    assert after.info.counts["retries"] == 2
    # The tokens are those that the whole file gives.
    for number, i in enumerate(_ids(tmp_path)):
        assert after.text(number) == f"document {i}"


def test_what_is_bad_still_is_listed_still(tokenizer: Tokenizer, tmp_path: Path) -> None:
    _corpus(tmp_path)
    _run(tmp_path, tokenizer, again=False)
    lines = [_line(i) for i in range(100, 200)]
    lines[70] = b"nothing yet\n"
    write(tmp_path / "in/b.jsonl", b"".join(lines))
    # The mended file alone is enough; nothing of the others changes.
    result = _run(tmp_path, tokenizer, inputs=tmp_path / "in/b.jsonl")
    assert (result.rejected, result.rejected_files) == (2, 1)
    log = (tmp_path / "s/rejected.jsonl").read_text()
    assert log.count("b.jsonl") == 1
    assert '"line":71' in log
    assert log.count("c.jsonl.gz") == 1
    assert _ids(tmp_path)[-1] == 110
    TokenStore.open(tmp_path / "s").verify()
    _mend(tmp_path)
    result = _run(tmp_path, tokenizer)
    assert result.rejected == 0
    assert sorted(_ids(tmp_path)) == list(range(300))
    with pytest.raises(CorpusError, match="no input that was given has changed since"):
        _run(tmp_path, tokenizer)


def test_interrupted_and_mended_once_more(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _corpus(tmp_path)
    _run(tmp_path, tokenizer, again=False)
    ids = _ids(tmp_path)
    _mend(tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pypack.jobs.run.UnitWork.__call__", stop)
        with pytest.raises(KeyboardInterrupt):
            _run(tmp_path, tokenizer)
    assert _ids(tmp_path) == ids  # the old store is whole meanwhile
    os.utime(tmp_path / "in/b.jsonl")
    assert _run(tmp_path, tokenizer).rejected == 0
    assert sorted(_ids(tmp_path)) == list(range(300))


def test_rows_and_pieces(tokenizer: Tokenizer, tmp_path: Path) -> None:
    texts = [f"document {i}" if i % 10 else None for i in range(50)]
    (tmp_path / "in").mkdir()
    write_parquet(tmp_path / "in/a.parquet", pa.table({"text": texts, "id": range(50)}))
    lines = [_line(i) for i in range(50, 150)]
    lines[40] = lines[90] = b"bad\n"
    write(tmp_path / "in/b.jsonl", b"".join(lines))
    options = TokenizeOptions(keep=("id",), unit_bytes=1000)  # b.jsonl in pieces
    tokenize([tmp_path / "in"], tmp_path / "s", tokenizer, options)
    assert len(_ids(tmp_path)) == 45 + 98
    write_parquet(
        tmp_path / "in/a.parquet", pa.table({"text": [f"document {i}" for i in range(50)], "id": range(50)})
    )
    write(tmp_path / "in/b.jsonl", b"".join(_line(i) for i in range(50, 150)))
    result = tokenize([tmp_path / "in"], tmp_path / "s", tokenizer, options, retry_rejected=True)
    assert result.rejected == 0
    assert _ids(tmp_path)[-7:] == [0, 10, 20, 30, 40, 90, 140]


def test_what_cannot_be_tried_again(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        _run(tmp_path, tokenizer)
    _corpus(tmp_path)
    with pytest.raises(OutputError, match="holds no finished store"):
        _run(tmp_path, tokenizer)
    _run(tmp_path, tokenizer, again=False)
    with pytest.raises(CorpusError, match="no input that was given has changed"):
        _run(tmp_path, tokenizer)
    with pytest.raises(OutputError, match=r"differs from this one in field \(before 'text', now 'id'\)"):
        options = TokenizeOptions(keep=("id",), shard_tokens=300, field="id")
        tokenize([tmp_path / "in"], tmp_path / "s", tokenizer, options, retry_rejected=True)
    write(tmp_path / "in/new.jsonl", _line(1))
    with pytest.raises(CorpusError, match=r"new\.jsonl: was not among the inputs"):
        _run(tmp_path, tokenizer)
    (tmp_path / "in/new.jsonl").unlink()
    with (tmp_path / "in/a.jsonl").open("ab") as file:
        file.write(_line(5))
    with pytest.raises(CorpusError, match=r"a\.jsonl: changed since .* nothing of it was refused"):
        _run(tmp_path, tokenizer)


def test_lines_before_the_mended_one_must_stay(tokenizer: Tokenizer, tmp_path: Path) -> None:
    _corpus(tmp_path)
    _run(tmp_path, tokenizer, again=False)
    ids = _ids(tmp_path)
    write(tmp_path / "in/b.jsonl", b"".join(_line(i) for i in range(99, 200)))  # one line more, in front
    with pytest.raises(ChangedInputError, match="what stands before it must stay"):
        _run(tmp_path, tokenizer, inputs=tmp_path / "in/b.jsonl")
    assert _ids(tmp_path) == ids
