"""A conversation that is filled into a skeleton gives what the template gives, whatever the template asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import SCALE
from fixtures.frameworks import require
from hypothesis import given, settings
from hypothesis import strategies as st

from pypack.records import ChatTemplate, RecordError

texts = st.sampled_from(
    [
        "", " ", "hi", " hi\n", "HI", "a<think>b</think>c", "</think>", "<tool_response>x",
        "x</tool_response>", "user",
        "12", "é😀", "a|b", "{{ x }}", "none", "\n\n", "zz top", "\U00100000", "x\U00100001y",
    ]
)  # fmt: skip
LOOKS = [
    "{{ c }}",
    "[{{ c.strip() }}|{{ c | trim }}|{{ c | trim('i') }}|{{ c.lstrip('\\n') }}|{{ c.upper() }}]",
    "{% if c %}full{% else %}empty{% endif %}{{ c or 'nothing' }}",
    "{% if 'think' in c %}{{ c.split('</think>')[0] }}{% else %}{{ c }}{% endif %}",
    "{% if c not in ['hi', 'HI'] %}{{ c }}{% endif %}{% if c in 'hi there' %}!{% endif %}",
    "{% if c == 'hi' %}one{% elif c != 'HI' %}other{% endif %}",
    "{% if c.startswith('<tool') and not c.endswith('x') %}a{% else %}b{% endif %}{{ c }}",
    "{{ c | length }}",
    "{{ c | upper }}",
    "{{ c | replace('h', 'j') }}",
    "{{ c.replace('h', 'j') }}",
    "{{ c | e }}",
    "{{ c | tojson }}",
    "{{ m | tojson }}",
    "{{ messages | string }}",
    "{{ c | list }}",
    "{{ c[1:] }}",
    "{{ c[0] }}",
    "{{ c | first }}",
    "{{ c | reverse }}",
    "{{ c | wordcount }}",
    "{{ c | int(default=3) }}",
    "{{ c | default('x') }}",
    "{{ c | default('x', true) }}",
    "{{ '%s!' % c }}",
    "{{ '%s!' | format(c) }}",
    "{{ '{}!'.format(c) }}",
    "{{ c % () }}",
    "{{ c * 2 }}",
    "{{ ('a' + c).strip() }}",
    "{{ (c + 'a') | trim }}",
    "{{ (c ~ 1) | upper }}",
    "{{ 'a' ~ c ~ none }}",
    "{% if (c ~ '') %}x{% endif %}",
    "{% if (c + 'a') %}x{% endif %}{{ (c + 'a') == 'hia' }}",
    "{% macro f(x) %} {{ x }} {% endmacro %}{{ f(c) | trim }}{{ f(c).strip() }}{{ f(c) ~ f(c) }}{{ f(c) | "
    "length }}",
    "{% set x %} {{ c }} {% endset %}{{ x | trim }}",
    "{% filter upper %}{{ c }}{% endfilter %}",
    "{% set ns = namespace(t='') %}{% for k in [1, 2] %}{% set ns.t = ns.t + c %}{% endfor %}{{ ns.t }}",
    "{% for x in c %}{{ x }},{% endfor %}",
    "{% for x in [c, 'b'] %}{{ x }},{% endfor %}",
    "{{ [c, 'b'] | join('-') }}",
    "{{ '-'.join([c, 'b']) }}",
    "{{ [c, 'b'] | sort }}",
    "{{ [c, 'b', c] | unique | list }}",
    "{{ messages | map(attribute='content') | join('|') }}",
    "{{ messages | selectattr('content') | list | length }}",
    "{{ messages | selectattr('content', 'equalto', 'hi') | list | length }}",
    "{{ messages | groupby('content') | length }}",
    "{{ {c: 1} }}",
    "{{ {'a': c}['a'] }}",
    "{{ {'hi': 1}[c] }}",
    "{{ {'hi': 1}.get(c) }}",
    "{{ c < 'm' }}{{ 'a' <= c }}",
    "{{ c is string }}{{ c is defined }}{{ c is none }}{{ c is mapping }}{{ c is iterable }}",
    "{{ c is upper }}",
    "{{ c is eq 'hi' }}",
    "{{ c is in ['hi'] }}",
    "{{ c is sameas 'hi' }}",
    "{{ c.isdigit() }}{{ c.find('i') }}",
    "{{ c.type }}{{ c['text'] }}{{ c.nothing is defined }}",
    "{{ loop.changed(c) }}",
    "{{ loop.cycle(c, 'b') }}",
    "{{ dict(a=c) }}",
    "{{ dict(a=c).a }}",
    "{{ namespace(a=c).a }}",
    "{{ (c, 'x') }}",
    "{{ [c] == ['hi'] }}",
    "{{ c if c is string else c | tojson }}",
    "{{ m.get('content') }}{{ m.items() | list | length }}{{ m.values() | list }}",
    "{{ c.encode() }}",
    "{{ c.title().lower().strip() }}{{ c.removeprefix('h') }}",
    "{{ c.count('i') }}{{ c.split() }}",
    "{{ c | center(20) }}",
    "{{ c | truncate(3) }}",
    "{{ c | indent }}",
    "{{ c | batch(2) | list }}",
    "{{ c | xmlattr }}",
    "{{ c | attr('strip') }}",
    "{{ 'hi' == c }}{{ c == c }}{{ c == m.content }}{{ messages[0].content == c }}",
    "{{ raise_exception(c) if c == 'none' }}",
    "{{ range(3) | list }}{{ c }}",
    "{{ c ~ messages }}",
    "{{ [[c]] | tojson }}",
]


def rendered(template: ChatTemplate, messages: list[dict[str, Any]]) -> tuple[Any, ...]:
    """The text and spans, or the kind of refusal."""
    try:
        found = template.render(messages)
    except RecordError as error:
        return (error.kind,)
    return found.text, found.learned


def without(template: ChatTemplate, messages: list[dict[str, Any]]) -> tuple[Any, ...]:
    """The same by the template itself."""
    key = (template.source, str(template.options))
    plain = PLAIN.get(key)
    if plain is None:
        plain = PLAIN[key] = ChatTemplate(
            template.source, options=template.options, special_tokens=template.special_tokens
        )
        plain._skeletons._is_hopeless = True
    return rendered(plain, messages)


@pytest.mark.parametrize("look", LOOKS)
@settings(max_examples=max(25, int(25 * SCALE)), deadline=None)
@given(contents=st.lists(texts, min_size=2, max_size=2))
def test_whatever_a_template_asks(look, contents):
    template = KEPT.setdefault(
        look,
        ChatTemplate(
            "{% for m in messages %}{% set c = m.content %}<{{ m.role }}>{% generation %}" + look
            + "{% endgeneration %}{% endfor %}"
        ),
    )  # fmt: skip
    messages = [
        {"role": "user", "content": contents[0]}, {"role": "assistant", "content": contents[1]},
    ]  # fmt: skip
    assert rendered(template, messages) == without(template, messages)


KEPT: dict[Any, ChatTemplate] = {}
PLAIN: dict[Any, ChatTemplate] = {}


def training_templates() -> list[Path]:
    trl = require("trl")
    return sorted((Path(trl.__file__).parent / "chat_templates").glob("*.jinja"))


@settings(max_examples=max(40, int(40 * SCALE)), deadline=None)
@given(
    contents=st.lists(texts, min_size=4, max_size=4),
    reasoning=st.none() | texts,
    has_system=st.booleans(),
    thinking=st.booleans(),
)
def test_every_template_of_trl(contents, reasoning, has_system, thinking):
    for path in training_templates():
        if (path, thinking) not in KEPT:  # compiled once, not for each example
            KEPT[path, thinking] = ChatTemplate(
                path.read_text("utf-8"), path.name, {"bos_token": "<s>", "eos_token": "</s>"},
                options={"enable_thinking": thinking},
            )  # fmt: skip
        template = KEPT[path, thinking]
        messages = [
            {"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(contents)
        ]
        if reasoning is not None:
            messages[1]["reasoning_content"] = reasoning
        if has_system:
            messages.insert(0, {"role": "system", "content": contents[0]})
        ours, theirs = rendered(template, messages), without(template, messages)
        assert ours == theirs, path.name


def test_most_templates_have_skeletons():
    used = 0
    for path in training_templates():
        if not path.stem.endswith("_training"):
            continue
        template = ChatTemplate(
            path.read_text("utf-8"), special_tokens={"bos_token": "<s>", "eos_token": "</s>"}
        )
        messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
        for _ in range(3):
            if not isinstance(rendered(template, messages)[0], str):
                break
        used += template._skeletons.render(messages, None) is not None
    assert used >= 20
