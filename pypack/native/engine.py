"""The engine `native`: a tokenizer.json run by the C++ core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pypack._core import Encoder, Model, Normalizer, Pretokenizer
from pypack.native.added_tokens import AddedToken, added_token_fields, read_added_tokens
from pypack.native.bpe import recognize_bpe
from pypack.native.normalizers import recognize_normalizer
from pypack.native.pretokenizers import is_byte_level, recognize_byte_level
from pypack.native.templates import recognize_template
from pypack.native.unsupported import UnsupportedError, check_keys
from pypack.ragged import Ragged
from pypack.text_input import Texts, is_arrow

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HuggingFaceTokenizer

_SECTIONS = (
    "version",
    "truncation",
    "padding",
    "added_tokens",
    "normalizer",
    "pre_tokenizer",
    "post_processor",
    "decoder",
    "model",
)


class NativeEngine:
    """Encodes in C++. Made from the parsed JSON of a tokenizer.json.

    Raises:
        UnsupportedError: a part of the tokenizer has no exact native form; the message names it.
    """

    name = "native"

    def __init__(
        self, definition: Mapping[str, Any], load_reference: Callable[[], HuggingFaceTokenizer]
    ) -> None:
        check_keys(definition, _SECTIONS, "the tokenizer")
        self._load_reference = load_reference
        model = definition["model"]
        self.vocabulary: dict[str, int] = model["vocab"]
        self.added_tokens: list[AddedToken] = read_added_tokens(
            definition.get("added_tokens") or (), self.vocabulary
        )
        before, behind = recognize_template(definition.get("post_processor"))
        normalizer, pretokenizer, core_model = _recognize_pipeline(definition)
        self._encoder = Encoder(
            normalizer=normalizer,
            pretokenizer=pretokenizer,
            model=core_model,
            added_tokens=added_token_fields(self.added_tokens, normalizer),
            prefix=before,
            suffix=behind,
        )

    def encode_batch(
        self, texts: Texts, *, add_special_tokens: bool, split_special_tokens: bool, num_threads: int
    ) -> Ragged:
        """See `Engine.encode_batch`."""
        if isinstance(texts, (str, bytes)):
            raise TypeError(
                f"texts must be a sequence of documents, got one {type(texts).__name__}: wrap it in a list"
            )
        columns = _arrow_columns(texts) if is_arrow(texts) else None
        if columns is not None:
            values, offsets = self._encoder.encode_columns(
                columns,
                add_special_tokens=add_special_tokens,
                split_special_tokens=split_special_tokens,
                num_threads=num_threads,
            )
        else:
            documents: Any = texts.to_pylist() if is_arrow(texts) else texts  # type: ignore[union-attr]
            if not isinstance(documents, (list, tuple)):
                documents = documents.tolist() if isinstance(documents, np.ndarray) else list(documents)
            values, offsets = self._encoder.encode_objects(
                documents,
                add_special_tokens=add_special_tokens,
                split_special_tokens=split_special_tokens,
                num_threads=num_threads,
            )
        return Ragged(values, offsets)

    def decode_batch(self, rows: Sequence[Sequence[int]], *, skip_special_tokens: bool) -> list[str]:
        """See `Engine.decode_batch`."""
        decoded: list[str] = self._load_reference().decode_batch(
            [[int(token) for token in row] for row in rows], skip_special_tokens=skip_special_tokens
        )
        return decoded


def _recognize_pipeline(
    definition: Mapping[str, Any],
) -> tuple[Normalizer | None, Pretokenizer | None, Model]:
    model = definition["model"]
    pre_tokenizer = definition.get("pre_tokenizer")
    normalizer = recognize_normalizer(definition.get("normalizer"))
    # Old files do not name the kind of their model; the fields of BPE are its own.
    kind = model.get("type", "BPE" if "merges" in model else None)
    if kind == "BPE" and is_byte_level(pre_tokenizer):
        return normalizer, recognize_byte_level(pre_tokenizer), recognize_bpe(model, "bytes")
    raise UnsupportedError(f"model {kind!r} with pre_tokenizer {_kind_of(pre_tokenizer)} has no native form")


def _kind_of(part: Mapping[str, Any] | None) -> str:
    return "none" if part is None else repr(part.get("type"))


def _arrow_columns(texts: Any) -> list[tuple[Any, Any]] | None:
    """The bytes and offsets of a pyarrow string array, without a copy; None for other kinds of array."""
    import pyarrow as pa

    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    columns = []
    first = 0
    for chunk in chunks:
        wide = pa.types.is_large_string(chunk.type) or pa.types.is_large_binary(chunk.type)
        if not (wide or pa.types.is_string(chunk.type) or pa.types.is_binary(chunk.type)):
            return None
        if chunk.null_count:
            index = first + int(np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False))[0])
            raise ValueError(f"document {index} is null; drop it, or replace it by an empty string")
        _, bounds, data = chunk.buffers()
        offset_type = np.int64 if wide else np.int32
        if len(chunk):
            offsets = np.frombuffer(bounds, offset_type)[chunk.offset : chunk.offset + len(chunk) + 1]
            columns.append((np.frombuffer(data or b"", np.uint8), offsets))
        first += len(chunk)
    return columns
