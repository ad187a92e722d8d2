"""What a hostile template tries: to read files, to run code, to run for ever, to fill the memory."""

from __future__ import annotations

import time

import pytest

from pypack.records import ChatTemplate, RecordError
from pypack.records.errors import TemplateSourceError

MESSAGES = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]

READS_OR_RUNS = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ messages.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ raise_exception.__globals__ }}",
    "{{ strftime_now.__self__.current }}",
    "{{ (messages|attr('__class__')) }}",
    "{{ '{0.__class__}'.format(messages) }}",
    "{{ '{0.__class__}'|format(messages) }}",
    "{{ ''.join.__self__.__class__ }}",
    "{{ messages.append({}) }}",
    "{{ messages[0].update({'role': 'x'}) }}",
    "{{ messages[0].pop('role') }}",
    "{% set ns = namespace() %}{% set ns.__class__ = 1 %}{{ ns }}",
    "{{ namespace(__x__=1) }}",
    "{{ dict.__class__ }}",
    "{% include '/etc/passwd' %}",
    "{% import '/etc/passwd' as p %}",
    "{% extends '/etc/passwd' %}",
    "{{ open('/etc/passwd').read() }}",
    "{{ config }}{{ request.application }}{{ get_flashed_messages.__globals__ }}",
    "{{ lipsum.__globals__ }}",
]


@pytest.mark.parametrize("source", READS_OR_RUNS)
def test_nothing_is_read_run_or_changed(source):
    before = [dict(message) for message in MESSAGES]
    try:
        text = ChatTemplate(source, learn="all").render(MESSAGES).text
    except (RecordError, TemplateSourceError):
        text = ""
    for told in ("root:", "<class", "<function", "subclasses", "os.", "uid=", "{'__name__'"):
        assert told not in text
    assert before == MESSAGES


ENDLESS = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{% for x in [1, 2] recursive %}{% if loop.depth < 60 %}{{ loop([1, 2]) }}{% endif %}{% endfor %}",
    "{% for x in range(99999) %}{{ range(99999)|map('string')|join }}{% endfor %}",
    "{{ 'a' * 10 ** 10 }}",
    "{{ 'a' * (10 ** 10) }}{{ messages|length }}",
    "{% set n = messages|length * 10 ** 9 %}{{ 'a' * n }}",
    "{{ 9 ** (9 ** 9) }}",
    "{% set n = messages|length + 7 %}{{ n ** (n ** n) }}",
    "{{ [0] * 10 ** 10 }}",
    "{% set ns = namespace(t='aa') %}{% for i in range(99) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}"
    "{{ ns.t }}",
    "{% set ns = namespace(t='aa') %}{% for i in range(99) %}{% set ns.t = ns.t + ns.t %}{% endfor %}"
    "{{ ns.t }}",
    "{% set ns = namespace(t=[1]) %}{% for i in range(99) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}"
    "{{ ns.t }}",
    "{% set ns = namespace(t=[1]) %}{% for i in range(99) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}"
    "{{ ns.t|tojson }}",
    "{% set ns = namespace(t=[1]) %}{% for i in range(99) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}"
    "{{ 'x' ~ ns.t }}",
    "{% set ns = namespace(t=['a']) %}{% for i in range(99) %}{% set ns.t = ns.t + ns.t %}{% endfor %}"
    "{{ ns.t|join }}",
    "{{ 'a'.ljust(10 ** 10) }}",
    "{{ 'a'|center(10 ** 10) }}",
    "{{ '%10000000000d' % 1 }}",
    "{{ '{:>10000000000}'.format(1) }}",
    "{{ '{:{}}'.format(1, 10 ** 10) }}",
    "{{ 'a'|indent(10 ** 10, true) }}",
    "{% set t = 'a' * 9999999 %}{{ t.replace('a', t) }}",
    "{% set t = 'a' * 9999999 %}{{ t|replace('a', t) }}",
    "{{ ('a' * 9999999).join(['b'] * 99999) }}",
    "{{ ([['a'] * 999999] * 999999)|sum(start=[])|length }}",
    "{% for i in range(99999) %}{{ 'a' * 99999 }}{% endfor %}",
    "{{ 1|tojson(indent=10 ** 10) }}{{ [1]|tojson(indent=10 ** 10) }}",
    "{{ lipsum(10 ** 9) }}",
]


@pytest.mark.parametrize("source", ENDLESS)
def test_everything_ends_soon(source):
    began = time.monotonic()
    with pytest.raises((RecordError, TemplateSourceError)) as caught:
        ChatTemplate(source, "hostile.jinja", learn="all").render(MESSAGES)
    assert time.monotonic() - began < 30
    assert "hostile.jinja" in str(caught.value)


def test_a_template_that_fails_is_named_with_its_line():
    template = ChatTemplate("line one\n\n{{ messages[0].content.nothing.more }}", "bad.jinja")
    with pytest.raises(RecordError, match=r"bad\.jinja: line 3: fails: 'str object' has no attribute"):
        template.render(MESSAGES)
    with pytest.raises(TemplateSourceError, match=r"bad\.jinja: line 2: "):
        ChatTemplate("fine\n{% for %}", "bad.jinja")
    refusing = ChatTemplate("\n{{ raise_exception('roles must alternate') }}", "strict.jinja")
    with pytest.raises(
        RecordError, match=r"strict\.jinja: line 2: refuses it: roles must alternate"
    ) as caught:
        refusing.render(MESSAGES)
    assert caught.value.kind == "refused_by_template"


def test_many_messages_in_one_record():
    template = ChatTemplate(
        "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}"
        "{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}"
    )
    messages = MESSAGES * 50_000
    began = time.monotonic()
    rendered = template.render(messages)
    assert time.monotonic() - began < 20
    assert len(rendered.learned) == 50_000
    assert rendered.text.count("<user>hi") == 50_000


def test_prefixes_of_many_turns_are_refused_not_waited_for():
    template = ChatTemplate("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}")
    with pytest.raises(RecordError, match="more than 131072 messages") as caught:
        template.render(MESSAGES * 50_000)
    assert caught.value.kind == "too_many_turns"


def test_loop_controls_tojson_and_time():
    from datetime import datetime

    template = ChatTemplate(
        "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ m|tojson }}{% endfor %}"
        "{{ strftime_now('%Y-%m-%d') }}",
        learn="all",
        now=datetime(2024, 7, 26),
    )
    assert template.tells_time
    assert template.render(MESSAGES).text == '{"role": "user", "content": "hi"}2024-07-26'
