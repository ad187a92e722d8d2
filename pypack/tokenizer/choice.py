"""Which engine runs a tokenizer."""

from __future__ import annotations

from typing import Literal

from pypack.tokenizer.definition import TokenizerDefinition
from pypack.tokenizer.engine import Engine
from pypack.tokenizer.expansion import check_expansion
from pypack.tokenizer.huggingface_engine import HuggingFaceEngine
from pypack.tokenizer.native.unsupported import UnsupportedError

EngineName = Literal["native", "huggingface"]


def choose_engine(definition: TokenizerDefinition, asked: EngineName | None) -> tuple[Engine, str | None]:
    """The engine, and why it is not the native one (None if it is).

    Raises:
        ValueError: the native engine was asked for and has no exact form of the tokenizer, or the
            `tokenizers` library cannot load it; or it multiplies texts beyond measure.
    """
    check_expansion(definition.sections_of_any, definition.source)
    if asked == "huggingface":
        return HuggingFaceEngine(definition.tokenizer), "engine='huggingface' was asked for"
    # Not at the top: it takes the compiled kernels of every model along.
    from pypack.tokenizer.native.engine import NativeEngine

    try:
        return NativeEngine(definition), None
    except UnsupportedError as error:
        engine = HuggingFaceEngine(definition.tokenizer)  # says so if this is no tokenizer at all
        if asked == "native":
            raise ValueError(
                f"engine='native' is not possible for {definition.source}: {error}; use engine=None"
            ) from error
        return engine, str(error)
