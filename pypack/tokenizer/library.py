"""The `tokenizers` library of whatever version is installed, as version 0.23 is used."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HuggingFaceTokenizer


def library_version() -> str | None:
    """The version that is installed; None where there is none."""
    from importlib import metadata

    try:
        return metadata.version("tokenizers")
    except metadata.PackageNotFoundError:
        return None


def load_with_library(data: bytes) -> HuggingFaceTokenizer:
    """The library's tokenizer, which neither truncates nor pads.

    Raises:
        ImportError: the library is not installed; the message says how to install it.
        Exception: the library's own, where it cannot load the text.
    """
    try:
        from tokenizers import Tokenizer as HuggingFaceTokenizer
    except ImportError as error:
        raise ImportError(
            "this tokenizer needs the `tokenizers` library: pip install 'pypack-engine[fallback]'"
        ) from error
    if not hasattr(HuggingFaceTokenizer, "from_buffer"):
        made: Any = _Version1(HuggingFaceTokenizer, data)
        return made  # type: ignore[no-any-return]
    tokenizer = HuggingFaceTokenizer.from_buffer(data)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


class _Version1:
    """A tokenizer of `tokenizers` 1.0 with the methods of 0.23 that the fallback engine calls."""

    def __init__(self, made: Any, data: bytes) -> None:
        from pypack.tokenizer.native.added_tokens import read_added_tokens
        from pypack.tokenizer.parse import parse_definition

        self._data = data
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "tokenizer.json")
            path.write_bytes(data)
            self._tokenizer = made.from_file(str(path))
        self.encode_special_tokens = False
        sections = parse_definition(data, nearest_scores=False)
        self._vocabulary = sections["model"]["vocab"]
        self._added = {
            token.id: token for token in read_added_tokens(sections["added_tokens"], self._vocabulary)
        }
        self._ids = {token.content: token.id for token in self._added.values()}

    def to_str(self) -> str:
        return self._data.decode()

    @classmethod
    def from_str(cls, text: str) -> _Version1:
        from tokenizers import Tokenizer

        return cls(Tokenizer, text.encode())

    def encode_batch_fast(self, texts: list[str], *, add_special_tokens: bool) -> Any:
        return self._tokenizer.encode_batch(
            texts,
            add_special_tokens=add_special_tokens,
            encode_special_tokens=self.encode_special_tokens,
            truncation=None,
            padding=None,
        )

    def encode_batch(self, texts: list[str], *, add_special_tokens: bool) -> Any:
        raise ValueError(
            "return_offsets: this tokenizer has none in native form, and `tokenizers` 1.0 gives none; "
            "install 'tokenizers<1'"
        )

    def decode_batch(self, rows: list[list[int]], *, skip_special_tokens: bool) -> list[str]:
        return [self._tokenizer.decode(row, skip_special_tokens=skip_special_tokens) for row in rows]

    def get_added_tokens_decoder(self) -> dict[int, Any]:
        return dict(self._added)

    def token_to_id(self, token: str) -> int | None:
        found = self._ids.get(token)
        return self._vocabulary.get(token) if found is None else found

    def id_to_token(self, token_id: int) -> str | None:
        added = self._added.get(token_id)
        return self._vocabulary.token(token_id) if added is None else added.content

    def get_vocab(self, *, with_added_tokens: bool = True) -> dict[str, int]:
        tokens = (self._vocabulary.token(i) for i in range(self._vocabulary.id_bound))
        found = {token: i for i, token in enumerate(tokens) if token is not None}
        return found | self._ids
