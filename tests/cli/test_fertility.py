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
    assert "--fertility is of a store or of texts" in capsys.readouterr().err


def test_texts_under_several_tokenizers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = {name: pypack.Tokenizer.from_huggingface(BYTE_LEVEL[name]()) for name in ("gpt2", "llama3")}
    named = []
    for name, tokenizer in made.items():
        (tmp_path / f"{name}.json").write_text(tokenizer.to_json(), encoding="utf-8")
        named += ["--tokenizer", str(tmp_path / f"{name}.json")]
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "plain.txt").write_text("a text by itself", encoding="utf-8")
    lines = [{"text": "two words", "source": "web"}, {"text": "Привет мир"}]
    (folder / "more.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    texts = ["two words", "Привет мир", "a text by itself"]
    assert main(["inspect", str(folder), "--fertility", *named, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["fertility"]
    by_source = {group["name"]: group["words"] for group in found if group["by"] == "source"}
    assert by_source == {"web": 2, "more.jsonl": 2, "plain.txt": 4}
    assert {group["name"] for group in found if group["by"] == "script"} == {"Latin", "Cyrillic"}
    for one, tokenizer in zip(found[-1]["tokenizers"], made.values(), strict=True):
        assert one["tokens"] == sum(tokenizer.count_batch(texts))
    assert main(["inspect", str(folder), "--fertility", *named]) == 0
    shown = capsys.readouterr().out
    assert "gpt2.json tokens/word" in shown
    assert "llama3.json tokens/word" in shown
    assert main(["inspect", str(folder), "--fertility"]) == 2
    assert "needs a tokenizer" in capsys.readouterr().err
    assert main(["inspect", str(tmp_path / "nothing"), "--fertility", *named]) == 2


def test_a_tokenizer_that_cannot_be_read_is_asked_wrongly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("two words", encoding="utf-8")
    (tmp_path / "wrong.json").write_text("{}", encoding="utf-8")
    arguments = ["inspect", str(tmp_path / "a.txt"), "--fertility", str(tmp_path / "wrong.json")]
    assert main(arguments) == 2
    assert "wrong.json" in capsys.readouterr().err
