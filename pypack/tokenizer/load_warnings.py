"""What is said when a tokenizer is loaded that may not be what its user thinks."""

from __future__ import annotations

from collections.abc import Sequence

from pypack.tokenizer.added_token import AddedToken
from pypack.tokenizer.comparison import Difference, Encode, differences
from pypack.tokenizer.definition import TokenizerDefinition
from pypack.tokenizer.engine import Engine
from pypack.tokenizer.folder import Beside
from pypack.tokenizer.native.unsupported import UnsupportedError
from pypack.tokenizer.telling_texts import telling_texts
from pypack.tokenizer.told import warn_caller
from pypack.tokenizer.transformers_form import form_in_transformers

_SHOWN = 3


def warn_of_ids(definition: TokenizerDefinition, added_tokens: Sequence[AddedToken]) -> None:
    """Warns of added tokens whose id is not the one in the file.

    Warns:
        UserWarning: names the first few, with both ids.
    """
    real = {token.content: token.id for token in added_tokens}
    moved = []
    for entry in definition.sections_of_any.get("added_tokens") or []:
        content, said = entry.get("content"), entry.get("id")
        if content in real and said != real[content]:
            moved.append(f"{content!r} is {said} in the file, and gets {real[content]}")
    if moved:
        more = f", and {len(moved) - _SHOWN} more" if len(moved) > _SHOWN else ""
        warn_caller(
            f"{definition.source}: ids of added tokens are not those of the file, because they are numbered "
            f"on from the vocabulary, as `tokenizers` does: {'; '.join(moved[:_SHOWN])}{more}; a model "
            "whose embeddings follow the file needs the vocabulary filled up to these ids",
        )


def warn_of_transformers(definition: TokenizerDefinition, beside: Beside, engine: Engine) -> None:
    """Warns where transformers makes another tokenizer of the folder, with a text on which they differ.

    Warns:
        UserWarning: says what to do.
    """
    found = difference_to_transformers(definition, beside, engine)
    if found is None:
        return
    why, difference = found
    warn_caller(
        f"{definition.source}: pypack follows the file, but {why}. They differ on {difference} (here against "
        "there). To have what transformers has: Tokenizer.from_huggingface(AutoTokenizer.from_pretrained("
        "folder)), or save_pretrained of that; what differs: pypack check-tokenizer",
    )


def difference_to_transformers(
    definition: TokenizerDefinition, beside: Beside, engine: Engine
) -> tuple[str, Difference] | None:
    """Why transformers makes another tokenizer of a folder, and the first text that shows it; else None."""
    try:
        form = form_in_transformers(definition.sections, beside)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None  # not the shape of a tokenizer.json
    if form is None:
        return None
    # Not at the top: it takes the compiled kernels of every model along.
    from pypack.tokenizer.native.engine import NativeEngine

    try:
        other = NativeEngine(definition.changed(dict(form.sections)))
    except (UnsupportedError, ValueError):
        return None
    special = [token.content for token in engine.added_tokens() if token.special]
    found = differences(_encode(engine), _encode(other), telling_texts(special), most=1)
    return (form.why, found[0]) if found else None


def _encode(engine: Engine) -> Encode:
    def encode(text: str) -> list[int]:
        rows = engine.encode_batch(
            [text], add_special_tokens=False, split_special_tokens=False, num_threads=1
        )
        return [int(token) for token in rows.values]

    return encode
