"""`pypack check-tokenizer`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypack.cli.arguments import natural
from pypack.cli.errors import UsageError, describe
from pypack.remote.url import is_url

if TYPE_CHECKING:
    from pypack.store.store import TokenStore
    from pypack.tokenizer.comparison import Difference, Encode
    from pypack.tokenizer.tokenizer import Tokenizer

SUMMARY = "whether two tokenizers give the same ids"

_DESCRIPTION = """\
Compares two tokenizers on built-in texts that tell tokenizers apart (spaces, newlines, digits, accents,
scripts, special tokens), and on documents of a store.

A STORE: the tokenizer that made it; without --against, its documents are decoded and encoded again.
A FOLDER or FILE: the tokenizer as pypack loads it; without --against, as transformers loads it.
A NAME: a model of the Hugging Face Hub, or of its local cache.
"""
_EPILOG = """\
examples:
  pypack check-tokenizer my-model
  pypack check-tokenizer corpus.store --against my-model
  pypack check-tokenizer corpus.store --against Qwen/Qwen3-8B

Exit status: 0 the same ids throughout, 1 other ids (the texts are shown), 2 it could not be compared.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack check-tokenizer`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("path", metavar="STORE|FOLDER|NAME", help="the tokenizer, or the store it made")
    parser.add_argument(
        "--against", metavar="FOLDER|NAME", help="the tokenizer that should give the same ids"
    )
    parser.add_argument(
        "--documents", type=natural, default=1000, metavar="N", help="documents of the store (default: 1000)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Compares; returns the exit status."""
    from pypack.tokenizer.comparison import differences
    from pypack.tokenizer.telling_texts import telling_texts

    store = _store(args.path)
    first = store.tokenizer() if store is not None else _load(args.path)
    texts = telling_texts(first.special_texts)
    documents = [] if store is None else _documents(store, args.documents)
    if args.against is None and store is not None:
        what, found, count = "the ids in the store", _against_itself(store, first, documents), len(documents)
    else:
        what, second = _other(args)
        encode = _encoder(first)
        own = [] if store is None else [store.text(i, skip_special_tokens=False) for i in documents]
        found, count = differences(encode, second, [*texts, *own]), len(texts) + len(own)
    report = {
        "path": args.path,
        "against": what,
        "texts": count,
        "different": len(found),
        "first": [{"text": d.text, "first": d.first, "second": d.second} for d in found[:10]],
        "exit_status": 1 if found else 0,
    }
    print(json.dumps(report) if args.json else _shown(args.path, what, count, found))
    return 1 if found else 0


def _shown(path: str, what: str, count: int, found: Sequence[Difference]) -> str:
    if not found:
        return f"{path}: the same ids as {what} on {count} texts"
    lines = [f"{path}: other ids than {what} on {len(found)} of {count} texts"]
    lines += [f"  {difference}" for difference in found[:10]]
    if len(found) > 10:
        lines.append(f"  and {len(found) - 10} more")
    return "\n".join(lines)


def _store(path: str) -> TokenStore | None:
    from pypack.store.store import TokenStore

    if is_url(path):
        return TokenStore.open(path)
    if not (Path(path) / "store.json").is_file():
        return None
    return TokenStore.open(path)


def _load(place: str) -> Tokenizer:
    from pypack.tokenizer.tokenizer import Tokenizer

    try:
        if Path(place).exists():
            return Tokenizer.from_file(place)
        return Tokenizer.from_pretrained(place)
    except (ValueError, ImportError, OSError) as error:
        raise UsageError(describe(error, place)) from error


def _encoder(tokenizer: Tokenizer) -> Encode:
    return lambda text: tokenizer.encode(text).tolist()


def _other(args: argparse.Namespace) -> tuple[str, Encode]:
    """What is compared with, and its name."""
    if args.against is not None:
        return args.against, _encoder(_load(args.against))
    folder = Path(args.path)
    if folder.is_file():
        folder = folder.parent
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise UsageError(
            "to compare with what transformers makes of a folder, install transformers; to compare with "
            "another tokenizer, give --against"
        ) from None
    try:
        theirs: Any = AutoTokenizer.from_pretrained(str(folder) if folder.exists() else args.path)
    except (ValueError, OSError, KeyError) as error:
        raise UsageError(f"transformers cannot load {folder}: {error}") from error
    return (
        f"{type(theirs).__name__} of transformers",
        lambda text: theirs(text, add_special_tokens=False)["input_ids"],
    )


def _documents(store: TokenStore, count: int) -> list[int]:
    """Numbers of documents, spread evenly over the store."""
    total = len(store)
    return sorted({i * total // count for i in range(count)}) if total > count else list(range(total))


def _against_itself(store: TokenStore, tokenizer: Tokenizer, documents: Sequence[int]) -> list[Difference]:
    """The documents that encode to other ids than those from which they were decoded."""
    from pypack.tokenizer.comparison import Difference

    appended = None if store.info is None else store.info.appended_id
    found = []
    for i in documents:
        ids = store[i].tolist()
        if appended is not None and ids[-1:] == [appended]:
            ids = ids[:-1]
        text = tokenizer.decode(ids, skip_special_tokens=False)
        again = tokenizer.encode(text).tolist()
        if again != ids and "\ufffd" not in text:
            found.append(Difference(text[:2000], ids, again))
    return found
