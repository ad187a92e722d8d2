"""`pypack inspect`."""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypack.cli import inspect_objective, inspect_schedule
from pypack.cli.arguments import file_path, natural, place
from pypack.cli.artifact import is_texts, kind_of
from pypack.cli.errors import UsageError
from pypack.cli.pack.selection import described
from pypack.cli.table import format_table, length_histogram
from pypack.cli.tokenizers import load_tokenizer
from pypack.remote.url import Url

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pypack.plan.plan import Plan
    from pypack.store.format import StoreInfo
    from pypack.store.store import TokenStore
    from pypack.tokenizer.tokenizer import Tokenizer

SUMMARY = "what a store or a plan holds, or what a schedule would draw"

_DESCRIPTION = """\
Shows what a token store, a plan, or a bare Megatron-Core dataset (.bin/.idx) holds: its totals, the lengths
of its documents or spans, how full its sequences are, and the first of them.
Of a schedule (YAML, see pypack.Schedule) it shows phase by phase what a run would draw: steps, tokens, epochs
of every source, row lengths, and what attention would cost.
"""
_EPILOG = """\
examples:
  pypack inspect corpus.store
  pypack inspect corpus.plan --first 10
  pypack inspect s3://lake/corpus.store
  pypack inspect corpus.store --fertility
  pypack inspect texts/ --fertility --tokenizer a/tokenizer.json --tokenizer b/tokenizer.json
  pypack inspect corpus.store --objective 'MaskedLM(rate=0.3)'
  pypack inspect my_megatron_corpus_text_document --tokenizer tokenizer.json
  pypack inspect mix.yaml --batch-tokens 1M --source web=web.store,web.plan --source code=code.store,code.plan
"""
_SHOWN_TOKENS = 48
_NAMED_TOKENS = 4


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack inspect`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("path", type=place, metavar="STORE|PLAN|SCHEDULE", help="what to look at")
    parser.add_argument(
        "--first", type=natural, default=3, metavar="N", help="documents or sequences to show (default: 3)"
    )
    parser.add_argument(
        "--tokenizer",
        type=file_path,
        metavar="FILE",
        action="append",
        default=[],
        help="decode with this tokenizer.json, not the store's own; with --fertility one more to compare",
    )
    parser.add_argument(
        "--fertility",
        nargs="*",
        type=file_path,
        metavar="TOKENIZER",
        help="tokens a word and a byte of a store's documents, or of texts, by script, source, tokenizer",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    inspect_objective.configure(parser)
    inspect_schedule.configure(parser)


def run(args: argparse.Namespace) -> int:
    """Shows it; returns the exit status."""
    if args.fertility is not None:
        return _fertility(args)
    if isinstance(args.path, Url):
        return _at_url(args)
    kind = kind_of(args.path)
    if len(args.tokenizer) > 1:
        raise UsageError("several --tokenizer are for --fertility")
    if args.objective is not None and kind in ("schedule", "plan"):
        raise UsageError(f"--objective is of a store, and {args.path} is a {kind}")
    if kind == "schedule":
        return inspect_schedule.run(args)
    if kind == "plan":
        from pypack.plan.plan import Plan

        plan = Plan.open(args.path)
        lengths, fills = plan.histograms()
        found = plan.summary() | {
            "kind": "plan",
            "path": str(args.path),
            "histogram": [(1 << k, (2 << k) - 1, *row) for k, row in enumerate(lengths.tolist()) if row[0]],
            "fills": fills.tolist(),
            "first": _sequences(plan, args.first),
        }
        show = _print_plan
    else:
        from pypack.store.store import TokenStore

        store = TokenStore.open(args.path)
        tokenizer = _tokenizer(store, args.tokenizer[0] if args.tokenizer else None)
        found = _describe_store(store, args.path, tokenizer, args.first)
        show = _print_store
        if args.objective is not None:
            found["objective"] = args.objective
            found["learns"] = inspect_objective.preview(store, tokenizer, args.objective, args.first)
    if args.json:
        print(json.dumps(found))
    else:
        show(found)
    return 0


def _at_url(args: argparse.Namespace) -> int:
    """Of a store at a URL its descriptions and lengths are read, and of its tokens those of the first."""
    from pypack.cli.remote import inspected, remote_kind

    if remote_kind(args.path) != "store" or args.objective is not None:
        raise UsageError(f"{args.path}: at URLs stores are shown; copy what else it is to this machine")
    found = inspected(args.path, args.first)
    if args.json:
        print(json.dumps(found))
    else:
        _print_store(found)
    return 0


def _fertility(args: argparse.Namespace) -> int:
    from pypack.cli.fertility import fertility_of_store, fertility_of_texts, shown
    from pypack.store.store import TokenStore

    if isinstance(args.path, Url):
        raise UsageError(f"{args.path}: --fertility reads all of it: copy it to this machine")
    others = [*args.fertility, *args.tokenizer]
    if is_texts(args.path):
        if not others:
            raise UsageError(f"--fertility of texts ({args.path}) needs a tokenizer: --tokenizer FILE")
        found = fertility_of_texts(args.path, others)
    else:
        kind = kind_of(args.path)
        if kind != "store":
            raise UsageError(f"--fertility is of a store or of texts, and {args.path} is a {kind}")
        found = fertility_of_store(TokenStore.open(args.path), others)
    print(json.dumps({"path": str(args.path), "fertility": found}) if args.json else shown(found))
    return 0


def _tokenizer(store: TokenStore, path: Path | None) -> Tokenizer | None:
    if path is None:
        try:
            return store.tokenizer()
        except FileNotFoundError:
            return None
    return load_tokenizer(path)


def _describe_store(store: TokenStore, path: Path, tokenizer: Tokenizer | None, first: int) -> dict[str, Any]:
    lengths = store.lengths
    documents = []
    for i in range(min(first, len(store))):
        whole = store[i]
        ids = whole[:_SHOWN_TOKENS]
        text = None if tokenizer is None else tokenizer.decode(ids, skip_special_tokens=False)
        document = {"document": i, "tokens": int(lengths[i]), "ids": ids.tolist(), "text": text}
        if tokenizer is not None:
            document["begins"] = _names(tokenizer, whole[:_NAMED_TOKENS])
            document["ends"] = _names(tokenizer, whole[_NAMED_TOKENS:][-_NAMED_TOKENS:])
        if store.has_loss_mask:
            document["learned"] = int(store.loss_mask(i).sum())
        documents.append(document)
    found: dict[str, Any] = {
        "kind": "store" if store.info is not None else "megatron dataset",
        "path": str(path),
        "documents": store.num_documents,
        "tokens": store.num_tokens,
        "dtype": str(store.dtype),
        "vocab_size": store.vocab_size,
        "histogram": length_histogram(lengths),
        "lengths": quantiles(lengths),
        "first": documents,
    }
    if store.has_loss_mask:
        found["learned_tokens"] = int(store.learned_lengths.sum())
    if (groups := store.groups) is not None:
        found["groups"] = int((groups[1:] != groups[:-1]).sum()) + 1
    return found if store.info is None else found | of_info(store.info)


def of_info(info: StoreInfo) -> dict[str, Any]:
    """What the `store.json` of a store says, as it is shown."""
    return {
        "special_ids": info.special_ids,
        "appended_id": info.appended_id,
        "prepended_ids": list(info.prepended_ids),
        "requires": list(info.requires),
        "tokenizer_fingerprint": info.tokenizer_fingerprint,
        "options": info.options,
        "shards": [
            {"name": s.name, "documents": s.documents, "tokens": s.tokens, "inputs": s.inputs}
            for s in info.shards
        ],
    }


def _names(tokenizer: Tokenizer, ids: NDArray[np.integer[Any]]) -> list[str]:
    return [tokenizer.id_to_token(int(i)) or f"[{i}]" for i in ids]


def quantiles(lengths: NDArray[np.int32]) -> dict[str, float]:
    import numpy as np

    if len(lengths) == 0:
        return {}
    low, median, high, most = np.quantile(lengths, [0.1, 0.5, 0.9, 1.0])
    return {"mean": float(lengths.mean()), "p10": float(low), "median": float(median), "p90": float(high),
            "max": float(most)}  # fmt: skip


def _print_store(found: dict[str, Any]) -> None:
    print(f"{found['path']}: {found['kind']}")
    print(f"  documents {found['documents']:,}   tokens {found['tokens']:,}   dtype {found['dtype']}")
    if "shards" in found:
        ids = ", ".join(f"{role} {i}" for role, i in found["special_ids"].items() if i is not None)
        print(f"  shards {len(found['shards'])}   vocabulary {found['vocab_size']:,}")
        print(f"  special ids: {ids or 'none'}")
        if found["appended_id"] is not None:
            print(f"  every document ends with id {found['appended_id']}")
        if found["prepended_ids"]:
            print(f"  every document begins with {', '.join(map(str, found['prepended_ids']))}")
    if "learned_tokens" in found:
        share = found["learned_tokens"] / max(1, found["tokens"])
        print(f"  learned {found['learned_tokens']:,} tokens ({share:.1%}), by the store's loss mask")
    if "groups" in found:
        print(f"  groups {found['groups']:,}")
    if found["lengths"]:
        print("  tokens a document: " + ", ".join(f"{k} {v:,.0f}" for k, v in found["lengths"].items()))
        print(_histogram(found["histogram"]))
    if "learns" in found:
        inspect_objective.print_preview(found["objective"], found["learns"])
        return
    for document in found["first"]:
        more = " ..." if document["tokens"] > len(document["ids"]) else ""
        learned = f", {document['learned']:,} learned" if "learned" in document else ""
        print(f"\ndocument {document['document']} ({document['tokens']:,} tokens{learned})")
        if "begins" in document:
            dots = " ..." if document["tokens"] > 2 * _NAMED_TOKENS else ""
            print(
                f"  {' '.join(map(repr, document['begins']))}{dots} {' '.join(map(repr, document['ends']))}"
            )
        if document["text"] is not None:
            print(f"  {document['text']!r}{more}")
        print(f"  {document['ids']}{more}")


def _histogram(
    rows: Sequence[tuple[int, int, int, int]], what: str = "length", things: str = "documents"
) -> str:
    most = max((tokens for *_, tokens in rows), default=0) or 1
    cells = [
        (
            f"{low:,}-{high:,}" if high > low else f"{low}",
            f"{count:,}",
            f"{tokens:,}",
            "█" * round(40 * tokens / most),
        )
        for low, high, count, tokens in rows
    ]
    lines = format_table((what, things, "tokens", ""), [(*row[:3], "") for row in cells]).splitlines()
    return _with_bars(lines, [row[3] for row in cells])


def _with_bars(lines: list[str], bars: list[str]) -> str:
    return "\n".join(f"  {line:<50} {bar}".rstrip() for line, bar in zip(lines, ["", "", *bars], strict=True))


def _fill_histogram(fills: Sequence[int]) -> str:
    """Sequences by how full they are; finer towards the full end, where the good ones are."""
    edges = [0, 50, 75, 90, 95, 99, 100]
    groups = [sum(fills[low:high]) for low, high in itertools.pairwise(edges)] + [fills[100]]
    names = [f"{low}-{high} %" for low, high in itertools.pairwise(edges)] + ["no padding"]
    rows = [(name, f"{count:,}", "") for name, count in zip(names, groups, strict=True)]
    most = max(groups) or 1
    lines = format_table(("fill", "sequences", ""), rows).splitlines()
    return _with_bars(lines, ["█" * round(40 * count / most) for count in groups])


def _sequences(plan: Plan, first: int) -> list[dict[str, Any]]:
    shown = []
    for s in range(min(first, plan.num_sequences)):
        spans = slice(int(plan.sequence_offsets[s]), int(plan.sequence_offsets[s + 1]))
        documents = plan.span_document[spans]
        if plan.documents is not None:
            documents = plan.documents[documents]
        columns = (documents, plan.span_start[spans], plan.span_length[spans])
        shown.append(
            {
                "sequence": s,
                "capacity": int(plan.sequence_capacity[s]),
                "spans": list(zip(*(column.tolist() for column in columns), strict=True)),
                **({} if plan.literals is None else {"literals": plan.literals.of_sequence(plan, s)}),
            }
        )
    return shown


def _print_plan(found: dict[str, Any]) -> None:
    print(f"{found['path']}: plan by {found['strategy']}, options {json.dumps(found['options'])}")
    for line in described(found):
        print(f"  {line}")
    shown = {"path", "kind", "strategy", "options", "selection", "sides", "first", "histogram", "fills"}
    for name, value in found.items():
        if name not in shown and value is not None:
            print(f"  {name:20} {value:,.6g}" if isinstance(value, float) else f"  {name:20} {value:,}")
    print(_histogram(found["histogram"], "span length", "spans"))
    print(_fill_histogram(found["fills"]))
    for sequence in found["first"]:
        spans, room = len(sequence["spans"]), sequence["capacity"]
        print(f"\nsequence {sequence['sequence']} ({spans} spans, room for {room:,} tokens)")
        print(f"  |{_picture(sequence)}|")
        literals = sequence.get("literals") or [[]] * (spans + 1)
        for (document, start, length), before in zip(sequence["spans"][:8], literals, strict=False):
            if before:
                print(f"  literal tokens {' '.join(map(str, before))}")
            print(f"  document {document}: tokens {start:,} to {start + length:,}")
        if spans <= 8 and literals[-1]:
            print(f"  literal tokens {' '.join(map(str, literals[-1]))}")
        if len(sequence["spans"]) > 8:
            print(f"  and {len(sequence['spans']) - 8} more")


def _picture(sequence: dict[str, Any], width: int = 72) -> str:
    """The sequence as blocks, one shade a span, dots for padding."""
    cells = []
    end = 0
    for i, (_, _, length) in enumerate(sequence["spans"]):
        begin, end = end, end + length
        low, high = (round(width * place / sequence["capacity"]) for place in (begin, end))
        cells.append("█▓▒░"[i % 4] * (high - low))
    return "".join(cells).ljust(width, "·")[:width]
