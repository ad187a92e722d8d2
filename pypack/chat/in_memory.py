"""A source of records that are at hand: rendered, encoded and packed, in files that go with it."""

from __future__ import annotations

import collections
import itertools
import os
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pypack._common.paths import local_path
from pypack._common.threads import resolve_num_threads
from pypack.records.errors import RecordError
from pypack.records.messages import plain_data
from pypack.records.recipe import Recipe, RecordTexts
from pypack.source.source import Source
from pypack.store.writer import StoreWriter

if TYPE_CHECKING:
    from pypack.records.chat_template import ChatTemplate
    from pypack.records.rendered import Rendered
    from pypack.tokenizer.tokenizer import Tokenizer

# Records that are encoded at once.
_RECORDS = 1024


def dataset(
    records: Iterable[Mapping[str, Any]] | str | os.PathLike[str],
    tokenizer: Tokenizer,
    sequence_length: int,
    *,
    messages: str | None = "messages",
    tools: str | None = None,
    prompt: str | None = None,
    completions: str | Iterable[str] = (),
    weight: str | None = None,
    template: str | os.PathLike[str] | ChatTemplate | None = None,
    learn: str = "assistant",
    chat_options: Mapping[str, Any] | None = None,
    parse_special_tokens: bool = False,
    append_eos: bool | None = None,
    on_error: str = "stop",
    num_threads: int | None = None,
    **packing: Any,
) -> Source:
    """Makes a source of conversations, or of prompts with completions, for a `Loader`.

        Loader(pypack.chat.dataset(records, tokenizer, 2048), batch_sequences=8)

    Its batches are those of a store that `pypack tokenize` makes of the same records. The ids lie in
    temporary files, mapped, and go when the source does.

    Args:
        records: dicts (of a list, a `datasets.Dataset`, ...), or the path of a file of JSON lines.
        tokenizer: with a chat template of its own, or give one.
        sequence_length: tokens of a sequence.
        messages: the field of a conversation.
        tools: that of its tools.
        prompt: instead of messages, the field of what is not learned.
        completions: the fields of what is: several make a group.
        weight: the field that says how much the loss of a record counts.
        template: a chat template, or its path; see `Tokenizer.chat_template`, also for the next two.
        learn: what of a conversation is learned.
        parse_special_tokens: whether content may spell special tokens.
        chat_options: what the template finds by name, such as `{"enable_thinking": False}`.
        append_eos: end every document with the tokenizer's end token; None: completions of text alone.
        on_error: "stop" raises at the first record that gives no document, "skip" warns of them at the end.
        num_threads: threads that encode; None for every core.
        **packing: of `pypack.pack`, and `drop_unlearned` of `Source`. overflow is "truncate" by default, or
            "drop" where groups are kept together (`keep_together="group"`).

    Raises:
        RecordError: (a ValueError) a record gives no document; its number is in the message.
        ValueError: there is no document, or an option does not fit.
    """
    if on_error not in ("stop", "skip"):
        raise ValueError(f'on_error must be "stop" or "skip", got {on_error!r}')
    fields = (completions,) if isinstance(completions, str) else tuple(completions)
    recipe = Recipe(
        messages=None if fields else messages,
        tools=tools,
        prompt=prompt,
        completions=fields,
        parse_special_tokens=parse_special_tokens,
        weight=weight,
    )
    from pypack.records.chat_template import ChatTemplate

    if not isinstance(template, ChatTemplate) and (not fields or template or tokenizer.has_chat_template):
        options = {"learn": learn, "parse_special_tokens": parse_special_tokens, **(chat_options or {})}
        template = tokenizer.chat_template(template, has_tools=tools is not None, **options)
    texts = RecordTexts(
        recipe, template if isinstance(template, ChatTemplate) else None, tokenizer.special_texts
    )
    if append_eos is None:
        append_eos = bool(fields)
    folder = Path(tempfile.mkdtemp(prefix="pypack-chat-"))
    try:
        _write(folder, records, texts, tokenizer, append_eos, on_error, resolve_num_threads(num_threads))
        packing.setdefault("overflow", "drop" if "keep_together" in packing else "truncate")
        source = Source.select(folder, sequence_length, **packing)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(source, _remove, folder, os.getpid())
    return source


def _mend(error: RecordError) -> str:
    """The end of a message about a field that a record does not have."""
    if error.kind != "missing_field":
        return ""
    return "; messages=, or prompt= and completions=, say what the fields are called"


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # a forked child leaves it alone
        shutil.rmtree(folder, ignore_errors=True)


def _write(
    folder: Path,
    records: Iterable[Mapping[str, Any]] | str | os.PathLike[str],
    texts: RecordTexts,
    tokenizer: Tokenizer,
    append_eos: bool,
    on_error: str,
    num_threads: int,
) -> None:
    skipped: collections.Counter[str] = collections.Counter()
    first = ""
    with StoreWriter(
        folder,
        vocab_size=tokenizer.vocab_size,
        append_id=tokenizer.eos_id if append_eos else None,
        beside=texts.beside,
        tokenizer=tokenizer,
    ) as writer:
        numbered = enumerate(_records(records))
        while batch := list(itertools.islice(numbered, _RECORDS)):
            rendered: list[Rendered] = []
            places: list[int] = []
            weights: list[float] = []
            for number, record in batch:
                try:
                    plain = plain_data(record)
                    found, weight = texts(plain), texts.weight(plain)
                except RecordError as error:
                    if on_error == "stop":
                        raise RecordError(error.kind, f"record {number}: {error}{_mend(error)}") from error
                    skipped[error.kind] += 1
                    first = first or f"record {number}: {error}"
                    continue
                rendered += found
                places += range(len(found))
                weights += [weight] * len(found)
            rows, learned = tokenizer.encode_rendered(rendered, num_threads=num_threads)
            writer.append(
                rows,
                learned=learned if ".mask" in texts.beside else None,
                places=np.array(places, np.int32) if ".group" in texts.beside else None,
                weights=np.array(weights, np.float32) if ".weight" in texts.beside else None,
            )
    if skipped:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(skipped.items()))
        warnings.warn(
            f"{sum(skipped.values())} records gave no document ({kinds}), the first: {first}", stacklevel=3
        )


def _records(records: Iterable[Mapping[str, Any]] | str | os.PathLike[str]) -> Iterator[Any]:
    if not isinstance(records, str | os.PathLike):
        yield from records
        return
    import orjson

    with local_path(records).open("rb") as file:
        for line in file:
            if line.strip():
                try:
                    yield orjson.loads(line)
                except ValueError as error:
                    raise ValueError(f"{records}: not a file of JSON lines: {error}") from None
