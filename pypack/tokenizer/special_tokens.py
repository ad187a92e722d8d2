"""Which of a tokenizer's tokens end, begin and pad a document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from pypack.tokenizer.told import warn_caller

# A tokenizer.json does not say which of its special tokens is which. The names that published tokenizers
# use, most telling first; `<s>` after the others because several files carry it unused.
_KNOWN_NAMES = {
    "eos": ("<|end_of_text|>", "<|endoftext|>", "</s>", "<eos>", "<|eos|>", "<｜end▁of▁sentence｜>"),
    "bos": ("<|begin_of_text|>", "<bos>", "<|bos|>", "<｜begin▁of▁sentence｜>", "<s>"),
    "pad": ("<|padding|>", "<pad>", "[PAD]", "<|pad|>", "<｜▁pad▁｜>", "<|finetune_right_pad_id|>"),
}
ROLES = tuple(_KNOWN_NAMES)


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the special tokens, None where the tokenizer has none."""

    eos: int | None = None
    bos: int | None = None
    pad: int | None = None

    def as_dict(self) -> dict[str, int | None]:
        """The three ids by role."""
        return asdict(self)


def find_special_tokens(
    token_to_id: Callable[[str], int | None],
    special_names: frozenset[str],
    configured: dict[str, str],
    asked: dict[str, str | None],
) -> SpecialTokens:
    """Finds the special ids: as asked for, else as configured beside the file, else by well-known name.

    Args:
        token_to_id: the vocabulary's look-up.
        special_names: the added tokens that the tokenizer marks as special.
        configured: role → token, from the files beside the tokenizer.
        asked: role → token given by the caller; None where not given.

    Warns:
        UserWarning: a configured token is not in the vocabulary; its role has no id then. (transformers
            would give it a new id behind the vocabulary's, for which a model may have no embedding.)

    Raises:
        ValueError: a token that was asked for is not in the vocabulary.
    """
    found: dict[str, int] = {}
    for role, known in _KNOWN_NAMES.items():
        name = asked.get(role)
        if name is not None:
            token_id = token_to_id(name)
            if token_id is None:
                raise ValueError(f"{role}_token {name!r} is not in the tokenizer's vocabulary")
            found[role] = token_id
            continue
        if role in configured and token_to_id(configured[role]) is None:
            warn_caller(
                f"the tokenizer's configuration names the {role}_token {configured[role]!r}, which is not in"
                f" its vocabulary: {role}_id is None; give {role}_token=...",
            )
        candidates = [configured[role]] if role in configured else [n for n in known if n in special_names]
        for candidate in candidates:
            token_id = token_to_id(candidate)
            if token_id is not None:
                found[role] = token_id
                break
    return SpecialTokens(**found)
