"""Templates of fields, and prompts with completions."""

from __future__ import annotations

import pytest

from pypack.records import Recipe, RecordError, RecordTexts
from pypack.records.errors import TemplateSourceError
from pypack.records.fields import FieldTemplate, domain, host, suffix

RECORD = {
    "text": "Body text.",
    "url": "https://www.news.example.co.uk:8080/a/b?c=d",
    "meta": {"score": 0.5, "tags": ["x", "y"]},
    "a.b": "literal",
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("URL: {host}\n\n{text}", "URL: www.news.example.co.uk\n\nBody text."),
        ("{url|domain} {url|suffix} {domain}", "example.co.uk uk example.co.uk"),
        ("{meta.score} {meta.tags} {a.b}", '0.5 ["x", "y"] literal'),
        ("{{{text|lower}}}", "{body text.}"),
        ("{title|default:Unknown: none}|{text|title}", "Unknown: none|Body Text."),
        ("{meta.score|choose:<bad>:0.3:<fair>:0.7:<good>}{text}", "<fair>Body text."),
        ("{author|default:}{text|line}", "Body text."),
    ],
)
def test_fields_and_filters(template, text):
    assert FieldTemplate(template).render(RECORD, None, True).text == text


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("http://a.b.example.com/x", ("a.b.example.com", "example.com", "com")),
        ("example.org", ("example.org", "example.org", "org")),
        ("https://user:pw@Example.ORG:1/", ("example.org", "example.org", "org")),
        ("http://192.168.0.1/x", ("192.168.0.1", "192.168.0.1", "")),
        ("localhost/x", ("localhost", "localhost", "localhost")),
        ("http://[broken", ("", "", "")),
        ("", ("", "", "")),
    ],
)
def test_names_of_addresses(address, names):
    assert (host(address), domain(address), suffix(address)) == names


def test_a_field_of_the_record_wins_over_a_filter_of_its_name():
    assert FieldTemplate("{host}").render({"host": "mine", "url": "http://a.b/"}, None, True).text == "mine"


def test_what_is_learned_and_what_is_plain():
    texts = RecordTexts(Recipe(template="<s>URL: {host}\n\n{text}", mask_template=True))
    (rendered,) = texts(RECORD)
    assert [rendered.text[a:b] for a, b in rendered.learned] == ["Body text."]
    assert [rendered.text[a:b] for a, b in rendered.plain] == ["www.news.example.co.uk", "Body text."]
    (rendered,) = RecordTexts(Recipe(template="{text}", parse_special_tokens=True))(RECORD)
    assert rendered.learned is None
    assert rendered.plain == []


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{text", "stands alone"),
        ("a } b", "stands alone"),
        ("{}", "names no field"),
        ("{text|shout}", "no filter 'shout'"),
        ("{text|choose:a}", "choose takes"),
        ("{text|choose:a:2:b:1:c}", "rising bounds"),
        ("{text|choose:a:x:b}", "choose takes"),
    ],
)
def test_templates_that_are_none_are_refused(template, message):
    with pytest.raises(TemplateSourceError, match=message):
        FieldTemplate(template)


@pytest.mark.parametrize(
    ("recipe", "record", "kind"),
    [
        (Recipe(template="{title}{text}"), RECORD, "missing_field"),
        (Recipe(template="{text}"), {"text": None}, "missing_field"),
        (Recipe(template="{text|choose:a:1:b}"), RECORD, "bad_field"),
        (Recipe(template="{text}", mask_template=True), {"text": ""}, "nothing_learned"),
        (Recipe(prompt="q", completions=("a",)), {"q": "x", "a": ""}, "nothing_learned"),
        (Recipe(prompt="q", completions=("a",)), {"q": "x"}, "missing_field"),
        (Recipe(prompt="q", completions=("a",)), {"q": 1, "a": "x"}, "bad_completion"),
        (Recipe(prompt="q", completions=("a",)), {"q": "x", "a": []}, "bad_completion"),
        (Recipe(completions=("a",)), {"a": [{"role": "user", "content": "x"}]}, "bad_completion"),
        (Recipe(completions=("a",), weight="w"), [], "not_object"),
    ],
)
def test_records_that_give_no_document(recipe, record, kind):
    with pytest.raises(RecordError) as caught:
        RecordTexts(recipe)(record)
    assert caught.value.kind == kind


def test_completions_make_a_group():
    texts = RecordTexts(Recipe(prompt="prompt", completions=("chosen", "rejected")))
    found = texts({"prompt": "Q: ", "chosen": "yes", "rejected": "no"})
    assert [one.text for one in found] == ["Q: yes", "Q: no"]
    assert [one.learned for one in found] == [[(3, 6)], [(3, 5)]]
    many = RecordTexts(Recipe(prompt="prompt", completions=("answers",)))
    assert len(many({"prompt": "Q: ", "answers": ["a", "b", "c"]})) == 3


def test_weights():
    texts = RecordTexts(Recipe(template="{text}", weight="meta.score"))
    assert texts.weight(RECORD) == 0.5
    assert texts.weight({"text": "x"}) == 1
    with pytest.raises(RecordError, match="not a number"):
        texts.weight({"meta": {"score": "much"}})


def test_options_that_do_not_go_together():
    with pytest.raises(ValueError, match="in one way"):
        Recipe()
    with pytest.raises(ValueError, match="in one way"):
        Recipe(template="{text}", messages="m")
    with pytest.raises(ValueError, match="needs a completion"):
        Recipe(prompt="p", template="{text}")
    with pytest.raises(ValueError, match="does not hold"):
        Recipe(template="{body}", mask_template=True)
