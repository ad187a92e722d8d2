"""Conditions on columns: what a text means, and that nothing else is taken."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypack.columnar.expressions import ExpressionError, parse_condition
from tests.reference.conditions import conditions, meaning, written

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.none() | st.integers(-9, 9),
            "score": st.none() | st.integers(-8, 8).map(lambda n: n / 4),
            "odd name": st.none() | st.integers(0, 9),
            "ok": st.none() | st.booleans(),
            "lang": st.none() | st.sampled_from(["en", "it's", 'a"b', "\\"]),
        }
    ),
    max_size=12,
)
SCHEMA = pa.schema(
    {"n": pa.int64(), "score": pa.float64(), "odd name": pa.int64(), "ok": pa.bool_(), "lang": pa.string()}
)
TABLE = pa.table(
    {
        "score": [0.1, 0.8, None, 0.9],
        "lang": ["en", "en", "de", None],
        "n": pa.array([1, 2, 3, 4], pa.int32()),
        "meta.x": [1, 2, 3, 4],
        "kind": pa.array(["a", "b", "a", None]).dictionary_encode(),
    }
)


@given(conditions(), ROWS)
def test_a_condition_means_what_the_definition_says(tree, rows):
    mask, unknown = parse_condition(written(tree)).values(pa.Table.from_pylist(rows, SCHEMA))
    found = [meaning(tree, row) for row in rows]
    assert mask.tolist() == [value is True for value in found]
    assert unknown == found.count(None)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("score > 0.7 and lang == 'en'", [1]),
        ("1 < n <= 3", [1, 2]),
        ("n / 2 == 1.5", [2]),
        ("meta.x >= 3 or n == 1", [0, 2, 3]),
        ("not lang in ['en']", [2]),
        ("lang not in ('en',)", [2]),
        ("kind in ('a', 'x')", [0, 2]),
        ("starts_with(lang, 'd') or ends_with(kind, 'b')", [1, 2]),
        ("contains(lang, 'n') and length(lang) == 2", [0, 1]),
        ("-n < -2 AND score IS NOT NULL", [3]),
        ('lower(lang) == "en" and abs(-n) == 1', [0]),
        ("n == 1 or n == 2 and false", [0]),
        ("true", [0, 1, 2, 3]),
    ],
)
def test_what_users_write(text, rows):
    assert parse_condition(text).values(TABLE)[0].nonzero()[0].tolist() == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("score = 1", "character 7: '=' is no part of a condition: equality is written =="),
        ("a & b", "write 'and'"),
        ("score >", "a column, a value or '\\(' is needed, not the end"),
        ("", "not the end"),
        ("n in ()", "a value is needed"),
        ("n in (1, 'a')", "must be of one kind"),
        ("'abc", "the text has no end"),
        ("__import__('os')", "there is no function '__import__'"),
        ("score.__class__ == 1 if 1 else 2", "the end, 'and' or 'or' is needed, not 'if'"),
        ("(" * 1000 + "n" + ")" * 1000, "more than 64 parentheses"),
        ("n + " * 6000 + "n", "may have 20000"),
        ("n > null", "'is null' or 'is not null' behind a column: nothing compares with null, is needed"),
    ],
)
def test_anything_else_is_refused_with_its_place(text, message):
    with pytest.raises(ExpressionError, match=message):
        parse_condition(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("missing == 1", "there is no column 'missing'; there are 'score', 'lang'"),
        ("lang > 3", "'lang' is string"),
        ("score", "is double, not true or false"),
    ],
)
def test_a_condition_that_does_not_fit_the_columns_is_refused(text, message):
    with pytest.raises(ExpressionError, match=message):
        parse_condition(text).values(TABLE)


ODD = pa.table(
    {
        "tags": [["a"], None],
        "ok": [True, None],
        "when": pa.array([1, 2], pa.timestamp("s")),
        "odd name": [1, 2],
        "kind": pa.array(["a", "b"]).dictionary_encode(),
        "n": [0, 2**40],
        "large": [1, 2**60 + 1],
        "nothing": pa.nulls(2),
        "one": pa.array([1, 2], pa.decimal128(5, 2)),
    }
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("`odd name` > 'a'", "'odd name' is int64, numbers: compare it with numbers, as in `odd name` > 1"),
        ("one in ('a', 'b')", "'one' is decimal128(5, 2), numbers: compare it with numbers, as in one > 1"),
        ("kind > 1", "ordered=0>, texts: compare it with texts in quotes, as in kind == 'a'"),
        ("ok == 'true'", "'ok' is bool, true or false: write ok, or not ok"),
        ("tags == 'a'", "several values in one: only tags is null can be asked of it"),
        ("when > '2020-01-01'", "times: compare it with a column of the same type, or ask when is null"),
        ("nothing", "'nothing' is null, other values: only nothing is null can be asked of it"),
        ("n > kind", "as in n > 1; 'kind' is dictionary"),
        ("n / n > 1", "a value is divided by zero"),
        ("n * n > 1", "is too large for its type"),
        ("large / 2 > 1", "a whole number of more than 2**53 is no fraction"),
        ("1 > 'a'", "a number cannot be compared with a text"),
    ],
)
def test_a_refused_condition_is_told_in_our_words(text, message):
    """What Arrow says of its kernels and their signatures is nothing that a user can act on."""
    with pytest.raises(ExpressionError, match=re.escape(message)) as refused:
        parse_condition(text).values(ODD)
    assert not re.search("kernel|Function|Array type", str(refused.value))


def test_a_condition_knows_its_columns_without_arrow():
    assert parse_condition("b > 1 and `a b` in (2) or b < c.d").columns == ("b", "a b", "c.d")
