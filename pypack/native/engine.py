"""The engine `native`: a tokenizer.json run by the C++ core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from pypack._core import Encoder
from pypack.native.added_tokens import added_token_fields, read_added_tokens
from pypack.native.pipeline import recognize_pipeline, vocabulary_of
from pypack.native.templates import recognize_template
from pypack.native.unsupported import UnsupportedError, check_keys
from pypack.ragged import Ragged
from pypack.text_input import Texts, is_arrow
from pypack.tokenizer_reference import Reference

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

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        try:
            self._build(orjson.loads(reference.data))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            # Not the shape of a tokenizer.json: for `tokenizers` to judge.
            raise UnsupportedError(f"not understood: {type(error).__name__} {error}") from error

    def _build(self, definition: Mapping[str, Any]) -> None:
        check_keys(definition, _SECTIONS, "the tokenizer")
        if definition["version"] != "1.0":
            raise UnsupportedError(f"tokenizer.json of version {definition['version']!r}")
        self._vocabulary = vocabulary_of(definition["model"])
        self._added_tokens = read_added_tokens(definition["added_tokens"], self._vocabulary)
        before, behind = recognize_template(definition["post_processor"])
        normalizer, pretokenizer, model = recognize_pipeline(definition, self._added_tokens, self._reference)
        self._encoder = Encoder(
            normalizer=normalizer,
            pretokenizer=pretokenizer,
            model=model,
            added_tokens=added_token_fields(self._added_tokens, normalizer),
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
        return self._reference.tokenizer.decode_batch(
            [[int(token) for token in row] for row in rows], skip_special_tokens=skip_special_tokens
        )

    def special_names(self) -> list[str]:
        """See `Engine.special_names`."""
        return [token.content for token in self._added_tokens if token.special]

    def token_to_id(self, token: str) -> int | None:
        """See `Engine.token_to_id`."""
        for added in self._added_tokens:
            if added.content == token:
                return added.id
        return self._vocabulary.get(token)

    def vocab_size(self) -> int:
        """See `Engine.vocab_size`."""
        added = (token.id for token in self._added_tokens)
        return max(max(self._vocabulary.values(), default=-1), max(added, default=-1)) + 1


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
