"""The engine `native`: a tokenizer.json run by the C++ core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack._core import Decoder, Encoder, Vocabulary
from pypack.ragged import Ragged
from pypack.tokenizer.added_token import AddedToken
from pypack.tokenizer.definition import TokenizerDefinition
from pypack.tokenizer.engine import OffsetsError, OffsetUnit, PlainParts, WordsError
from pypack.tokenizer.huggingface_engine import check_decoder, decode_with_library
from pypack.tokenizer.native.added_tokens import added_token_fields, read_added_tokens, texts_of_added_tokens
from pypack.tokenizer.native.decoders import DecoderOptions, recognize_decoder
from pypack.tokenizer.native.pipeline import (
    cuts_where_no_merge_goes,
    marks_spaces,
    recognize_pipeline,
    spells_tokens_as_the_library,
)
from pypack.tokenizer.native.pretokenizers import steps_of
from pypack.tokenizer.native.sentencepiece_file import control_symbols, is_sentencepiece_file
from pypack.tokenizer.native.templates import recognize_template
from pypack.tokenizer.native.unsupported import UnsupportedError, check_keys
from pypack.tokenizer.spans import SpanArrays
from pypack.tokenizer.text_input import Texts, is_arrow

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

_MARKER = "\u2581".encode()


class NativeEngine:
    """Encodes and decodes in C++. Made from a tokenizer.json.

    Raises:
        UnsupportedError: a part of the tokenizer has no exact native form; the message names it.
        ValueError: the `tokenizers` library is to decode, and cannot.
    """

    name = "native"

    def __init__(self, definition: TokenizerDefinition) -> None:
        self._definition = definition
        try:
            self._build(_without_wrappers(definition.sections))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            # Not the shape of a tokenizer.json: for `tokenizers` to judge.
            raise UnsupportedError(f"not understood: {type(error).__name__} {error}") from error
        self._encoder.prepare()
        if self._decoder_options is None:
            check_decoder(definition.sections["decoder"], definition.source)

    def _build(self, definition: Mapping[str, Any]) -> None:
        check_keys(definition, _SECTIONS, "the tokenizer")
        if definition["version"] != "1.0":
            raise UnsupportedError(f"tokenizer.json of version {definition['version']!r}")
        self._vocabulary: Vocabulary = definition["model"]["vocab"]
        if self._vocabulary.repeats_tokens:
            raise UnsupportedError("the vocabulary holds a token twice")
        from_file = is_sentencepiece_file(definition["model"])
        self._added_tokens = (
            control_symbols(definition["model"])
            if from_file
            else read_added_tokens(definition["added_tokens"], self._vocabulary)
        )
        self._added_ids = {token.content: token.id for token in self._added_tokens}
        template = recognize_template(definition["post_processor"])
        normalizer, pretokenizer, model = recognize_pipeline(definition, self._added_tokens)
        self._hides_words = not from_file and cuts_where_no_merge_goes(definition)
        # A model that sees words cuts them once more where a text has a marker of its own.
        kinds = [step["type"] for step in steps_of(definition["pre_tokenizer"])]
        self._cuts_markers = kinds[:1] == ["WhitespaceSplit"] and "Metaspace" in kinds
        fields = added_token_fields(self._added_tokens, normalizer)
        self._added_texts = texts_of_added_tokens(self._added_tokens, fields, marks_spaces(definition))
        self._trims_unknown_text = bool(template.trims) and not spells_tokens_as_the_library(definition)
        self._encoder = Encoder(
            normalizer=normalizer,
            pretokenizer=pretokenizer,
            model=model,
            added_tokens=[] if from_file else fields,
            prefix=template.before,
            suffix=template.behind,
            vocabulary=self._vocabulary,
            trims=template.trims,
        )
        self.encode_one = self._encoder.fast_encode()
        self._decoder_options: DecoderOptions | None
        try:
            self._decoder_options = recognize_decoder(definition["decoder"])
        except UnsupportedError:
            self._decoder_options = None

    def encode_batch(
        self, texts: Texts, *, add_special_tokens: bool, split_special_tokens: bool, num_threads: int
    ) -> Ragged:
        """See `Engine.encode_batch`."""
        values, offsets, _ = self._encode(
            texts,
            add_special_tokens=add_special_tokens,
            split_special_tokens=split_special_tokens,
            num_threads=num_threads,
        )
        return Ragged(values, offsets)

    def encode_as_text(self, texts: Texts, *, num_threads: int) -> tuple[Ragged, NDArray[np.uint32]]:
        """See `Engine.encode_as_text`."""
        values, offsets, look_alikes = self._encode(
            texts, add_special_tokens=False, split_special_tokens=True, num_threads=num_threads
        )
        return Ragged(values, offsets), look_alikes

    def encode_batch_with_words(
        self, texts: Texts, *, split_special_tokens: bool, num_threads: int
    ) -> tuple[Ragged, NDArray[np.uint32], NDArray[np.bool_]]:
        """See `Engine.encode_batch_with_words`."""
        if self._hides_words:
            raise WordsError(
                "where words begin has no native form for this tokenizer, whose model sees whole texts; use "
                "engine='huggingface'"
            )
        options: dict[str, Any] = {"split_special_tokens": split_special_tokens, "num_threads": num_threads}
        columns, documents = _as_given(texts)
        if self._cuts_markers and _spell_marker(columns, documents):
            raise WordsError(
                "where words begin has no native form in texts that spell U+2581 themselves; use "
                "engine='huggingface'"
            )
        values, offsets, look_alikes, begins = (
            self._encoder.encode_bordered(documents, **options)
            if columns is None
            else self._encoder.encode_bordered_columns(columns, **options)
        )
        return Ragged(values, offsets), look_alikes, begins.view(np.bool_)

    def encode_batch_with_offsets(
        self,
        texts: Texts,
        *,
        unit: OffsetUnit,
        add_special_tokens: bool,
        split_special_tokens: bool,
        num_threads: int,
        plain: PlainParts | None = None,
    ) -> tuple[Ragged, NDArray[np.uint32]]:
        """See `Engine.encode_batch_with_offsets`."""
        with self._offsets_errors():
            values, offsets, ranges = self._encode(
                texts,
                add_special_tokens=add_special_tokens,
                split_special_tokens=split_special_tokens,
                num_threads=num_threads,
                return_offsets=unit,
                **({} if plain is None else {"plain": plain}),
            )
        return Ragged(values, offsets), ranges

    def encode_batch_with_mask(
        self, texts: list[str], *, plain: PlainParts, learned: SpanArrays, num_threads: int
    ) -> tuple[Ragged, NDArray[np.bool_]]:
        """See `Engine.encode_batch_with_mask`."""
        with self._offsets_errors():
            values, offsets, found = self._encoder.encode_learned(
                texts, num_threads=num_threads, plain=plain, learned=learned
            )
        return Ragged(values, offsets), found.view(np.bool_)

    @contextmanager
    def _offsets_errors(self) -> Iterator[None]:
        """Says of offsets that have no native form that they have none."""
        if self._trims_unknown_text:
            raise OffsetsError(
                "return_offsets: post_processor trims the offsets of tokens that are not spelled in bytes, "
                "which has no native form; use engine='huggingface'"
            )
        try:
            yield
        except ValueError as error:
            if "offsets have no native form" in str(error):
                raise OffsetsError(str(error)) from error
            raise

    def _encode(self, texts: Texts, **options: Any) -> tuple[Any, ...]:
        columns, documents = _as_given(texts)
        if columns is not None:
            return self._encoder.encode_columns(columns, **options)
        return self._encoder.encode_objects(documents, **options)

    def decode_batch(self, rows: Ragged, *, skip_special_tokens: bool) -> list[str]:
        """See `Engine.decode_batch`."""
        if self._decoder is None:
            return decode_with_library(
                self._definition.tokenizer, rows, skip_special_tokens=skip_special_tokens
            )
        return self._decoder.decode(rows.values, rows.offsets, skip_special_tokens=skip_special_tokens)

    def kernels(self) -> tuple[Encoder, Decoder] | None:
        """What encodes and decodes, for kernels; None where the library decodes."""
        return None if self._decoder is None else (self._encoder, self._decoder)

    @cached_property
    def _decoder(self) -> Decoder | None:
        options = self._decoder_options
        if options is None or self._vocabulary.repeats_ids:
            return None
        # The library skips what reads like a special token.
        special = {token.content for token in self._added_tokens if token.special}
        added = [(token_id, text, text in special) for token_id, text in self._added_texts.items()]
        try:
            return Decoder(vocabulary=self._vocabulary, added=added, **vars(options))
        except ValueError:  # ids far apart, for which the library looks up each
            return None

    def added_tokens(self) -> list[AddedToken]:
        """See `Engine.added_tokens`."""
        return self._added_tokens

    def token_to_id(self, token: str) -> int | None:
        """See `Engine.token_to_id`."""
        added = self._added_ids.get(token)
        return self._vocabulary.get(token) if added is None else added

    def id_to_token(self, token_id: int) -> str | None:
        """See `Engine.id_to_token`."""
        if token_id in self._added_texts:
            return self._added_texts[token_id]
        return self._vocabulary.token(token_id) if token_id < 2**32 else None

    def vocab_size(self) -> int:
        """See `Engine.vocab_size`."""
        return max(self._vocabulary.id_bound, max((token.id + 1 for token in self._added_tokens), default=0))


def _without_wrappers(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """The definition with a Sequence of one pretokenizer as that one."""
    part = definition["pre_tokenizer"]
    while part is not None and part["type"] == "Sequence" and len(part["pretokenizers"]) == 1:
        part = part["pretokenizers"][0]
    return {**definition, "pre_tokenizer": part}


def _as_given(texts: Texts) -> tuple[list[tuple[Any, Any]] | None, Any]:
    """Texts as the kernels take them: columns of Arrow, or else a sequence of documents."""
    if isinstance(texts, (str, bytes)):
        raise TypeError(
            f"texts must be a sequence of documents, got one {type(texts).__name__}: wrap it in a list"
        )
    columns = _arrow_columns(texts) if is_arrow(texts) else None
    if columns is not None:
        return columns, ()
    documents: Any = texts.to_pylist() if is_arrow(texts) else texts  # type: ignore[union-attr]
    if not isinstance(documents, (list, tuple)):
        documents = documents.tolist() if isinstance(documents, np.ndarray) else list(documents)
    return None, documents


def _spell_marker(columns: list[tuple[Any, Any]] | None, documents: Any) -> bool:
    """Whether a text has the mark that SentencePiece puts before words."""
    if columns is not None:
        return any(_MARKER in data.tobytes() for data, _ in columns)
    found = (_MARKER.decode() in one if isinstance(one, str) else _MARKER in bytes(one) for one in documents)
    return any(found)


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
