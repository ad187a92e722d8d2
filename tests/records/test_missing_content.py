"""Messages that say nothing, and special tokens of a template that the tokenizer takes for text."""

from __future__ import annotations

import warnings

import pytest

import pypack
from pypack.records import ChatTemplate, RecordError
from pypack.records.written_tokens import written_tokens

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ CONTENT }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WAYS = [
    "message.content",
    "message['content']",
    "message.content | trim",
    "'' ~ message.content",
    "message.content | string",
    "message.get('content') or message.content",
]
SILENT = [
    {"role": "user"},
    {"role": "user", "content": None},
    {"role": "user", "text": "hi"},
    {"role": "assistant", "contents": "hi", "name": "x"},
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("message", SILENT, ids=str)
def test_a_message_without_content_is_an_error_that_names_its_keys(way, message):
    template = ChatTemplate(CHATML.replace("CONTENT", way), "t.jinja", learn="all")
    conversation = [{"role": "user", "content": "a"}, message]
    for _ in range(3):  # the third would come from a skeleton
        with pytest.raises(RecordError, match=r"t\.jinja: line 2: prints the content .*'role'") as told:
            template.render(conversation)
        assert told.value.kind == "no_content"


@pytest.mark.parametrize("way", WAYS)
def test_what_is_said_otherwise_or_never_printed_is_taken(way):
    template = ChatTemplate(CHATML.replace("CONTENT", way), learn="all")
    called = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}
    assert template.render([called]).text == "<|im_start|>assistant\n<|im_end|>\n"
    assert template.render([{"role": "user", "content": ""}]).text == "<|im_start|>user\n<|im_end|>\n"
    guarded = ChatTemplate("{% for m in messages %}{{ m.content or m.text }};{% endfor %}", learn="all")
    assert guarded.render([{"role": "user", "text": "hi"}]).text == "hi;"
    defaulted = ChatTemplate("{% for m in messages %}{{ m.content | default('-') }}{% endfor %}", learn="all")
    assert defaulted.render([{"role": "user"}]).text == "-"
    assert ChatTemplate("{{ messages[0].title }}.", learn="all").render([{"role": "user"}]).text == "."


def test_what_looks_like_a_special_token_is_found_in_source_and_rendering():
    assert written_tokens(CHATML.replace("CONTENT", "message.content")) == ("<|im_start|>", "<|im_end|>")
    glued = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m.content }}</s>{% endfor %}<start_of_turn>"
    assert set(written_tokens(glued)) == {
        "</s>",
        "<start_of_turn>",
        "<|system|>",
        "<|user|>",
        "<|assistant|>",
    }
    refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}<｜User｜>"
    assert written_tokens(refuses) == ("<｜User｜>",)
    assert written_tokens("{{ a if 1 <2 else b }} <tools> [INST] x|> <|") == ()


def test_special_tokens_that_the_tokenizer_lacks_are_warned_of(tokenizer_file):
    tokenizer = pypack.Tokenizer.from_file(tokenizer_file)
    template = CHATML.replace("CONTENT", "message.content")
    with pytest.warns(UserWarning, match=r"writes '<\|im_start\|>' \(\d+ tokens\), '<\|im_end\|>'") as told:
        tokenizer.encode_chat([{"role": "user", "content": "a"}], template=template)
    assert told[0].filename == __file__
    assert "add_tokens" in str(told[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        better = tokenizer.add_tokens(["<|im_start|>", "<|im_end|>"], special=True)
        ids, _ = better.encode_chat([{"role": "user", "content": "a"}], template=template)
        assert better.token_to_id("<|im_end|>") in ids.tolist()
        tokenizer.chat_template("{% for m in messages %}{{ m.content }}{% endfor %}")


def test_a_job_is_warned_too(tmp_path, tokenizer_file):
    (tmp_path / "chat.jsonl").write_text('{"messages": [{"role": "user", "content": "a"}]}\n')
    (tmp_path / "t.jinja").write_text(CHATML.replace("CONTENT", "message.content"))
    with pytest.warns(UserWarning, match=r"no token for: they become plain text"):
        pypack.tokenize(
            tmp_path / "chat.jsonl",
            tmp_path / "a.store",
            pypack.Tokenizer.from_file(tokenizer_file),
            messages="messages",
            chat_template=str(tmp_path / "t.jinja"),
            learn="all",
        )
