"""The `added_tokens` of a tokenizer.json, with the ids that `tokenizers` gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pypack._core import Normalizer, Vocabulary
from pypack.tokenizer.added_token import AddedToken
from pypack.tokenizer.native.unsupported import UnsupportedError, check_keys

Fields = tuple[str, int, bool, bool, bool, bool, bool]

_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def read_added_tokens(entries: Sequence[Mapping[str, Any]], vocabulary: Vocabulary) -> list[AddedToken]:
    """The added tokens by id.

    A token that the model knows has the model's id; the others are numbered on from the size of the
    vocabulary in the order of the file, whatever id the file says.

    Raises:
        UnsupportedError: two entries share an id or a text, or an entry has unknown fields.
    """
    tokens: dict[int, AddedToken] = {}
    contents: set[str] = set()
    next_id = len(vocabulary)
    for entry in entries:
        check_keys(entry, ("id", "content", *_FLAGS), "added token")
        content = entry["content"]
        if not content:
            continue
        if content in contents:
            raise UnsupportedError(f"added token {content!r} is there twice")
        contents.add(content)
        token_id = vocabulary.get(content)
        if token_id is None:
            token_id = next_id
            next_id += 1
        if token_id in tokens:
            raise UnsupportedError(f"added tokens {tokens[token_id].content!r} and {content!r} share an id")
        tokens[token_id] = AddedToken(content, token_id, **{flag: bool(entry[flag]) for flag in _FLAGS})
    return [tokens[token_id] for token_id in sorted(tokens)]


def added_token_fields(tokens: Sequence[AddedToken], normalizer: Normalizer | None) -> list[Fields]:
    """The tokens as the C++ Encoder takes them: a normalized token is looked for in its normalized form.

    Raises:
        UnsupportedError: two normalized tokens have one form, or the form is empty.
    """
    fields = []
    seen: set[str] = set()
    for token in tokens:
        content = token.content
        if token.normalized and normalizer is not None:
            content = normalizer.normalize(content)
        if token.normalized:
            if not content or content in seen:
                raise UnsupportedError(
                    f"added token {token.content!r} normalizes to {content!r}: empty, or another's form too"
                )
            seen.add(content)
        fields.append(
            (
                content,
                token.id,
                token.single_word,
                token.lstrip,
                token.rstrip,
                token.normalized,
                token.special,
            )
        )
    return fields


def texts_of_added_tokens(
    tokens: Sequence[AddedToken], fields: Sequence[Fields], marks_spaces: bool
) -> dict[int, str]:
    """Id → what the library says that the id stands for: of a normalized token, its normalized form."""
    texts = {}
    for token, (normalized, *_) in zip(tokens, fields, strict=True):
        spelled = normalized.replace(" ", "\u2581") if marks_spaces else normalized
        texts[token.id] = spelled if token.normalized else token.content
    return texts
