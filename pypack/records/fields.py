"""Templates of fields: `"URL: {url|host}\\n\\n{text}"`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pypack.records.errors import RecordError, TemplateSourceError
from pypack.records.paths import MISSING, value_at
from pypack.records.rendered import Rendered, Spans

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
# Second labels under which names are registered in two-letter domains, as in example.co.uk.
_SECOND_LABELS = frozenset(
    ["ac", "co", "com", "edu", "gov", "gob", "go", "mil", "ne", "net", "nom", "or", "org", "sch"]
)


def host(url: str) -> str:
    """The host of an address: "https://www.example.org/a" gives "www.example.org"."""
    address = url if "://" in url else f"//{url}"
    try:
        found = urlsplit(address).hostname
    except ValueError:  # brackets that hold no address
        found = None
    return found or ""


def domain(url: str) -> str:
    """The registered domain: "www.example.co.uk" gives "example.co.uk". By a rule, not by a list."""
    labels = host(url).split(".")
    if labels[-1].isdigit() or len(labels) < 3:
        return ".".join(labels)
    count = 3 if len(labels[-1]) == 2 and labels[-2] in _SECOND_LABELS else 2
    return ".".join(labels[-count:])


def suffix(url: str) -> str:
    """The last label of the host: "org"."""
    name = host(url)
    return "" if not name or name.rsplit(".", 1)[-1].isdigit() else name.rsplit(".", 1)[-1]


# What may stand behind a field; those of addresses may stand alone, for that of the field `url`.
ADDRESS_FILTERS: dict[str, Callable[[str], str]] = {"host": host, "domain": domain, "suffix": suffix}
TEXT_FILTERS: dict[str, Callable[[str], str]] = {
    **ADDRESS_FILTERS,
    "strip": str.strip,
    "lower": str.lower,
    "title": str.title,
    "line": lambda text: text.strip().split("\n", 1)[0],
}


@dataclass(frozen=True)
class _Filter:
    name: str
    arguments: tuple[str, ...]

    def __call__(self, value: Any, field: str) -> tuple[Any, bool]:
        """The value, and whether it is the template's own text."""
        if self.name == "default":
            return (self.arguments[0], True) if value is MISSING or value in (None, "") else (value, False)
        if value is MISSING or value is None:
            return value, False
        if self.name == "choose":
            return self._chosen(value, field), True
        return TEXT_FILTERS[self.name](_as_text(value)), False

    def _chosen(self, value: Any, field: str) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RecordError("bad_field", f"the field {field!r} is {value!r}; 'choose' needs a number")
        chosen = self.arguments[0]
        for bound, label in zip(self.arguments[1::2], self.arguments[2::2], strict=True):
            if value >= float(bound):
                chosen = label
        return chosen


@dataclass(frozen=True)
class _Field:
    path: str
    filters: tuple[_Filter, ...]

    def __call__(self, record: dict[str, Any]) -> tuple[str, bool]:
        value, is_own = value_at(record, self.path), False
        for one in self._ways(record):
            value, made = one(value, self.path) if one is not _URL else (value_at(record, "url"), False)
            is_own = made or (is_own and value is not MISSING)
        if value is MISSING or value is None:
            raise RecordError(
                "missing_field",
                f"no field {self.path!r}; the record has "
                f"{', '.join(map(repr, list(record)[:8])) or 'no fields'} "
                f"({{{self.path}|default:...}} gives a value for such records)",
            )
        return _as_text(value), is_own

    def _ways(self, record: dict[str, Any]) -> Sequence[_Filter]:
        if self.path in ADDRESS_FILTERS and value_at(record, self.path) is MISSING:
            return (_URL, _Filter(self.path, ()), *self.filters)
        return self.filters


_URL = _Filter("url", ())


class FieldTemplate:
    """A text with fields of the record in it.

    `{name}` or `{outer.inner}` is a field, `{{` a brace. Behind a field may stand filters: `{url|host}`,
    `{url|domain}`, `{url|suffix}`, `strip`, `lower`, `title`, `line` (the first), `default:TEXT` (where the
    record has none), and `choose:LOW:0.3:MIDDLE:0.7:HIGH`, the text for a number by its bounds. `{host}`,
    `{domain}` and `{suffix}` alone are those of the field `url`, unless the record has a field of that name.

    Raises:
        TemplateSourceError: it is none.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._parts: list[str | _Field] = []
        at = 0
        for match in _PART.finditer(source):
            self._parts.append(source[at : match.start()])
            at = match.end()
            if match[0] in ("{{", "}}"):
                self._parts.append(match[0][0])
            elif match[1] is None:
                raise TemplateSourceError(f"template: {match[0]!r} at character {match.start()} stands alone")
            else:
                self._parts.append(_field(match[1]))
        self._parts.append(source[at:])

    @property
    def fields(self) -> list[str]:
        """Paths of the fields that it reads, as far as they stand in it."""
        found = [part.path for part in self._parts if isinstance(part, _Field)]
        more = ["url"] if any(path in ADDRESS_FILTERS for path in found) else []
        return list(dict.fromkeys([*found, *more]))

    @property
    def required(self) -> list[str]:
        """Those of them for which nothing stands in where a record lacks them."""
        return list(
            dict.fromkeys(
                part.path
                for part in self._parts
                if isinstance(part, _Field)
                and part.path not in ADDRESS_FILTERS
                and all(one.name != "default" for one in part.filters)
            )
        )

    def render(self, record: dict[str, Any], learned_field: str | None, is_plain: bool) -> Rendered:
        """One record.

        Args:
            learned_field: the field whose text is learned alone; None: all is.
            is_plain: special tokens that fields spell are plain text; those of the template are tokens.

        Raises:
            RecordError: a field is missing, or none that can stand in a text.
        """
        texts: list[str] = []
        learned: Spans = []
        plain: Spans = []
        at = 0
        for part in self._parts:
            text, is_own = part(record) if isinstance(part, _Field) else (part, True)
            if isinstance(part, _Field) and text:
                if part.path == learned_field:
                    learned.append((at, at + len(text)))
                if is_plain and not is_own:
                    plain.append((at, at + len(text)))
            texts.append(text)
            at += len(text)
        return Rendered("".join(texts), learned if learned_field is not None else None, plain)


def _field(source: str) -> _Field:
    path, *filters = source.split("|")
    if not path.strip():
        raise TemplateSourceError(f"template: {{{source}}} names no field")
    return _Field(path.strip(), tuple(_filter(one, source) for one in filters))


def _filter(source: str, whole: str) -> _Filter:
    name, *arguments = source.split(":")
    name = name.strip()
    if name == "default":
        return _Filter(name, (source.split(":", 1)[1] if arguments else "",))
    if name == "choose":
        bounds = arguments[1::2]
        try:
            rises = [float(bound) for bound in bounds] == sorted(map(float, bounds))
        except ValueError:
            rises = False
        if len(arguments) < 3 or len(arguments) % 2 == 0 or not rises:
            raise TemplateSourceError(
                f"template: {{{whole}}}: choose takes LOW:0.5:HIGH, or more texts with rising bounds "
                "between them"
            )
        return _Filter(name, tuple(arguments))
    if name not in TEXT_FILTERS or arguments:
        known = ", ".join([*TEXT_FILTERS, "default:TEXT", "choose:LOW:0.5:HIGH"])
        raise TemplateSourceError(f"template: {{{whole}}}: no filter {source!r}; known: {known}")
    return _Filter(name, ())


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
