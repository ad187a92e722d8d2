"""What makes a job this job: its options and inputs in words, checked, and its units."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pypack import corpus
from pypack._common.version import VERSION
from pypack.columnar.process import row_groups
from pypack.corpus import InputFile
from pypack.corpus.field import TextFields
from pypack.jobs.choosing import check_choice
from pypack.jobs.description import JobDescription
from pypack.jobs.options import TokenizeOptions
from pypack.jobs.record_options import describe_records
from pypack.jobs.special_ids import SpecialIds, lacking, special_ids
from pypack.jobs.transform import fingerprint, load_transform
from pypack.jobs.units import Unit, make_units
from pypack.jobs.word_stage import check_words

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer


def check_options(options: TokenizeOptions, tokenizer: Tokenizer) -> None:
    """Raises ValueError for a job that cannot be done as asked."""
    _special_ids(options, tokenizer)
    if tokenizer.dropout:
        raise ValueError(
            f"the tokenizer has dropout {tokenizer.dropout:g}, so that every run would give other tokens; "
            'set "dropout" of "model" to null in its tokenizer.json'
        )
    for name in ("shard_tokens", "unit_bytes"):
        if getattr(options, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(options, name)}")
    if options.records is not None and not isinstance(options.field, str) and len(options.field) > 1:
        raise ValueError("field: records become texts by their own options; name no more than one")
    if options.records is not None:
        options.records.recipe(one_field(options))
    if options.word_borders:
        check_words(options.records is not None, tokenizer)
    check_choice(options)


def describe_job(
    inputs: Sequence[str | os.PathLike[str]],
    found: corpus.FoundInputs,
    tokenizer: Tokenizer,
    options: TokenizeOptions,
    format: str | None,
) -> JobDescription:
    """What makes this job this job, without units."""
    records = None
    if options.records is not None:
        records = describe_records(options.records, one_field(options), tokenizer)
    job: dict[str, Any] = {
        "inputs": [os.fspath(path) for path in inputs],
        **asdict(options),
        "field": names[0] if len(names := TextFields.of(options.field).names) == 1 else list(names),
        "keep": list(options.keep),
        "records": None if options.records is None else _in_json(asdict(options.records)),
        "records_as": records,
        "format": format,
        "tokenizer": tokenizer.fingerprint,
        "engine": tokenizer.engine,
        "vocab_size": tokenizer.vocab_size,
        "special_ids": tokenizer.special_tokens.as_dict(),
        **_special_ids(options, tokenizer).as_job(),
        "pypack": VERSION,
    }
    if tokenizer.engine_version is not None:
        job["engine_version"] = tokenizer.engine_version  # whose ids may be others
    if not options.word_borders:  # jobs of older versions do not know of it
        del job["word_borders"]
    if options.transform is not None:
        job["transform_source"] = fingerprint(load_transform(options.transform))
    if options.keep:
        from importlib import metadata

        job["pyarrow"] = metadata.version("pyarrow")  # which writes the columns
    return JobDescription(job, tuple(found.files), (), {"left_out": found.left_out.to_json()})


def units_of(files: Sequence[InputFile], options: TokenizeOptions) -> tuple[Unit, ...]:
    """What files are cut into."""
    return tuple(make_units(files, options.unit_bytes, cut_text=options.txt_per_line, row_groups=row_groups))


def one_field(options: TokenizeOptions) -> str:
    """The field of jobs whose records become texts."""
    return options.field if isinstance(options.field, str) else options.field[0]


def told_of_special_tokens(job: dict[str, Any], options: TokenizeOptions, tokenizer: Tokenizer) -> str | None:
    """What is worth telling of the special tokens of the store."""
    chat = None if job["records_as"] is None else job["records_as"].get("chat")
    if options.records is None or options.records.messages is None:
        return lacking(tokenizer, _special_ids(options, tokenizer))
    if (
        chat is not None
        and (options.prepend_bos or options.add_special_tokens)
        and "bos_token" in chat["source"]
    ):
        return f"{chat['name']} writes bos_token itself: documents may begin with two"
    return None


def _special_ids(options: TokenizeOptions, tokenizer: Tokenizer) -> SpecialIds:
    append_eos = options.append_eos
    if append_eos is None and options.records is not None and options.records.messages is not None:
        append_eos = False  # the chat template ends a conversation
    return special_ids(
        tokenizer,
        prepend_bos=options.prepend_bos,
        append_eos=append_eos,
        add_special_tokens=options.add_special_tokens,
    )


def _in_json(values: Any) -> Any:
    return json.loads(json.dumps(values))
