"""Conversations give the ids and masks of transformers' `apply_chat_template`, whatever the template."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SCALE
from fixtures.frameworks import require
from fixtures.trained_tokenizers import KINDS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pypack import Tokenizer

transformers = require("transformers")
trl = require("trl")

# Most of these templates write tokens that most of these tokenizers do not have, which is warned of.
pytestmark = pytest.mark.filterwarnings("ignore:.* has no token for:UserWarning")

TEMPLATES = sorted((Path(trl.__file__).parent / "chat_templates").glob("*_training.jinja"))
# Trained on the spot, of the kinds that chat models have; and, where the real data is here, real ones.
TRAINED = ("qwen3", "llama3", "o200k", "deepseek_v3", "gpt2")
REAL = ("qwen2", "llama3", "llama2", "olmo_dolma2", "mistral03", "gpt2", "t5_small", "bert_uncased")
TOKENIZERS = [f"trained:{name}" for name in TRAINED]
if os.environ.get("PYPACK_SHARED"):
    TOKENIZERS += [f"real:{name}" for name in REAL]

words = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["", " hi ", "2 + 2 = 4", "\n\nline", "ünï 😀 ", "</think>", "<think>x</think>y", "{{ x }}", "a\r\nb"]
)
names = st.sampled_from(["multiply", "get_weather"])
calls = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.just("function"),
            "function": st.fixed_dictionaries(
                {"name": names, "arguments": st.dictionaries(st.sampled_from("abc"), words, max_size=2)}
            ),
        }
    ),
    min_size=1,
    max_size=2,
)
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "multiply",
            "description": "Multiplies <two> numbers",
            "parameters": {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]},
        },
    }
]


@st.composite
def conversations(draw: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(words)})
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(words)})
        answer: dict[str, Any] = {"role": "assistant", "content": draw(words)}
        if draw(st.booleans()):
            answer["reasoning_content"] = draw(words)
        if draw(st.integers(0, 3)) == 0:
            messages.append(answer | {"tool_calls": draw(calls)})
            messages.append({"role": "tool", "name": draw(names), "content": draw(words)})
            answer = {"role": "assistant", "content": draw(words)}
        messages.append(answer)
    return messages


@functools.cache
def pair(name: str) -> tuple[Any, Tokenizer]:
    kind, _, stem = name.partition(":")
    special = {"eos_token": "</s>", "bos_token": "<s>"}
    if kind == "real":
        file = Path(os.environ["PYPACK_SHARED"]) / "data/tokenizers" / f"{stem}.json"
        theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(file), **special)
    else:
        theirs = transformers.PreTrainedTokenizerFast(tokenizer_object=KINDS[stem](), **special)
    return theirs, Tokenizer.from_huggingface(theirs)


def theirs_and_ours(name: str, template: str, messages: list[Any], tools: Any, thinking: bool) -> Any:
    theirs, ours = pair(name)
    options = {"chat_template": template, "tools": tools, "enable_thinking": thinking}
    try:
        expected = theirs.apply_chat_template(
            messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True, **options
        )
    except Exception as error:  # whatever a template makes of such messages
        expected = error
    try:
        found = ours.encode_chat(
            messages, tools=tools, template=template, parse_special_tokens=True, enable_thinking=thinking
        )
    except ValueError as error:
        found = error
    return expected, found


def check(expected: Any, found: Any) -> None:
    if isinstance(expected, Exception):
        assert isinstance(found, ValueError), (expected, found)
        return
    assert not isinstance(found, Exception), found
    ids, learned = found
    assert ids.dtype == np.uint32
    assert learned.dtype == np.bool_
    assert ids.tolist() == expected["input_ids"]
    assert learned.astype(int).tolist() == expected["assistant_masks"]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem.removesuffix("_training"))
@settings(max_examples=max(6, int(6 * SCALE)), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(TOKENIZERS),
    messages=conversations(),
    tools=st.sampled_from([None, TOOLS]),
    thinking=st.booleans(),
)
def test_every_training_template_of_trl(template, name, messages, tools, thinking):
    check(*theirs_and_ours(name, template.read_text("utf-8"), messages, tools, thinking))


@pytest.mark.parametrize("name", TOKENIZERS)
def test_content_without_look_alikes_is_the_same_either_way(name):
    _, ours = pair(name)
    messages = [{"role": "user", "content": "Hello, you"}, {"role": "assistant", "content": "Fine: 1 < 2\n"}]
    for template in TEMPLATES:
        source = template.read_text("utf-8")
        try:
            parsed = ours.encode_chat(messages, template=source, parse_special_tokens=True)
        except ValueError:  # of the kinds for pictures, which take parts alone
            messages_in_parts = [m | {"content": [{"type": "text", "text": m["content"]}]} for m in messages]
            parsed = ours.encode_chat(messages_in_parts, template=source, parse_special_tokens=True)
            plain = ours.encode_chat(messages_in_parts, template=source)
        else:
            plain = ours.encode_chat(messages, template=source)
        assert plain[0].tolist() == parsed[0].tolist()
        assert plain[1].tolist() == parsed[1].tolist()


@functools.cache
def instructions(shared: Path) -> list[list[dict[str, str]]]:
    import zstandard

    with (shared / "data/corpus/instruct.jsonl.zst").open("rb") as file:
        lines = zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()
    records = [record for record in map(json.loads, lines) if record.get("prompt") and record.get("answer")]
    return [
        [{"role": "user", "content": one["prompt"]}, {"role": "assistant", "content": one["answer"]}]
        for one in records[:: max(1, len(records) // 60)]
    ]


@pytest.mark.parametrize("thinking", [True, False])
@pytest.mark.parametrize("name", ["qwen2", "llama3", "llama2"])
def test_real_conversations(shared, name, thinking):
    for stem in ("qwen3", "llama3", "phi3", "gemma", "gptoss", "glm4moe", "deepseekv3"):
        template = next(path for path in TEMPLATES if path.stem == f"{stem}_training").read_text("utf-8")
        for messages in instructions(shared):
            check(*theirs_and_ours(f"real:{name}", template, messages, None, thinking))
