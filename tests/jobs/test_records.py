"""Jobs whose records become texts: chats, prompts and completions, templates; special tokens on write."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from fixtures.trained_tokenizers import KINDS

from pypack import Tokenizer, TokenStore
from pypack.cli import main
from pypack.jobs.tokenize import NoEndTokenError, RecordOptions, TokenizeOptions, tokenize
from pypack.records import RecordError

TEMPLATE = (
    "{% if tools %}<tools>{{ tools|tojson }}</tools>{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}\n"
    "{% else %}{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer's folder with a chat template, and the markers of it as special tokens."""
    path = tmp_path_factory.mktemp("tokenizer")
    KINDS["qwen3"]().save(str(path / "tokenizer.json"))
    (path / "chat_template.jinja").write_text(TEMPLATE)
    return path


def lines(path: Path, records: list[object]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def chat(*contents: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(contents)]


def test_conversations_are_those_of_encode_chat(tmp_path, folder):
    records = [{"id": i, "messages": chat(f"question {i} <|im_end|>", f"answer {i}")} for i in range(40)]
    records[7]["messages"] += chat("more", "and more")
    lines(tmp_path / "chats.jsonl", records)
    command = [
        "tokenize", str(tmp_path / "chats.jsonl"), "-o", str(tmp_path / "s"), "--tokenizer", str(folder),
        "--messages", "messages", "--keep", "id", "--shard-tokens", "300",
    ]  # fmt: skip
    assert main(command) == 0
    store = TokenStore.open(tmp_path / "s")
    tokenizer = Tokenizer.from_file(folder)
    assert len(store) == 40
    assert len(store.info.shards) > 3
    for i, record in enumerate(records):
        ids, learned = tokenizer.encode_chat(record["messages"])
        assert store[i].tolist() == ids.tolist()
        assert store.loss_mask(i).tolist() == learned.tolist()
    assert store.columns(["id"]).column("id").to_pylist() == list(range(40))
    assert store.appended_id is None
    assert store.info.requires == ("loss_mask",)
    assert store.verify() == []
    assert main(["inspect", str(tmp_path / "s")]) == 0


def test_batches_workers_and_formats_change_nothing(tmp_path, folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    records = [{"messages": chat("é" * (i % 7) + f"q {i}", f"a {i}" * (i % 5 + 1))} for i in range(60)]
    lines(tmp_path / "a.jsonl", records)
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    tokenizer = Tokenizer.from_file(folder)
    options = TokenizeOptions(records=RecordOptions(messages="messages"), shard_tokens=400)
    made = []
    for name, more in (
        ("a.jsonl", {}),
        ("a.jsonl", {"batch_bytes": 100}),
        ("a.parquet", {}),
        ("a.jsonl", {"num_workers": 2}),
    ):
        output = tmp_path / f"s{len(made)}"
        result = tokenize([tmp_path / name], output, tokenizer, options, **more)
        assert result.rejected == 0
        store = TokenStore.open(output)
        made.append([(store[i].tolist(), store.loss_mask(i).tolist()) for i in range(len(store))])
    assert made[0] == made[1] == made[2] == made[3]


def test_what_learn_means(tmp_path, folder):
    lines(tmp_path / "a.jsonl", [{"m": chat("q", "first", "r", "second")}])
    tokenizer = Tokenizer.from_file(folder)

    def learned(learn: str) -> str | None:
        output = tmp_path / learn
        options = TokenizeOptions(records=RecordOptions(messages="m", learn=learn))
        tokenize([tmp_path / "a.jsonl"], output, tokenizer, options)
        store = TokenStore.open(output)
        if not store.has_loss_mask:
            return None
        return tokenizer.decode(store[0][store.loss_mask(0)], skip_special_tokens=False)

    assert learned("assistant") == "first<|im_end|>second<|im_end|>"
    assert learned("last-assistant") == "second<|im_end|>"
    assert learned("all") is None
    assert learned("none") == ""


def test_a_template_without_tags(tmp_path, folder):
    source = TEMPLATE.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    tokenizer = Tokenizer.from_file(folder)
    ids, learned = tokenizer.encode_chat(chat("q", "first", "r", "second"), template=source)
    assert tokenizer.decode(ids[learned], skip_special_tokens=False) == "first<|im_end|>\nsecond<|im_end|>\n"
    ids, learned = tokenizer.encode_chat(
        chat("q", "first", "r", "last"), template=source, learn="last-assistant"
    )
    assert tokenizer.decode(ids[learned], skip_special_tokens=False) == "last<|im_end|>\n"
    forgetful = source.replace("{{ m.content }}", "{{ m.content if loop.last else '' }}")
    (tmp_path / "forgetful.jinja").write_text(forgetful)
    with pytest.raises(RecordError, match=r"forgetful\.jinja: has no generation tags") as caught:
        tokenizer.encode_chat(chat("q", "a", "r", "b"), template=tmp_path / "forgetful.jinja")
    assert caught.value.kind == "not_a_prefix"


def test_rejects_have_their_place_and_reason(tmp_path, folder):
    records: list[object] = [
        {"messages": chat("a", "b")},
        {"messages": []},
        {"messages": None},
        [1],
        {"other": 1},
        {"messages": chat("only a question")},
        {"messages": [{"role": "user", "content": [{"type": "image", "url": "x"}]}]},
        {"messages": [{"content": "who?"}]},
        {"messages": "not json"},
        {"messages": [{"role": "user", "content": 3}]},
        {"messages": chat("c", "d")},
    ]
    lines(tmp_path / "a.jsonl", records)
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write("not json\n\n")
    options = TokenizeOptions(records=RecordOptions(messages="messages"))
    result = tokenize([tmp_path / "a.jsonl"], tmp_path / "s", Tokenizer.from_file(folder), options)
    assert result.documents == 2
    rejects = [json.loads(line) for line in (tmp_path / "s/rejected.jsonl").read_text().splitlines()]
    kinds = [
        "no_messages", "null_field", "not_object", "missing_field", "nothing_learned", "not_text",
        "bad_messages", "bad_messages", "bad_messages", "bad_json",
    ]  # fmt: skip
    assert [reject["kind"] for reject in rejects] == kinds
    assert [reject["line"] for reject in rejects] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 12]
    assert "of type 'image'" in rejects[5]["reason"]


def test_a_role_that_the_template_refuses_is_a_reject(tmp_path, folder):
    strict = (
        "{% for m in messages %}{% if m.role != 'user' %}\n{{ raise_exception('no ' + m.role) }}{% endif %}"
    )
    (tmp_path / "strict.jinja").write_text(strict + "{{ m.content }}{% endfor %}")
    lines(tmp_path / "a.jsonl", [{"m": chat("a")}, {"m": chat("a", "b")}])
    options = TokenizeOptions(
        records=RecordOptions(messages="m", learn="all", chat_template=str(tmp_path / "strict.jinja"))
    )
    tokenize([tmp_path / "a.jsonl"], tmp_path / "s", Tokenizer.from_file(folder), options)
    (reject,) = map(json.loads, (tmp_path / "s/rejected.jsonl").read_text().splitlines())
    assert reject["kind"] == "refused_by_template"
    assert reject["line"] == 2
    assert reject["reason"] == f"{tmp_path}/strict.jinja: line 2: refuses it: no assistant"


def test_metadata_before_a_text(tmp_path, tokenizer_file):
    """MeCo: BOS and metadata are not learned, text and the end token are."""
    lines(tmp_path / "web.jsonl", [{"text": "the packer takes", "url": "https://example.org/x"}])
    command = [
        "tokenize", str(tmp_path / "web.jsonl"), "-o", str(tmp_path / "s"),
        "--tokenizer", str(tokenizer_file),
        "--template", r"URL: {url|host}\n\n{text}", "--mask-template", "--prepend-bos",
        "--bos-token", "<|endoftext|>", "--append-eos",
    ]  # fmt: skip
    assert main(command) == 0
    store = TokenStore.open(tmp_path / "s")
    tokenizer = store.tokenizer()
    end = tokenizer.token_to_id("<|endoftext|>")
    text = tokenizer.encode("URL: example.org\n\nthe packer takes").tolist()
    assert store[0].tolist() == [end, *text, end]
    learned = store.loss_mask(0)
    assert tokenizer.decode(store[0][learned], skip_special_tokens=False) == "the packer takes<|endoftext|>"
    assert not learned[0]
    assert learned[-1]
    assert store.prepended_ids == (end,)


def test_pairs_are_groups(tmp_path, folder):
    records = [{"prompt": f"Q{i}: ", "chosen": "yes " * (i + 1), "rejected": "no"} for i in range(9)]
    records += [{"prompt": "Q: ", "chosen": "", "rejected": "no"}]  # nothing to learn: both are left out
    lines(tmp_path / "a.jsonl", records)
    options = TokenizeOptions(
        records=RecordOptions(prompt_field="prompt", completion_fields=("chosen", "rejected")),
        shard_tokens=40,
    )
    tokenizer = Tokenizer.from_file(folder, eos_token="<|endoftext|>")
    result = tokenize([tmp_path / "a.jsonl"], tmp_path / "s", tokenizer, options)
    assert (result.documents, result.rejected) == (18, 1)
    store = TokenStore.open(tmp_path / "s")
    assert store.groups.tolist() == np.repeat(np.arange(0, 18, 2), 2).tolist()
    assert all(shard.documents % 2 == 0 for shard in store.info.shards)
    assert store.info.requires == ("groups", "loss_mask")
    for i in range(18):
        record = records[i // 2]
        completion = record["chosen"] if i % 2 == 0 else record["rejected"]
        learned = store[i][store.loss_mask(i)]
        assert tokenizer.decode(learned, skip_special_tokens=False) == completion + "<|endoftext|>"
    assert main(
        ["pack", str(tmp_path / "s"), "-o", str(tmp_path / "p"), "--sequence-length", "64",
         "--keep-together", "group", "--overflow", "drop"]
    ) == 0  # fmt: skip


def test_pairs_of_conversations(tmp_path, folder):
    tokenizer = Tokenizer.from_file(folder)
    lines(tmp_path / "a.jsonl", [{"chosen": chat("q", "good"), "rejected": chat("q", "bad")}])
    options = TokenizeOptions(
        records=RecordOptions(completion_fields=("chosen", "rejected")), append_eos=False
    )
    tokenize([tmp_path / "a.jsonl"], tmp_path / "s", tokenizer, options)
    store = TokenStore.open(tmp_path / "s")
    texts = [tokenizer.decode(store[i][store.loss_mask(i)], skip_special_tokens=False) for i in range(2)]
    assert texts == ["good<|im_end|>", "bad<|im_end|>"]


def test_weights_of_records(tmp_path, folder):
    lines(
        tmp_path / "a.jsonl",
        [{"m": chat("a", "b"), "w": 0.25}, {"m": chat("a", "b")}, {"m": chat("a", "b"), "w": "x"}],
    )
    options = TokenizeOptions(records=RecordOptions(messages="m", weight_field="w"))
    result = tokenize([tmp_path / "a.jsonl"], tmp_path / "s", Tokenizer.from_file(folder), options)
    assert result.rejected_by_kind == {"bad_weight": 1}
    store = TokenStore.open(tmp_path / "s")
    assert store.document_weights.all().tolist() == [0.25, 1.0]


@pytest.mark.parametrize("kind", ["llama3", "bert_cased", "t5", "llama2"])
def test_special_tokens_on_write(tmp_path, kind):
    made = KINDS[kind]()
    tokenizer = Tokenizer.from_huggingface(made)
    lines(tmp_path / "a.jsonl", [{"text": "hello there"}, {"text": ""}])
    told: list[str] = []
    options = TokenizeOptions(add_special_tokens=True, append_eos=False)
    tokenize([tmp_path / "a.jsonl"], tmp_path / "s", tokenizer, options, on_message=told.append)
    store = TokenStore.open(tmp_path / "s")
    assert [row.tolist() for row in store] == [
        made.encode(text, add_special_tokens=True).ids for text in ("hello there", "")
    ]
    assert told == []
    begin, end = tokenizer.template_ids
    assert store.prepended_ids == begin
    assert store.appended_id == (end[-1] if end else None)
    tokenize([tmp_path / "a.jsonl"], tmp_path / "t", tokenizer, on_message=told.append)
    lacks = bool(begin) or bool(set(end) - {tokenizer.eos_id})
    assert len([message for message in told if "own template puts" in message]) == lacks
    assert all("every document" in message for message in told)
    assert any("--prepend-bos" in message for message in told) == bool(begin)


def test_the_end_token_is_written_once(tmp_path):
    made = KINDS["t5"]()
    tokenizer = Tokenizer.from_huggingface(made)
    lines(tmp_path / "a.jsonl", [{"text": "hello"}])
    options = TokenizeOptions(add_special_tokens=True, append_eos=True)
    tokenize([tmp_path / "a.jsonl"], tmp_path / "s", tokenizer, options)
    assert TokenStore.open(tmp_path / "s")[0].tolist() == made.encode("hello").ids


def test_tokens_that_nobody_knows_are_refused(tmp_path, tokenizer_file):
    tokenizer = Tokenizer.from_file(tokenizer_file)
    lines(tmp_path / "a.jsonl", [{"text": "hello"}])
    with pytest.raises(ValueError, match="--bos-token"):
        tokenize([tmp_path / "a.jsonl"], tmp_path / "s", tokenizer, TokenizeOptions(prepend_bos=True))
    plain = Tokenizer.from_huggingface(KINDS["bert_cased"]())
    with pytest.raises(NoEndTokenError):
        tokenize([tmp_path / "a.jsonl"], tmp_path / "s", plain, TokenizeOptions(append_eos=True))
    with pytest.raises(ValueError, match="no chat template"):
        options = TokenizeOptions(records=RecordOptions(messages="messages"))
        tokenize([tmp_path / "a.jsonl"], tmp_path / "s", tokenizer, options)


def test_tokens_that_only_the_configuration_names_are_tokens_of_the_template(tmp_path, folder):
    other = tmp_path / "folder"
    other.mkdir()
    (other / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    number = Tokenizer.from_file(folder).vocab_size
    added = {str(number): {"content": "<|lost|>", "special": True}}
    config = {"added_tokens_decoder": added, "chat_template": "<|lost|>{{ messages[0].content }}"}
    (other / "tokenizer_config.json").write_text(json.dumps(config))
    ids, _ = Tokenizer.from_file(other).encode_chat(chat("a"), learn="all")
    assert ids[0] == number


@pytest.mark.parametrize("stop_after", [1, 3, 7])
def test_a_job_that_was_broken_off_ends_with_the_same_bytes(tmp_path, folder, stop_after):
    records = [{"p": f"Q{i}: ", "c": ["yes " * (i % 5 + 1), "no"], "w": i / 7} for i in range(60)]
    records[20]["c"] = []
    lines(tmp_path / "a.jsonl", records)
    tokenizer = Tokenizer.from_file(folder, eos_token="<|endoftext|>")
    options = TokenizeOptions(
        records=RecordOptions(prompt_field="p", completion_fields=("c",), weight_field="w"), shard_tokens=90
    )
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    tokenize([tmp_path / "a.jsonl"], whole, tokenizer, options, batch_bytes=200)
    seen = 0

    def stop(_: object) -> None:
        nonlocal seen
        seen += 1
        if seen > stop_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tokenize([tmp_path / "a.jsonl"], broken, tokenizer, options, batch_bytes=200, on_progress=stop)
    tokenize([tmp_path / "a.jsonl"], broken, tokenizer, options, batch_bytes=200)
    names = sorted(
        path.name for path in whole.iterdir() if path.suffix in (".bin", ".idx", ".mask", ".group", ".weight")
    )
    assert len(names) > 20
    for name in [*names, "rejected.jsonl"]:
        assert (whole / name).read_bytes() == (broken / name).read_bytes(), name
    store = TokenStore.open(broken)
    assert store.verify() == []
    assert (np.diff(np.unique(store.groups)) == 2).all()


def test_a_job_goes_on_with_the_day_that_it_keeps(tmp_path, folder, monkeypatch, capsys):
    template = tmp_path / "day.jinja"
    template.write_text("{{ strftime_now('%d %b %Y') }}" + TEMPLATE)
    records = [{"messages": chat(f"question {i}", f"answer {i}")} for i in range(40)]
    lines(tmp_path / "chats.jsonl", records)
    command = [
        "tokenize", str(tmp_path / "chats.jsonl"), "-o", str(tmp_path / "s"), "--tokenizer", str(folder),
        "--messages", "messages", "--chat-template", str(template), "--unit-bytes", "2k",
    ]  # fmt: skip

    class Tomorrow(date):
        @classmethod
        def today(cls) -> date:
            return date(2031, 5, 6)

    begun = date.today()
    assert main([*command, "--partition", "0/2"]) == 0
    monkeypatch.setattr("pypack.jobs.record_options.date", Tomorrow)
    capsys.readouterr()
    assert main([*command, "--chat-date", "2031-05-07"]) == 2
    told = capsys.readouterr().err
    assert f"'date': '{begun.isoformat()}'" in told
    assert "'date': '2031-05-07'" in told
    assert main([*command, "--partition", "0/2", "--chat-date", begun.isoformat()]) == 0
    assert main([*command, "--partition", "1/2"]) == 0
    store, tokenizer = TokenStore.open(tmp_path / "s"), Tokenizer.from_file(folder)
    assert len(store) == 40
    assert {tokenizer.decode(row)[:11] for row in store} == {begun.strftime("%d %b %Y")}
    # One that was told its day goes on without being told again.
    command[command.index("-o") + 1] = str(tmp_path / "t")
    assert main([*command, "--partition", "0/2", "--chat-date", "2024-07-26"]) == 0
    assert main(command) == 0
    assert {tokenizer.decode(row)[:11] for row in TokenStore.open(tmp_path / "t")} == {"26 Jul 2024"}
