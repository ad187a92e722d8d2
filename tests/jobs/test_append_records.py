"""Chats, templates and prompts under --append: what comes later is made as what is there, on its day."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import tree_bytes
from fixtures.objects_below import objects_below
from fixtures.trained_tokenizers import KINDS

from pypack import Tokenizer, TokenStore
from pypack.jobs.output import OutputError
from pypack.jobs.repair import repair_store
from pypack.jobs.tokenize import RecordOptions, TokenizeOptions, tokenize
from pypack.remote import Url, objects
from pypack.store.remote_index import RemoteIndex

_TEMPLATE = (
    "{{ strftime_now('%d %b %Y') }}{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}\n"
    "{% else %}{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer's folder with a chat template that tells the day."""
    path = tmp_path_factory.mktemp("tokenizer")
    KINDS["qwen3"]().save(str(path / "tokenizer.json"))
    (path / "chat_template.jinja").write_text(_TEMPLATE)
    return path


@pytest.fixture(scope="module")
def chat_tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(folder)


def _records(first: int, count: int) -> bytes:
    def one(i: int) -> dict[str, Any]:
        chat = [{"role": "user", "content": f"ask {i}"}, {"role": "assistant", "content": f"good {i}"}]
        return {
            "m": chat,
            "text": f"text {i}",
            "p": f"ask {i}",
            "c": f"good {i}",
            "d": f"bad {i}",
            "w": i / 4,
        }

    return json_lines([one(i) for i in range(first, first + count)]) + b"bad\n"


_KINDS = {
    "chat": RecordOptions(messages="m"),
    "chat, all learned": RecordOptions(messages="m", learn="all"),
    "template": RecordOptions(template="### {p}\n{text}"),
    "masked template": RecordOptions(template="### {p}\n{text}", mask_template=True),
    "pairs": RecordOptions(prompt_field="p", completion_fields=("c", "d")),
    "weights": RecordOptions(prompt_field="p", completion_fields=("c",), weight_field="w"),
}


class _Tomorrow(date):
    @classmethod
    def today(cls) -> date:
        return date(2031, 5, 6)


@pytest.mark.parametrize("kind", _KINDS)
def test_the_store_of_one_job(
    kind: str, chat_tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = TokenizeOptions(records=_KINDS[kind], shard_tokens=60)
    files = [write(tmp_path / f"{i}.jsonl", _records(10 * i, 10)) for i in range(3)]
    tokenize(files, tmp_path / "whole", chat_tokenizer, options)
    tokenize(files[:1], tmp_path / "s", chat_tokenizer, options)
    with monkeypatch.context() as patched:
        patched.setattr("pypack.jobs.record_options.date", _Tomorrow)
        tokenize(files, tmp_path / "s", chat_tokenizer, options, append=True)
    grown, whole = TokenStore.open(tmp_path / "s"), TokenStore.open(tmp_path / "whole")
    assert grown.verify("deep") == []
    assert [d.tolist() for d in grown] == [d.tolist() for d in whole]
    for i in range(len(whole)):
        assert (grown.loss_mask(i) == whole.loss_mask(i)).all()
    for name in ("groups", "weights"):
        a, b = getattr(grown, name, None), getattr(whole, name, None)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a, b)
    before = tree_bytes(tmp_path / "s")
    last = max(name for name in before if name.endswith(".bin"))
    (tmp_path / "s" / last).unlink()
    assert repair_store(tmp_path / "s").repaired == [last]
    assert tree_bytes(tmp_path / "s") == before


def test_other_records_are_named(chat_tokenizer: Tokenizer, tmp_path: Path) -> None:
    a, b = (write(tmp_path / f"{i}.jsonl", _records(10 * i, 10)) for i in range(2))
    made = TokenizeOptions(records=_KINDS["chat"])
    tokenize([a], tmp_path / "s", chat_tokenizer, made)
    before = tree_bytes(tmp_path / "s")
    other = tmp_path / "other.jinja"
    other.write_text(_TEMPLATE.replace("%d", "%m"))
    others = {
        "learn": RecordOptions(messages="m", learn="all"),
        "2031-05-07": RecordOptions(messages="m", chat_date="2031-05-07"),
        "template": RecordOptions(template="{text}"),
        "chat_template": RecordOptions(messages="m", chat_template=str(other)),
    }
    for named, records in others.items():
        with pytest.raises((OutputError, ValueError), match=named):
            tokenize([b], tmp_path / "s", chat_tokenizer, TokenizeOptions(records=records), append=True)
    with pytest.raises(OutputError, match="records"):
        tokenize([b], tmp_path / "s", chat_tokenizer, append=True)
    assert tree_bytes(tmp_path / "s") == before


@pytest.mark.parametrize("kind", ["chat", "masked template"])
def test_at_a_url(
    kind: str, s3: Url, chat_tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = TokenizeOptions(records=_KINDS[kind], shard_tokens=60)
    files = [write(tmp_path / f"{i}.jsonl", _records(10 * i, 10)) for i in range(2)]
    for store in (tmp_path / "s", s3):
        tokenize(files[:1], store, chat_tokenizer, options)
    monkeypatch.setattr("pypack.jobs.record_options.date", _Tomorrow)
    for store in (tmp_path / "s", s3):
        tokenize(files, store, chat_tokenizer, options, append=True)
    assert objects_below(s3) == tree_bytes(tmp_path / "s")
    RemoteIndex(s3).verify()
    mask = max(name for name in tree_bytes(tmp_path / "s") if name.endswith(".mask"))
    objects().remove(s3 / mask)
    assert repair_store(s3).repaired == [mask]
    assert objects_below(s3) == tree_bytes(tmp_path / "s")
