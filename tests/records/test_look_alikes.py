"""What content spells is plain text, what the template writes is a token: whatever stands where."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tokenizers
from conftest import SCALE
from fixtures.trained_tokenizers import KINDS
from hypothesis import given, settings
from hypothesis import strategies as st

from pypack import Tokenizer
from pypack.records import RecordError, Rendered

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}\n"
    "{% else %}{{ m.content | trim }}<|im_end|>\n{% endif %}{% endfor %}"
)
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
# What spells a token, whole or in part.
pieces = st.sampled_from(
    [
        *SPECIAL,
        "<",
        "<|",
        "<|im_",
        "<|im_end",
        "end|>",
        "|>",
        ">",
        "im_end",
        "<|IM_END|>",
        "a",
        " ",
        "\n",
        "é😀",
    ]
)
contents = st.lists(pieces, min_size=1, max_size=6).map("".join)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_huggingface(KINDS["qwen3"]())


def renamed(tokenizer: Tokenizer, names: dict[str, str]) -> tokenizers.Tokenizer:
    """The same tokenizer, whose special tokens are spelled otherwise: no text spells them by chance."""
    definition = json.loads(tokenizer.to_json())
    for token in definition["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    vocabulary = definition["model"]["vocab"]
    definition["model"]["vocab"] = {names.get(key, key): value for key, value in vocabulary.items()}
    return tokenizers.Tokenizer.from_str(json.dumps(definition))


@settings(max_examples=max(150, int(150 * SCALE)), deadline=None)
@given(contents=st.lists(contents, min_size=2, max_size=4))
def test_ids_are_those_of_special_tokens_with_other_names(tokenizer, contents):
    names = {token: chr(0xE000 + i) for i, token in enumerate(SPECIAL)}
    theirs = renamed(tokenizer, names)
    source = TEMPLATE
    for token, name in names.items():
        source = source.replace(token, name)
    messages = [
        {"role": ("user", "assistant")[i % 2], "content": content} for i, content in enumerate(contents)
    ]
    expected = theirs.encode(
        tokenizer.chat_template(source, parse_special_tokens=True).render(messages).text,
        add_special_tokens=False,
    )
    ids, learned = tokenizer.encode_chat(messages, template=TEMPLATE)
    by_name = {theirs.token_to_id(name): tokenizer.token_to_id(token) for token, name in names.items()}
    assert ids.tolist() == [by_name.get(i, i) for i in expected.ids]
    # A token of line ends may reach over the beginning of what is learned.
    found = tokenizer.decode(ids[learned], skip_special_tokens=False)
    wanted = "".join(content + "<|im_end|>" for content in contents[1::2])
    assert found.replace("\n", "") == wanted.replace("\n", "")


def test_special_tokens_in_content_are_tokens_if_asked_for(tokenizer):
    messages = [{"role": "user", "content": "x<|im_end|>y"}, {"role": "assistant", "content": "z"}]
    end = tokenizer.token_to_id("<|im_end|>")
    plain, _ = tokenizer.encode_chat(messages, template=TEMPLATE)
    parsed, _ = tokenizer.encode_chat(messages, template=TEMPLATE, parse_special_tokens=True)
    assert (plain == end).sum() == 2
    assert (parsed == end).sum() == 3


@pytest.mark.filterwarnings("ignore:.* has no token for:UserWarning")  # of the usual roles there is none here
def test_tokens_that_a_template_makes_of_a_role_are_tokens(tokenizer):
    source = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    ids, _ = tokenizer.encode_chat([{"role": "im_end", "content": "a"}], template=source, learn="all")
    assert ids[0] == tokenizer.token_to_id("<|im_end|>")


@pytest.mark.parametrize(
    "source",
    [
        "{% for m in messages %}{{ m.content | upper }}{% endfor %}<|im_end|>",
        "{% for m in messages %}{{ m.content.replace('|', '!') }}{% endfor %}<|im_end|>",
        "{% for m in messages %}{{ m.content.split('<|im_end|>')[0] }}{% endfor %}<|im_end|>",
        "{% for m in messages %}{% if '<|im_end|>' in m.content %}no{% endif %}{% endfor %}<|im_end|>",
        "{% for m in messages %}{{ m.content|tojson }}{{ m.content[::-1] }}{% endfor %}<|im_end|>",
    ],
)
def test_content_that_is_changed_beyond_recognition_is_refused(tokenizer, source):
    messages = [{"role": "user", "content": "a<|im_end|>b"}]
    try:
        ids, _ = tokenizer.encode_chat(messages, template=source, learn="all")
    except RecordError as error:
        assert error.kind == "origin_unknown"
        assert "parse_special_tokens" in str(error)
    else:  # told apart, whatever the template made of it
        assert (ids == tokenizer.token_to_id("<|im_end|>")).sum() == 1
    assert len(tokenizer.encode_chat(messages, template=source, learn="all", parse_special_tokens=True)[0])


def test_tools_and_options_may_spell_tokens_too(tokenizer):
    source = "{{ tools | tojson }}{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}"
    tools = [{"type": "function", "function": {"name": "f", "description": "<|im_end|> ends"}}]
    ids, _ = tokenizer.encode_chat(
        [{"role": "user", "content": "a"}], tools=tools, template=source, learn="all"
    )
    assert (ids == tokenizer.token_to_id("<|im_end|>")).sum() == 1


def test_an_engine_that_cannot_tell_them_apart_refuses(tokenizer):
    other = Tokenizer.from_huggingface(KINDS["qwen3"](), engine="huggingface")
    good = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert other.encode_chat(good, template=TEMPLATE)[0].tolist() == (
        tokenizer.encode_chat(good, template=TEMPLATE)[0].tolist()
    )
    bad = [{"role": "user", "content": "<|im_end|>"}, {"role": "assistant", "content": "b"}]
    with pytest.raises(ValueError, match="spells a special token, which the engine 'huggingface'"):
        other.encode_chat(bad, template=TEMPLATE)


@settings(max_examples=max(100, int(100 * SCALE)), deadline=None)
@given(
    parts=st.lists(st.tuples(contents, st.booleans()), min_size=1, max_size=6),
    kind=st.sampled_from(["qwen3", "roberta", "gpt2", "llama2", "t5", "bert_cased"]),
)
def test_plain_parts_of_any_tokenizer(parts: list[tuple[str, bool]], kind: str):
    """Special tokens outside of plain parts are found as the library finds them, inside none is."""
    made = KINDS[kind]()
    tokenizer = Tokenizer.from_huggingface(made)
    special = tokenizer.special_texts
    plain: list[tuple[int, int]] = []
    text = ""
    for piece, is_plain in parts:
        piece = piece.replace("<|im_end|>", special[-1])
        if is_plain:
            plain.append((len(text), len(text) + len(piece)))
        text += piece
    merged: list[tuple[int, int]] = []
    for begin, end in plain:
        if merged and merged[-1][1] == begin:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((begin, end))
    rows, _ = tokenizer.encode_rendered([Rendered(text, [], merged)])
    if not merged:
        assert rows.values.tolist() == made.encode(text, add_special_tokens=False).ids
    elif merged == [(0, len(text))]:
        made.encode_special_tokens = True
        assert rows.values.tolist() == made.encode(text, add_special_tokens=False).ids
    found = [i for i in rows.values.tolist() if tokenizer.id_to_token(i) in special]
    allowed: list[Any] = []
    for token in special:
        at = text.find(token)
        while at >= 0:
            if all(at + len(token) <= begin or end <= at for begin, end in merged):
                allowed.append(tokenizer.token_to_id(token))
            at = text.find(token, at + 1)
    unknown = tokenizer.token_to_id("<unk>") if kind in ("llama2", "t5") else tokenizer.token_to_id("[UNK]")
    assert all(i in allowed or i == unknown for i in found)
