"""What a tokenize job is asked to do, and how."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from pypack.corpus.field import DEFAULT_JOINER
from pypack.jobs.record_options import RecordOptions
from pypack.jobs.units import DEFAULT_UNIT_BYTES
from pypack.store.shard_cutter import DEFAULT_SHARD_TOKENS


@dataclass(frozen=True)
class TokenizeOptions:
    """What decides the content of the store, besides the inputs and the tokenizer.

    Attributes:
        field, joiner, keep, txt_per_line, max_document_bytes: see `pypack.corpus.read`.
        append_eos: end every document with the tokenizer's eos id; None: if it has one. Conversations end as
            their template says, unless this is true.
        prepend_bos: begin every document with the tokenizer's bos id.
        add_special_tokens: put around every document what the tokenizer's own template does.
        split_special_tokens: text that looks like a special token is plain text, and counted; other added
            tokens are tokens always.
        shard_tokens: most tokens in a shard.
        unit_bytes: how the inputs are cut into units, see `pypack.jobs.units.make_units`. A unit begins a
            shard of its own.
        records: where records become texts first: conversations, prompts and completions, templates.
        where: only documents of which this is true, see `pypack.columnar.expressions`.
        sample, seed: only about this share of them, by the seed and where each stands.
        transform: `module:function` or `file.py:function`, which is given the texts of a batch and returns a
            text for each, or None to leave it out. What it makes of a text must depend on that text alone.
        min_tokens, max_tokens: only documents of so many tokens, without those put around them.
        word_borders: keep beside the tokens where words begin, by the tokenizer's pre-tokenizer, see
            `Tokenizer.encode_batch_with_words`; for objectives that mask whole words.
        limit: the first so many documents of the job, in the order of its inputs, of those that are chosen.
    """

    field: str | tuple[str, ...] = "text"
    joiner: str = DEFAULT_JOINER
    keep: tuple[str, ...] = ()
    txt_per_line: bool = False
    max_document_bytes: int = 1 << 28
    append_eos: bool | None = None
    prepend_bos: bool = False
    add_special_tokens: bool = False
    split_special_tokens: bool = True
    shard_tokens: int = DEFAULT_SHARD_TOKENS
    unit_bytes: int = DEFAULT_UNIT_BYTES
    records: RecordOptions | None = None
    where: str | None = None
    sample: float | None = None
    seed: int = 0
    transform: str | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None
    limit: int | None = None
    word_borders: bool = False


# What `store.json` says of them.
STORE_OPTIONS = ("inputs", *(one.name for one in fields(TokenizeOptions)))


@dataclass(frozen=True)
class WorkOptions:
    """How units are worked on; nothing of it changes what they make.

    Attributes:
        on_error: "reject" or "stop", see `pypack.corpus.read`.
        num_threads: threads that encode, None for every core.
        batch_bytes: input bytes encoded at once.
        max_rejects: stops a unit that refuses more, see `pypack.jobs.reject_limit`; None for no limit.
        memory_limit: bytes of memory above which a process finishes its unit in smaller batches, None for no
            limit.
    """

    on_error: Literal["reject", "stop"] = "reject"
    num_threads: int | None = None
    batch_bytes: int = 4 << 20
    memory_limit: int | None = None
    max_rejects: str | None = None
