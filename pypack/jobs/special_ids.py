"""The ids that every document begins and ends with, and what the tokenizer's own template would add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer


class NoEndTokenError(ValueError):
    """Documents are to end with a token that nobody knows."""


@dataclass(frozen=True)
class SpecialIds:
    """What stands around the ids of a text.

    Attributes:
        prepended, appended: ids before and behind it.
        end: the id behind these, None for none.
    """

    prepended: tuple[int, ...]
    appended: tuple[int, ...]
    end: int | None

    def as_job(self) -> dict[str, Any]:
        """As `job.json` has them."""
        return {
            "prepended_ids": list(self.prepended),
            "appended_ids": list(self.appended),
            "appended_id": self.end,
        }


def special_ids(
    tokenizer: Tokenizer, *, prepend_bos: bool, append_eos: bool | None, add_special_tokens: bool
) -> SpecialIds:
    """The ids that are asked for; none is added where the tokenizer's template has it already.

    Raises:
        NoEndTokenError: the tokenizer has no token to end documents with.
        ValueError: it has none to begin them with, or no template.
    """
    begin: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    if add_special_tokens:
        template = tokenizer.template_ids
        if template is None:
            raise ValueError(
                "add_special_tokens: the tokenizer's template does more than put tokens around a text; "
                "name what "
                "documents begin and end with by prepend_bos and append_eos"
            )
        begin, end = template
    if prepend_bos:
        if tokenizer.bos_id is None:
            raise ValueError(
                "prepend_bos: pypack knows no begin-of-document token of this tokenizer; name it with "
                "--bos-token"
            )
        if begin[:1] != (tokenizer.bos_id,):
            begin = (tokenizer.bos_id, *begin)
    if append_eos and tokenizer.eos_id is None:
        raise NoEndTokenError(
            "append_eos: pypack knows no end-of-document token of this tokenizer; name it with --eos-token"
        )
    last = None if append_eos is False else tokenizer.eos_id
    if last is not None and end[-1:] == (last,):
        end = end[:-1]
    return SpecialIds(begin, end, last)


def lacking(tokenizer: Tokenizer, ids: SpecialIds) -> str | None:
    """What the tokenizer's own template would add and a store will lack, in words; None if nothing."""
    template = tokenizer.template_ids
    if template is None:
        return None
    begin, end = template
    kept_end = [*ids.appended, *([] if ids.end is None else [ids.end])]
    parts, options = [], ["--add-special-tokens"]
    if begin and begin != ids.prepended[: len(begin)]:
        parts.append(f"{_names(tokenizer, begin)} before every document")
        options.append("--prepend-bos")
    if end and list(end) != kept_end[: len(end)] and list(end) != kept_end[-len(end) :]:
        parts.append(f"{_names(tokenizer, end)} behind {'it' if parts else 'every document'}")
    if not parts:
        return None
    return (
        f"the tokenizer's own template puts {' and '.join(parts)}, which the store will lack: a model that "
        f"was trained with it needs it ({', or '.join(options)})"
    )


def _names(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    return " ".join(tokenizer.id_to_token(i) or str(i) for i in ids)
