"""`pypack inspect --fertility`."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from fixtures.trained_byte_level import BYTE_LEVEL

import pypack
from pypack.cli import main
from pypack.cli.fertility import script_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("hello", "Latin"),
        ("Привет", "Cyrillic"),
        ("中文", "Han"),
        ("日本のテキスト", "Japanese"),
        ("12 !", "none"),
    ],
)
def test_scripts(text: str, script: str) -> None:
    assert script_of(text) == script


def test_a_store_under_two_tokenizers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = pypack.Tokenizer.from_huggingface(BYTE_LEVEL["gpt2"]())
    other = tmp_path / "other.json"
    other.write_text(BYTE_LEVEL["llama3"]().to_str(), encoding="utf-8")
    texts = ["two words", "Привет мир", "more English words here"]
    with pypack.StoreWriter(
        tmp_path / "x.store", vocab_size=tokenizer.vocab_size, append_id=tokenizer.eos_id, tokenizer=tokenizer
    ) as writer:
        columns = pa.RecordBatch.from_pydict({"source": ["web", "wiki", "web"]})
        writer.append(tokenizer.encode_batch(texts), columns)
    arguments = ["inspect", str(tmp_path / "x.store"), "--fertility", str(other)]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["fertility"]
    assert [(group["by"], group["name"], group["documents"]) for group in found] == [
        ("source", "web", 2),
        ("source", "wiki", 1),
        ("script", "Latin", 2),
        ("script", "Cyrillic", 1),
        ("all", "all", 3),
    ]
    whole = found[-1]
    assert whole["words"] == 8
    for one, made in zip(whole["tokenizers"], (tokenizer, pypack.Tokenizer.from_file(other)), strict=True):
        assert one["tokens"] == sum(len(made.encode(text)) for text in texts)
        assert one["tokens_per_word"] == one["tokens"] / 8
        assert one["tokens_per_byte"] == one["tokens"] / len("".join(texts).encode())
    assert main(arguments) == 0
    assert "script Cyrillic" in capsys.readouterr().out


def test_only_stores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mix.yaml").write_text("phases: []")
    assert main(["inspect", str(tmp_path / "mix.yaml"), "--fertility"]) == 2
    assert "--fertility is of a store" in capsys.readouterr().err
