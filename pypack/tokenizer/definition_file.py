"""A tokenizer file of any kind as a `TokenizerDefinition`."""

from __future__ import annotations

from pathlib import Path

from pypack.tokenizer.definition import TokenizerDefinition
from pypack.tokenizer.folder import Beside, with_added_tokens
from pypack.tokenizer.sentencepiece_file import definition_from_sentencepiece
from pypack.tokenizer.tekken_file import definition_from_tekken
from pypack.tokenizer.what_file import kind_of_file


def read_definition_file(file: Path, beside: Beside) -> TokenizerDefinition:
    """Reads a file, with the added tokens that only the configuration beside it names.

    Raises:
        ValueError: it is no tokenizer; the message says what it is.
    """
    data = file.read_bytes()
    kind = kind_of_file(file, data)
    if kind == "tekken":
        return definition_from_tekken(data, str(file))
    if kind == "sentencepiece":
        return TokenizerDefinition(definition_from_sentencepiece(data, str(file)), source=str(file))
    return TokenizerDefinition(with_added_tokens(data, beside.added_tokens()), source=str(file))
