"""The objects that a URL stands for: one, all of a folder, or those that match a pattern.

As folders of this machine are walked, but for three things. A folder is listed once, whole. What a name
says well enough is believed; only the first bytes of the others are read, many at once. And a table is known
by its name, as its end is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pypack.corpus.braces import braced
from pypack.corpus.decoders import PEEK_FEED, missing_library
from pypack.corpus.errors import CorpusError
from pypack.corpus.input_file import InputFile
from pypack.corpus.kinds import (
    KNOWN_SUFFIXES,
    OUTPUT_MARKS,
    begins_as_output,
    can_be_compressed,
    is_bare_compression,
    is_named_only,
    kind_by_head,
    kind_by_name,
    suffix_of,
)
from pypack.corpus.walk import (
    CARD,
    CARD_HEAD,
    DATASET_MARKS,
    DESCRIPTION,
    NAMED_ONLY,
    OUTPUT,
    Report,
    left_out_by_name,
)
from pypack.remote import Entry, Stat, Url, UrlError, objects

_MAGIC = re.compile(r"[*?\[{]")


@dataclass(frozen=True)
class _Found:
    """An object, and whether the user named that very one, or a folder that it is in."""

    url: Url
    stat: Stat
    explicit: bool
    in_folder: bool = False


def find_objects(
    argument: str, excluded: set[str], seen: Mapping[str, str], format: str | None, report: Report
) -> Iterator[InputFile]:
    """The objects of one URL, as inputs, in the order of their paths.

    Args:
        excluded: URLs of folders that are passed over.
        seen: paths of inputs before these.
        format: what objects that are named themselves hold, whatever their names say.
        report: told of what is left out.

    Raises:
        CorpusError: there is none, one is of an unknown kind or named twice, or the URL is not taken.
        RemoteError: the service does not answer, or does not allow it.
    """
    try:
        url = Url.of(argument)
    except UrlError as error:
        raise CorpusError(str(error)) from None
    found = []
    for one in _expanded(url, report):
        if any(f"{one.url}/".startswith(f"{folder}/") for folder in excluded):
            continue
        if str(one.url) in seen:
            if one.explicit:
                raise CorpusError(
                    f"{one.url} is named twice: its documents would be stored twice; name it once"
                )
            report(str(one.url), "same_file", f"the same file as {one.url}", False)
        else:
            found.append(one)
    heads = _heads(found, format)
    for one in found:
        file = _described(one, heads.get(str(one.url)), format if one.explicit else None)
        if file is not None:
            yield file
        elif one.explicit:
            raise CorpusError(
                f"{one.url}: unknown kind of file; pypack reads {KNOWN_SUFFIXES}; others with --format"
            )
        else:
            report(str(one.url), "unknown_kind", "unknown kind of file", False)


def _expanded(url: Url, report: Report) -> Iterator[_Found]:
    if url.scheme not in ("http", "https") and _MAGIC.search(url.key):
        yield from _matching(url)
        return
    stat = objects().stat(url) if url.key else None
    if stat is not None:
        yield _Found(url, stat, explicit=True)
        return
    if url.scheme in ("http", "https"):
        raise CorpusError(f"{url}: no such file")
    entries = objects().list(url)
    if not entries:
        raise CorpusError(f"{url}: no such object or folder")
    if _outputs(url, [entry for entry in entries if "/" not in entry.path]):
        raise CorpusError(f"{url}: an output of pypack, not a corpus")
    for entry in _kept(url, entries, report):
        yield _Found(url / entry.path, entry.stat, explicit=False, in_folder=True)


def _matching(url: Url) -> Iterator[_Found]:
    """What matches a pattern; "**" is any number of folders, "*" stays within one."""
    patterns = [Url.of(one) for one in braced(str(url))]
    found: dict[str, _Found] = {}
    for pattern in patterns:
        plain = _MAGIC.split(pattern.key, maxsplit=1)[0]
        base = Url(f"{pattern.scheme}://{pattern.bucket}")
        root = base / plain.rpartition("/")[0] if "/" in plain else base
        wanted = re.compile(_as_expression(pattern.key))
        for entry in objects().list(root):
            one = root / entry.path
            if wanted.fullmatch(one.key):
                found[str(one)] = _Found(one, entry.stat, explicit=False)
    if not found:
        raise CorpusError(f"{url}: the pattern matches no object")
    yield from (found[name] for name in sorted(found, key=lambda name: name.encode().split(b"/")))


def _as_expression(pattern: str) -> str:
    """A glob pattern as a regular expression over keys. What begins with a dot is matched by a dot alone."""
    parts = []
    for part in pattern.split("/"):
        if part == "**":
            parts.append(r"(?:[^/.][^/]*/)*")
            continue
        text = "" if part.startswith(".") else r"(?!\.)"
        i = 0
        while i < len(part):
            end = part.find("]", i + 2) if part[i] == "[" else -1
            if part[i] == "*":
                text += "[^/]*"
            elif part[i] == "?":
                text += "[^/]"
            elif end > 0:
                inside = part[i + 1 : end].replace("\\", "\\\\")
                text += f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
                i = end
            else:
                text += re.escape(part[i])
            i += 1
        parts.append(f"{text}/")
    whole = "".join(parts)
    return whole.removesuffix("/") if not whole.endswith("*/)*") else whole + "(?!\\.)[^/]*"


def _outputs(url: Url, entries: Sequence[Entry]) -> set[str]:
    """The folders, by their path below a URL, that are outputs of pypack."""
    marks = [entry for entry in entries if entry.path.rpartition("/")[2] in OUTPUT_MARKS]
    heads = objects().read_many([(url / one.path, 0, min(256, one.stat.size)) for one in marks])
    return {
        mark.path.rpartition("/")[0]
        for mark, head in zip(marks, heads, strict=True)
        if begins_as_output(head)
    }


def _kept(url: Url, entries: Sequence[Entry], report: Report) -> Iterator[Entry]:
    """Of a folder, what is not left out."""
    outputs = _outputs(url, entries)
    datasets = {e.path.rpartition("/")[0] for e in entries if e.path.rpartition("/")[2] in DATASET_MARKS}
    cards = [entry for entry in entries if entry.path.rpartition("/")[2] == CARD]
    heads = objects().read_many([(url / one.path, 0, min(len(CARD_HEAD), one.stat.size)) for one in cards])
    described = {card.path for card, head in zip(cards, heads, strict=True) if head == CARD_HEAD}
    told: dict[str, bool] = {}  # folders, and whether they are left out
    for entry in entries:
        folders, _, name = entry.path.rpartition("/")
        if _in_left_out_folder(url, folders, outputs, told, report):
            continue
        why = left_out_by_name(name, False, folders in datasets)
        if why is None and entry.path in described:
            why = DESCRIPTION
        if why is None and is_named_only(name):
            why = NAMED_ONLY
        if why is None:
            yield entry
        else:
            report(str(url / entry.path), *why, False)


def _in_left_out_folder(
    url: Url, folders: str, outputs: set[str], told: dict[str, bool], report: Report
) -> bool:
    path = ""
    for part in folders.split("/") if folders else ():
        path = f"{path}/{part}" if path else part
        if path not in told:
            why = OUTPUT if path in outputs else left_out_by_name(part, True, False)
            told[path] = why is not None
            if why is not None:
                report(str(url / path), *why, True)
        if told[path]:
            return True
    return False


def _heads(found: Sequence[_Found], format: str | None) -> dict[str, bytes]:
    """The first bytes of the objects whose names do not say enough."""
    unsure = [one for one in found if _is_unsure(one, format)]
    by_bucket: dict[tuple[str, str], list[_Found]] = {}
    for one in unsure:
        by_bucket.setdefault((one.url.scheme, one.url.bucket), []).append(one)
    heads: dict[str, bytes] = {}
    for group in by_bucket.values():
        for i in range(0, len(group), 1024):
            part = group[i : i + 1024]
            data = objects().read_many([(one.url, 0, min(PEEK_FEED, one.stat.size)) for one in part])
            heads |= {str(one.url): head for one, head in zip(part, data, strict=True)}
    return heads


def _is_unsure(found: _Found, format: str | None) -> bool:
    name = found.url.name
    kind, _ = kind_by_name(name)
    if found.explicit or (kind == "json_lines" and is_named_only(name)):
        return True
    return kind is None and (is_bare_compression(name) or (not found.in_folder and not suffix_of(name)))


def _described(found: _Found, head: bytes | None, asked: str | None) -> InputFile | None:
    """The input, None where its kind is unknown."""
    kind, compression = kind_by_name(found.url.name)
    kind = asked or kind
    if kind is not None and compression is not None and not can_be_compressed(kind):
        return None
    if head is not None:
        by_head, compression = kind_by_head(found.url.name, head, kind, compression)
        kind = asked or by_head
    if kind is None:
        return None
    if (missing := missing_library(compression)) is not None:
        raise CorpusError(f"{found.url}: {missing}")
    stat = found.stat
    # Where the service tells a version, its time of change is no part of it: a listing may say less of it.
    modified = 0 if stat.etag else stat.modified_ns
    return InputFile(str(found.url), kind, compression, stat.size, modified, etag=stat.etag)
