"""Files of the Hugging Face Hub: a stand-in at HF_ENDPOINT gives them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from fixtures.corpus_files import json_lines, write_parquet
from fixtures.hub_of_files import REPOSITORY, hub_of_files

from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.remote import ChangedObjectError, NoObjectError, UnsupportedError, Url
from pypack.remote.process import ProcessObjects, objects
from pypack.tokenizer.tokenizer import Tokenizer

pytest.importorskip("huggingface_hub")


def test_files_of_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tokenizer_file: Path) -> None:
    texts = [json_lines([{"text": f"words of {i}, {j}"} for j in range(40)]) for i in range(3)]
    files = {f"data/{i}.jsonl": text for i, text in enumerate(texts)} | {
        "README.md": b"---\nlicense: x\n---\n"
    }
    with hub_of_files(files) as server:
        monkeypatch.setenv("HF_ENDPOINT", server)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("PYPACK_REMOTE_SECONDS", "2")
        objects().close()
        there, data = ProcessObjects(), Url.of(f"hf://datasets/{REPOSITORY}")
        found = there.stat(data / "data/1.jsonl")
        assert found is not None
        assert (found.size, bool(found.etag)) == (len(texts[1]), True)
        assert there.read(data / "data/1.jsonl", 5, 25, etag=found.etag) == texts[1][5:25]
        assert there.read(data / "data/1.jsonl") == texts[1]
        assert [entry.path for entry in there.list(data)] == [
            "README.md", "data/0.jsonl", "data/1.jsonl", "data/2.jsonl",
        ]  # fmt: skip
        assert there.stat(data / "none") is None
        with pytest.raises(NoObjectError):
            there.read(data / "none", 0, 3)
        with pytest.raises(UnsupportedError, match="can be read only"):
            there.write(data / "x", b"")
        tokenizer = Tokenizer.from_file(tokenizer_file)
        done = tokenize([str(data)], tmp_path / "s", tokenizer, TokenizeOptions(unit_bytes=1000))
        assert (done.documents, done.left_out) == (120, {"dataset_card": {".md": 1}})
        files["data/3.parquet"] = Path(
            write_parquet(tmp_path / "3.parquet", pa.table({"text": ["a row"] * 50}), row_group_size=20)
        ).read_bytes()
        rows = tokenize([str(data / "data/*.parquet")], tmp_path / "rows", tokenizer)
        assert (rows.documents, rows.rejected) == (50, 0)
        files["data/1.jsonl"] = texts[2]
        with pytest.raises(ChangedObjectError):
            there.read(data / "data/1.jsonl", 5, 25, etag=found.etag)
        there.close()
        objects().close()
