"""`pypack inspect --fertility`: how many tokens a word and a byte come to, by script and by source."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypack.cli.table import format_table
from pypack.cli.tokenizers import load_tokenizer
from pypack.remote.url import Url

if TYPE_CHECKING:
    from pypack.store.store import TokenStore
    from pypack.tokenizer.tokenizer import Tokenizer

_SAMPLE = 5000  # documents that are looked at, spread over the store
_LOOKED_AT = 2000  # characters of a document that tell its script
_SCRIPTS = {"CJK": "Han", "HIRAGANA": "Japanese", "KATAKANA": "Japanese"}


@dataclass
class _Sums:
    documents: int = 0
    words: int = 0
    bytes: int = 0


def script_of(text: str) -> str:
    """The script that most letters of a text have: the first word of their Unicode names; "none" without."""
    found: Counter[str] = Counter()
    for character in text[:_LOOKED_AT]:
        if character.isascii():
            found["Latin"] += character.isalpha()
        elif character.isalpha():
            name = unicodedata.name(character, "OTHER").split(" ", 1)[0].split("-", 1)[0]
            found[_SCRIPTS.get(name, name.capitalize())] += 1
    script, letters = found.most_common(1)[0] if found else ("none", 0)
    if script == "Han" and found["Japanese"]:
        return "Japanese"
    return script if letters else "none"


def fertility(
    texts: Sequence[str], sources: Sequence[str] | None, tokenizers: Sequence[tuple[str, Tokenizer]]
) -> list[dict[str, Any]]:
    """Figures of texts under tokenizers: one dict a source, a script, and of all.

    Args:
        sources: of each text; None where nothing is known of them.
        tokenizers: (name, tokenizer)
    """
    groups: dict[tuple[str, str], _Sums] = {}
    tokens: dict[tuple[str, str], Counter[str]] = {}
    counts = {name: tokenizer.count_batch(list(texts)).tolist() for name, tokenizer in tokenizers}
    for i, text in enumerate(texts):
        keys = [("all", "all"), ("script", script_of(text))]
        if sources is not None:
            keys.append(("source", sources[i]))
        for key in keys:
            sums = groups.setdefault(key, _Sums())
            sums.documents += 1
            sums.words += len(text.split())
            sums.bytes += len(text.encode())
            of_group = tokens.setdefault(key, Counter())
            for name, of_texts in counts.items():
                of_group[name] += of_texts[i]
    order = {"source": 0, "script": 1, "all": 2}
    found = sorted(groups.items(), key=lambda item: (order[item[0][0]], -item[1].bytes, item[0][1]))
    return [
        {
            "by": by,
            "name": name,
            "documents": sums.documents,
            "words": sums.words,
            "bytes": sums.bytes,
            "tokenizers": [
                {
                    "tokenizer": of,
                    "tokens": tokens[by, name][of],
                    "tokens_per_word": tokens[by, name][of] / sums.words if sums.words else None,
                    "tokens_per_byte": tokens[by, name][of] / sums.bytes if sums.bytes else None,
                }
                for of, _ in tokenizers
            ],
        }
        for (by, name), sums in found
    ]


def fertility_of_store(store: TokenStore, others: Iterable[Path]) -> list[dict[str, Any]]:
    """Of documents of a store, which its own tokenizer decodes; by its own and by other tokenizers.

    Documents have sources where the store keeps a column "source".

    Raises:
        FileNotFoundError: the store does not hold its tokenizer.
    """
    own = store.tokenizer()
    total = len(store)
    chosen = list(range(total)) if total <= _SAMPLE else [i * total // _SAMPLE for i in range(_SAMPLE)]
    texts = store.text(chosen) if chosen else []
    sources = None
    try:
        column = store.columns(["source"]).column("source")
        sources = [str(column[i].as_py()) for i in chosen]
    except (FileNotFoundError, ValueError):  # it keeps no such column
        pass
    named = [(str(path), load_tokenizer(path)) for path in others]
    return fertility(texts, sources, [("its own", own), *named])


def fertility_of_texts(path: Path | Url, tokenizers: Sequence[Path]) -> list[dict[str, Any]]:
    """Of the texts of a file, or of a folder of files, under tokenizers: the first documents of each file.

    Their source is the field "source", where records have it, else the name of their file.

    Raises:
        FileNotFoundError: there is no such file, or no text in it.
        UsageError: a tokenizer is not there, or cannot be read.
    """
    from pypack import corpus

    texts: list[str] = []
    sources: list[str] = []
    for file in corpus.list_inputs([str(path)]):
        first = len(texts)
        for batch in corpus.read([file], keep=["source"]):
            kept = batch.columns["source"]
            texts += batch.text_list()
            sources += [
                str(source.as_py() if hasattr(source, "as_py") else source or Path(file.path).name)
                for source in kept
            ]
            if len(texts) - first >= _SAMPLE:
                break
        del texts[first + _SAMPLE :], sources[first + _SAMPLE :]
    if not texts:
        raise FileNotFoundError(f"{path}: no document to look at")
    return fertility(texts, sources, [(str(one), load_tokenizer(one)) for one in tokenizers])


def shown(found: Sequence[dict[str, Any]]) -> str:
    """The figures as a table."""
    names = [one["tokenizer"] for one in found[-1]["tokenizers"]] if found else []
    head = ["", "documents", "words", "MB"]
    for name in names:
        short = Path(name).name if len(names) > 1 else ""
        head += [f"{short} tokens/word".strip(), "tokens/byte"]
    rows = []
    for group in found:
        row = [
            group["name"] if group["by"] == "all" else f"{group['by']} {group['name']}",
            f"{group['documents']:,}",
            f"{group['words']:,}",
            f"{group['bytes'] / 1e6:.2f}",
        ]
        for one in group["tokenizers"]:
            row += [_figure(one["tokens_per_word"], 2), _figure(one["tokens_per_byte"], 3)]
        rows.append(row)
    return format_table(head, rows)


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
