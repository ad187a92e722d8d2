# Stub of the extension, checked against it by mypy's stubtest. One section per folder of the bindings.
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, final, overload

import numpy as np
from numpy.typing import NDArray

# Kernels that only tests call; their docstrings have their signatures.
_testing: ModuleType

# common
def fingerprint(values: NDArray[np.int32] | NDArray[np.int64]) -> int: ...
def begin_writing(descriptor: int, begin: int, size: int) -> None: ...
def write_summed(descriptor: int, data: bytes | memoryview, at: int, before: int = 0) -> int: ...
def make_file_room(descriptor: int, at: int, size: int) -> None: ...
def crc32c(data: bytes | memoryview, before: int = 0) -> int: ...
def crc32c_join(first: int, second: int, second_bytes: int) -> int: ...
def crc32c_portable(data: bytes | memoryview, before: int = 0) -> int: ...
def text_hashes(bytes: Any, offsets: NDArray[np.int64]) -> NDArray[np.uint64]: ...
def sequence_hash(lengths: NDArray[np.int32]) -> tuple[int, int]: ...

HASH_POINTS: tuple[int, int]

def random_bits(seed: int, purpose: int, index: int) -> int: ...

# vocabulary; a step of a decoder is (kind, pattern, content, count, drops_first), see decoder.hpp
@final
class Vocabulary:
    @staticmethod
    def from_dict(ids: dict[str, int]) -> Vocabulary: ...
    @staticmethod
    def from_scores(pieces: Sequence[tuple[str, float]]) -> Vocabulary: ...
    def __len__(self) -> int: ...
    def get(self, token: str) -> int | None: ...
    def token(self, id: int) -> str | None: ...
    @property
    def id_bound(self) -> int: ...
    @property
    def repeats_ids(self) -> bool: ...
    @property
    def repeats_tokens(self) -> bool: ...
    def canonical_bytes(self, merges: Merges | None) -> bytes: ...

@final
class Merges:
    def __init__(self, merges: list[Any]) -> None: ...
    def __len__(self) -> int: ...
    def first_shorter_than(self, mark_bytes: int) -> tuple[str, str] | None: ...

def read_definition(json: bytes, nearest_scores: bool) -> tuple[bytes, Vocabulary | None, Merges | None]: ...
def rank_json(ranks: dict[bytes, int]) -> tuple[bytes, bytes]: ...
def rank_model(ranks: dict[bytes, int], further: dict[str, int]) -> tuple[Vocabulary, Merges]: ...
def read_tiktoken(file: bytes) -> dict[bytes, int] | int: ...

@final
class Decoder:
    def __init__(
        self,
        *,
        vocabulary: Vocabulary,
        added: Sequence[tuple[int, str, bool]],
        token_steps: Sequence[tuple[str, str, str, int, bool]],
        byte_fallback: bool,
        separator: str,
        replaces_invalid: bool,
        text_steps: Sequence[tuple[str, str, str, int, bool]],
    ) -> None: ...
    def decode(
        self, values: NDArray[np.uint32], offsets: NDArray[np.int64], *, skip_special_tokens: bool
    ) -> list[str]: ...

# models
@final
class MetaspaceRule:
    def __init__(self, *, replacement: str, prepends: bool, cuts: bool, leading: str) -> None: ...

@final
class Model:
    @staticmethod
    def unigram(
        *,
        pieces: Vocabulary,
        unknown_id: int,
        byte_fallback: bool,
        metaspace: MetaspaceRule | None,
    ) -> Model: ...
    @staticmethod
    def wordpiece(
        *,
        vocabulary: Vocabulary,
        unknown_id: int,
        continuing_prefix: str,
        max_characters: int,
    ) -> Model: ...
    @staticmethod
    def bpe(
        vocabulary: Vocabulary,
        merges: Merges,
        *,
        alphabet: str,
        unk_token: str | None,
        continuing_subword_prefix: str,
        end_of_word_suffix: str,
        fuse_unk: bool,
        byte_fallback: bool,
        ignore_merges: bool,
    ) -> Model: ...
    @staticmethod
    def wordlevel(*, vocabulary: Vocabulary, unknown_id: int) -> Model: ...
    @staticmethod
    def sentencepiece_bpe(*, pieces: Vocabulary, kinds: str, byte_fallback: bool) -> Model: ...
    @staticmethod
    def sentencepiece_unigram(*, pieces: Vocabulary, kinds: str, byte_fallback: bool) -> Model: ...
    def tokenize(self, word: str | bytes) -> NDArray[np.uint32]: ...
    def tokenize_aligned(self, word: str | bytes) -> tuple[NDArray[np.uint32], list[tuple[int, int]]]: ...
    def likely_words(self) -> list[bytes]: ...

# normalizers
@final
class Normalizer:
    @staticmethod
    def bert(
        *, clean_text: bool, handle_chinese_chars: bool, strip_accents: bool, lowercase: bool
    ) -> Normalizer: ...
    @staticmethod
    def form(name: str) -> Normalizer: ...
    @staticmethod
    def lowercase() -> Normalizer: ...
    @staticmethod
    def nmt() -> Normalizer: ...
    @staticmethod
    def sentencepiece(
        *,
        charsmap: bytes,
        add_dummy_prefix: bool,
        remove_extra_whitespaces: bool,
        escape_whitespaces: bool,
        treat_whitespace_as_suffix: bool,
        user_defined: Sequence[str],
    ) -> Normalizer: ...
    @staticmethod
    def precompiled(charsmap: bytes) -> Normalizer: ...
    @staticmethod
    def prepend(prefix: str) -> Normalizer: ...
    @staticmethod
    def replace(pattern: str, content: str) -> Normalizer: ...
    @staticmethod
    def replace_runs(characters: str, min_length: int, content: str) -> Normalizer: ...
    @staticmethod
    def sequence(steps: Sequence[Normalizer]) -> Normalizer: ...
    @staticmethod
    def strip(*, left: bool, right: bool) -> Normalizer: ...
    @staticmethod
    def strip_accents() -> Normalizer: ...
    def normalize(self, text: str) -> str: ...
    def normalize_aligned(self, text: str) -> tuple[str, NDArray[np.uint32]]: ...

# pretokenizers
@final
class PatternAutomaton:
    def __init__(
        self,
        class_of: NDArray[np.uint8],
        num_classes: int,
        steps: NDArray[np.uint16],
        starts: NDArray[np.uint16],
        looks: list[PatternAutomaton],
    ) -> None: ...

def character_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]: ...

@final
class Pretokenizer:
    @staticmethod
    def steps(
        steps: list[tuple[PatternAutomaton, str, bool] | Pretokenizer | int], instructions: str = "best"
    ) -> Pretokenizer: ...
    @staticmethod
    def marker(
        tokens: Vocabulary, *, rewrites: bool, prepend: str, cuts_at_spaces: bool, cuts_safely: bool
    ) -> Pretokenizer: ...
    @staticmethod
    def pattern(name: str, instructions: str = "best") -> Pretokenizer: ...
    @staticmethod
    def clip() -> Pretokenizer: ...
    @staticmethod
    def bloom() -> Pretokenizer: ...
    @staticmethod
    def trailing_blanks(inner: Pretokenizer) -> Pretokenizer: ...
    @staticmethod
    def prefix_space(inner: Pretokenizer | None) -> Pretokenizer: ...
    @staticmethod
    def bert() -> Pretokenizer: ...
    @staticmethod
    def metaspace(replacement: str, prepends_at_text_start: bool) -> Pretokenizer: ...
    @staticmethod
    def whitespace() -> Pretokenizer: ...
    @staticmethod
    def whitespace_split() -> Pretokenizer: ...
    def words(self, piece: str | bytes, at_text_start: bool = True, capacity: int = 256) -> list[bytes]: ...
    def count_words(self, piece: bytes) -> int: ...

# tokenize: documents to (values uint32 [N], offsets int64 [D + 1]), with return_offsets "byte" or "char" also
# ranges uint32 [N, 2]; an added token is (content, id,
# single_word, lstrip, rstrip, normalized, special); a column is (bytes uint8, offsets int32 or int64)
@final
class Encoder:
    def __init__(
        self,
        *,
        normalizer: Normalizer | None,
        pretokenizer: Pretokenizer | None,
        model: Model,
        added_tokens: Sequence[tuple[str, int, bool, bool, bool, bool, bool]],
        prefix: Sequence[int],
        suffix: Sequence[int],
        vocabulary: Vocabulary | None,
        trims: Sequence[tuple[bool, int]],
    ) -> None: ...
    def prepare(self) -> None: ...
    def fast_encode(self) -> Callable[[object, bool, bool], NDArray[np.uint32] | None]: ...
    def encode_objects(
        self,
        documents: Sequence[Any],
        *,
        add_special_tokens: bool,
        split_special_tokens: bool,
        num_threads: int,
        return_offsets: str = "",
        plain: tuple[NDArray[np.int64], NDArray[np.uint32]] | None = None,
    ) -> _PlanArrays: ...
    def encode_learned(
        self,
        documents: Sequence[Any],
        *,
        num_threads: int,
        plain: tuple[NDArray[np.int64], NDArray[np.uint32]],
        learned: tuple[NDArray[np.int64], NDArray[np.uint32]],
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.uint8]]: ...
    def encode_bordered(
        self, documents: Sequence[Any], *, split_special_tokens: bool, num_threads: int
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint8]]: ...
    def encode_bordered_columns(
        self,
        columns: Sequence[tuple[NDArray[np.uint8], NDArray[np.int32] | NDArray[np.int64]]],
        *,
        split_special_tokens: bool,
        num_threads: int,
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint8]]: ...
    def encode_columns(
        self,
        columns: Sequence[tuple[NDArray[np.uint8], NDArray[np.int32] | NDArray[np.int64]]],
        *,
        add_special_tokens: bool,
        split_special_tokens: bool,
        num_threads: int,
        return_offsets: str = "",
    ) -> _PlanArrays: ...

# corpus: (text uint8, text_offsets, lines, ends, kept JSON arrays, odd lines (line, begin, end), number of
# lines)
def interleave_rows(
    parts: Sequence[tuple[NDArray[np.uint8], NDArray[np.int64]]],
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
def slice_rows(
    data: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
def write_varints(
    values: NDArray[np.int64] | NDArray[np.int32], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
def read_varints(
    data: NDArray[np.uint8], bounds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def read_examples(
    records: list[bytes], names: Sequence[str]
) -> list[tuple[int, NDArray[np.uint8], NDArray[np.int64]]]: ...
def example_features(record: bytes) -> list[tuple[bytes, int]]: ...
def pickle_numbers(
    values: NDArray[np.int64] | NDArray[np.int32] | NDArray[np.uint8], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
def read_pickled_list(
    pickle: bytes | memoryview | Any, at: int
) -> tuple[NDArray[np.int32] | NDArray[np.float64] | NDArray[np.bool_] | None, int, int]: ...
def read_number_lists(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], values: bool
) -> tuple[NDArray[np.int64], NDArray[np.uint8] | NDArray[np.int64], bool] | None: ...

class JsonArrayLines:
    def __init__(self, inside: bool) -> None: ...
    def change(self, block: bytearray | memoryview) -> int: ...
    @property
    def is_whole(self) -> bool: ...

class DelimitedReader:
    def __init__(
        self,
        delimiter: str,
        slots: Sequence[int],
        first_row: int,
        max_row_bytes: int,
        batch_bytes: int,
        batch_rows: int,
    ) -> None: ...
    def feed(self, chunk: bytes | bytearray | memoryview) -> int: ...
    def finish(self) -> None: ...
    def cut_off(self) -> None: ...
    def take(
        self,
    ) -> tuple[
        list[tuple[NDArray[np.uint8], NDArray[np.int64]]], NDArray[np.int64], list[tuple[int, int, int]]
    ]: ...
    @property
    def is_full(self) -> bool: ...
    @property
    def num_columns(self) -> int: ...
    @property
    def next_row(self) -> int: ...

def scan_json_lines(
    block: bytes | memoryview, field: str, keep: list[str], max_line_bytes: int
) -> tuple[
    NDArray[np.uint8],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    list[bytes],
    list[tuple[int, int, int]],
    int,
]: ...

# store
class StoreView:
    def __init__(
        self,
        paths: Sequence[tuple[str, str]],
        one_sequence_per_document: bool,
        masks: Sequence[str] = (),
    ) -> None: ...
    @staticmethod
    def of_many(
        paths: Sequence[tuple[str, str]],
        masks: Sequence[str],
        documents: Sequence[int],
        tokens: Sequence[int],
        dtype: str,
        most: int,
    ) -> StoreView: ...
    @property
    def num_mapped(self) -> int: ...
    @property
    def has_masks(self) -> bool: ...
    def document_mask(self, index: int) -> NDArray[np.bool_]: ...
    def count_learned(
        self, documents: NDArray[np.int64], starts: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> NDArray[np.int64]: ...
    @property
    def num_documents(self) -> int: ...
    @property
    def num_tokens(self) -> int: ...
    @property
    def dtype(self) -> str: ...
    @property
    def shard_documents(self) -> list[int]: ...
    @property
    def shard_tokens(self) -> list[int]: ...
    def document(self, index: int) -> NDArray[np.integer]: ...
    def lengths(self) -> NDArray[np.int32]: ...
    def check_layout(self) -> None: ...

class CacheReader:
    def __init__(self, folder: str, command: Sequence[str]) -> None: ...
    def ring(self) -> None: ...
    @property
    def clock(self) -> int: ...

class CachedFiles:
    def __init__(
        self, folder: str, number: int, files: Sequence[tuple[int, int, int]], reader: CacheReader
    ) -> None: ...
    def read(self, file: int, start: int, stop: int) -> bytes: ...
    def gather(self, file: int, items: NDArray[np.int64], dtype: np.dtype[Any]) -> NDArray[Any]: ...
    def unread(self, file: int, offset: int, dtype: np.dtype[Any], count: int) -> NDArray[Any]: ...
    @property
    def num_blocks(self) -> int: ...
    @property
    def num_present(self) -> int: ...

def remote_store(
    shards: Sequence[tuple[CachedFiles, str, str, int, int, int, int, int]], dtype: str
) -> StoreView: ...
def mixed_store(parts: Sequence[Sequence[tuple[Any, ...]]], dtype: str) -> StoreView: ...
def file_sizes(folder: str | bytes, names: bytes, count: int, num_threads: int) -> NDArray[np.int64]: ...

@final
class DocumentSet:
    def __init__(self, mask: NDArray[np.bool_], num_threads: int, instructions: str = "best") -> None: ...
    def __len__(self) -> int: ...
    def documents(self, num_threads: int) -> NDArray[np.int64]: ...
    def lengths(
        self, lengths: NDArray[np.int32], num_threads: int
    ) -> tuple[NDArray[np.int32], tuple[int, int]]: ...

def chosen_lengths(
    lengths: NDArray[np.int32], documents: NDArray[np.int64], num_threads: int
) -> NDArray[np.int32]: ...
def pack_mask(
    learned: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    begins: int,
    ends: int,
    first_bit: int,
    begin_bit: bool = False,
) -> bytes: ...
def encode_documents(
    values: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    end_id: int | None,
    vocab_size: int,
    dtype: str,
    first_row: int = 0,
    begin_ids: Sequence[int] = (),
    end_ids: Sequence[int] = (),
) -> NDArray[np.integer]: ...

# batch
# pypack.schedule.order.StepDraws: (bucket, epoch, start, count) of the draws, slots, row length, shuffle key,
# epoch.
_StepDraws = tuple[Sequence[tuple[int, int, int, int]], int, int, int | None, int, int]
_MadeBatch = tuple[Any, Any, Any, Any, Any, Any, int | None, int, object, dict[str, Any] | None]

class BatchFormat:
    def __init__(
        self,
        *,
        varlen: bool = False,
        int32: bool = False,
        labels: bool = True,
        position_ids: bool = True,
        segment_ids: bool = True,
        loss_mask: bool = False,
        positions_by_row: bool = False,
        leaves_labels: bool = False,
        pad_id: int = 0,
        pad_to: int = 0,
        max_documents: int = 0,
    ) -> None: ...
    def bytes(self, items: int) -> int: ...

class RankPart:
    def __init__(self, rank: int, world_size: int, balance: str, num_threads: int) -> None: ...

# objective: chances are whole numbers of 2^-32.
class Replacement:
    def __init__(self, *, mask_below: int, word_below: int, mask_id: int, vocab_size: int) -> None: ...

class Objective:
    @property
    def writes_tokens(self) -> bool: ...
    @overload
    def apply(
        self,
        input_ids: NDArray[np.int64],
        labels: NDArray[np.int64] | None,
        position_ids: NDArray[np.int64] | None,
        loss_mask: NDArray[np.float32] | None,
        begins: NDArray[np.int64],
        lengths: NDArray[np.int64],
        keys: NDArray[np.uint64],
        labels_tell: bool,
        num_threads: int,
        *,
        segment_ids: NDArray[np.int64] | None = None,
        rooms: NDArray[np.int64] | None = None,
        pad_id: int = 0,
        stored: NDArray[np.uint16] | NDArray[np.int32] | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]: ...
    @overload
    def apply(
        self,
        input_ids: NDArray[np.int32],
        labels: NDArray[np.int32] | None,
        position_ids: NDArray[np.int32] | None,
        loss_mask: NDArray[np.float32] | None,
        begins: NDArray[np.int64],
        lengths: NDArray[np.int64],
        keys: NDArray[np.uint64],
        labels_tell: bool,
        num_threads: int,
        *,
        segment_ids: NDArray[np.int32] | None = None,
        rooms: NDArray[np.int64] | None = None,
        pad_id: int = 0,
        stored: NDArray[np.uint16] | NDArray[np.int32] | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]: ...

class Infilling:
    def __init__(
        self,
        *,
        chance: int,
        spm_chance: int,
        prefix_id: int,
        suffix_id: int,
        middle_id: int,
        ends: NDArray[np.uint32],
        split: int | None = None,
        file_chance: int = 0,
        skip_ids: Sequence[int] = (),
        skip_text: str = "",
    ) -> None: ...

def infilled_tokens(infilling: Infilling) -> Objective: ...
def infilled_text(infilling: Infilling, encoder: Encoder, decoder: Decoder) -> Objective: ...
def pose_positions(*, target: int, chunks: int) -> Objective: ...
def random_positions(*, target: int, instructions: str = "best") -> Objective: ...
def logo_positions(*, target: int, chunks: int, head: int, tail: int) -> Objective: ...
def masked_tokens(
    *,
    chance: int,
    replacement: Replacement,
    never: NDArray[np.uint32],
    word_starts: NDArray[np.uint32] | None,
    instructions: str = "best",
) -> Objective: ...

class TokenClusters:
    def __init__(self, cluster_of: NDArray[np.int32]) -> None: ...
    def __len__(self) -> int: ...

def clustered_tokens(
    *,
    choosing: Objective,
    clusters: TokenClusters,
    rising: NDArray[np.uint64],
    instructions: str = "best",
) -> Objective: ...
def masked_words(
    *,
    chance: int,
    replacement: Replacement,
    never: NDArray[np.uint32],
    borders: Sequence[StoreView],
    instructions: str = "best",
) -> Objective: ...
def masked_ranges(
    *,
    chance: int,
    whole: bool,
    replacement: Replacement,
    never: NDArray[np.uint32],
    ranges: list[tuple[NDArray[np.int64], NDArray[np.int32]]],
) -> Objective: ...
def counted_tokens(
    *,
    rate: float,
    most: int,
    replacement: Replacement,
    never: NDArray[np.uint32],
    instructions: str = "best",
) -> Objective: ...
def generator_arrays(*, choosing: Objective, row_share: float, row_items: int) -> Objective: ...
def detected_tokens(
    *, choosing: Objective, never: NDArray[np.uint32], instructions: str = "best"
) -> Objective: ...
def prefix_targets(*, rate: float) -> Objective: ...
def noise_counts(rate: float, mean: float, length: int) -> tuple[int, int]: ...

class PairSizes:
    def __init__(
        self, denoisers: Sequence[tuple[str, float, float, int, int]], ends: bool, seed: int
    ) -> None: ...
    def of(
        self, documents: NDArray[np.int64], starts: NDArray[np.int32], lengths: NDArray[np.int32]
    ) -> NDArray[np.int32]: ...
    def denoiser_of(self, document: int, start: int) -> int: ...
    def prefix_of(self, document: int, start: int, length: int) -> int: ...
    def longest(self, inputs: int, targets: int, most_runs: int = ...) -> list[int]: ...
    def most_targets(self, tokens: Sequence[int]) -> int: ...

class Denoising:
    def __init__(
        self,
        *,
        sizes: PairSizes,
        sentinels: Sequence[int],
        modes: Sequence[Sequence[int]],
        end: int,
        start: int,
        instructions: str = "best",
    ) -> None: ...

def pack_pairs(
    lengths: NDArray[np.int32],
    sizes: PairSizes,
    *,
    inputs: int,
    targets: int,
    overflow: str,
    max_documents: int,
    drop_shorter_than: int,
    open_sequences: int,
    most_runs: int = ...,
) -> _PlanArrays: ...

class BatchMaker:
    def __init__(
        self, format: BatchFormat, idle_buffers: int, objective: Objective | None = None
    ) -> None: ...
    def add_source(
        self,
        store: StoreView,
        plan: PlanView,
        documents: NDArray[np.int64] | None,
        align: int,
        mask_offsets: NDArray[np.int64] | None,
        masks: NDArray[np.int32] | None,
        uses_store_mask: bool = False,
        plan_files: Sequence[tuple[str, int, int, int]] = (),
        objective_key: int = 0,
        objective_store: int = 0,
        cached_plan: CachedFiles | None = None,
    ) -> None: ...
    def bytes(self, items: int) -> int: ...
    def set_denoising(self, denoising: Denoising, inputs: int, targets: int) -> None: ...
    @property
    def all_there(self) -> bool: ...
    @property
    def is_remote(self) -> bool: ...
    def read_remote(self, reader: CacheReader) -> None: ...
    def plan_remote(self, draws: _StepDraws, slots: int, part: RankPart, batches: int) -> None: ...
    def add_bucket(self, source: int, ranges: Sequence[tuple[int, int]], key: int, locality: int) -> None: ...
    def rows(
        self,
        draws: _StepDraws,
        slots: int,
        part: RankPart,
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]: ...
    def make(
        self,
        draws: _StepDraws,
        slots: int,
        part: RankPart,
        memory: NDArray[np.uint8] | None,
        objective: Objective | None = None,
    ) -> _MadeBatch: ...
    def fill(
        self,
        source_of_row: NDArray[np.int32],
        sequence_of_row: NDArray[np.int64],
        row_length: int,
        num_threads: int,
    ) -> _MadeBatch: ...

def span_arrays(
    made: object,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]: ...
def num_spans(made: object) -> int: ...
def batch_weights(
    made: object,
    of_span: NDArray[np.float32],
    begins: NDArray[np.int64],
    of_tokens: list[NDArray[np.float32] | None],
) -> NDArray[np.float32]: ...
def objective_counts(made: Any) -> list[int]: ...

class ReadAhead:
    def __init__(self, maker: BatchMaker, whole: bool) -> None: ...
    @property
    def done(self) -> bool: ...

class Prefetcher:
    def __init__(self, maker: BatchMaker, depth: int, ahead: ReadAhead | None, steps_ahead: int) -> None: ...
    def request(
        self,
        draws: _StepDraws,
        slots: int,
        part: RankPart,
        memory: NDArray[np.uint8] | None,
        objective: Objective | None = None,
    ) -> None: ...
    def next(self) -> _MadeBatch: ...

# schedule
def sample_cycles(steps: Sequence[int], odds: Sequence[int], cycles: int, key: int) -> NDArray[np.uint8]: ...
def subcycle_cycles(
    steps: Sequence[int], odds: Sequence[int], cycles: int, key: int
) -> NDArray[np.uint8]: ...

class BucketSequence:
    def __init__(self, buckets: NDArray[np.uint8], num_buckets: int) -> None: ...
    def bucket(self, step: int) -> int: ...
    def visits(self, step: int, bucket: int) -> int: ...

class MixtureStream:
    UNITS: int
    ENDLESS: int
    @overload
    def __init__(self, num_sources: int) -> None: ...
    @overload
    def __init__(self, past: MixtureStream, visit: int) -> None: ...
    @overload
    def __init__(self, drawn: Sequence[int], ahead: Sequence[int], visit: int) -> None: ...
    def add_segment(self, visits: int, rows: int, start: Sequence[int], end: Sequence[int]) -> None: ...
    @property
    def visits(self) -> int: ...
    def copy(self) -> MixtureStream: ...
    def drawn(self, visit: int) -> list[int]: ...
    def ahead(self, visit: int) -> list[int]: ...
    def first_reaching(self, source: int, count: int) -> int: ...
    def target(self, source: int, visit: int) -> float: ...

# prompts
def prepack(
    values: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    plan: PlanView,
    *,
    row_length: int | None,
    pad_id: int,
    num_threads: int,
) -> dict[str, Any]: ...

# pack: the strategies, lengths -> (sequence_offsets, span_document, span_start, span_length,
# sequence_capacity, counts)
_PlanArrays = tuple[
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int32],
    dict[str, int],
]

class PackOptions:
    def __init__(
        self, *, sequence_length: int, overflow: str, max_documents: int, align: int, drop_shorter_than: int
    ) -> None: ...

class Border:
    def __init__(self, name: str) -> None: ...

class DecomposeOptions:
    def __init__(
        self,
        *,
        min_length: int,
        max_length: int,
        mode: str,
        long_documents: str,
        remainder: str,
        seed: int,
    ) -> None: ...

class HistogramPacking:
    def __init__(self, name: str) -> None: ...

def pack_concat(lengths: NDArray[np.int32], options: PackOptions, border: Border) -> _PlanArrays: ...
def pack_next_fit(lengths: NDArray[np.int32], options: PackOptions) -> _PlanArrays: ...
def pack_pad(lengths: NDArray[np.int32], options: PackOptions) -> _PlanArrays: ...
def pack_pad_by_length(
    lengths: NDArray[np.int32], options: PackOptions, group_sequences: int
) -> _PlanArrays: ...
def pack_first_fit(lengths: NDArray[np.int32], options: PackOptions) -> _PlanArrays: ...
def pack_histogram(
    lengths: NDArray[np.int32], options: PackOptions, packing: HistogramPacking, num_threads: int
) -> _PlanArrays: ...
def pack_decompose(
    lengths: NDArray[np.int32], options: PackOptions, buckets: DecomposeOptions, num_threads: int
) -> _PlanArrays: ...
def pack_best_fit(
    lengths: NDArray[np.int32], options: PackOptions, seed: int | None, num_threads: int
) -> _PlanArrays: ...
def pack_stream(
    lengths: NDArray[np.int32],
    options: PackOptions,
    buffer_documents: int,
    buffer_tokens: int,
    seed: int | None,
) -> _PlanArrays: ...

# pack: best fit as bare indices, int64 where `wide`
def best_fit_sequence_of(
    lengths: NDArray[np.int32], options: PackOptions, num_threads: int, wide: bool
) -> tuple[NDArray[np.signedinteger], int]: ...
def best_fit_documents(
    lengths: NDArray[np.int32], options: PackOptions, num_threads: int, wide: bool
) -> tuple[NDArray[np.int64], NDArray[np.signedinteger]]: ...

# pack: the online packer; pieces are (document, start, length)
_Pieces = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]

class OnlinePacker:
    def __init__(self, options: PackOptions, buffer_documents: int, buffer_tokens: int) -> None: ...
    def add(self, length: int) -> tuple[list[_Pieces], int, int]: ...
    def flush(self) -> list[_Pieces]: ...
    def buffered(self) -> _Pieces: ...
    def counts(self) -> dict[str, int]: ...
    def buffered_bytes(self) -> NDArray[np.uint8]: ...
    def restore(self, pieces: NDArray[np.uint8], counts: dict[str, int]) -> None: ...

# plan: what is asked of a finished plan
class PlanView:
    def __init__(
        self,
        sequence_offsets: NDArray[np.int64],
        span_document: NDArray[np.int64],
        span_start: NDArray[np.int32],
        span_length: NDArray[np.int32],
        sequence_capacity: NDArray[np.int32],
        *,
        literal_offsets: NDArray[np.int64] | None = None,
        literal_tokens: NDArray[np.int32] | None = None,
        literal_learned: NDArray[np.uint8] | None = None,
        room: int = 0,
    ) -> None: ...
    def totals(self, align: int) -> dict[str, Any]: ...
    def verify(self, lengths: NDArray[np.int32], align: int, max_documents: int) -> dict[str, int]: ...
    def verify_alone(self, documents: int, align: int, max_documents: int) -> dict[str, int]: ...
    def histograms(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
    def sequence_costs(self, per_token: float, per_pair: float) -> NDArray[np.float64]: ...
    def capacity_runs(self) -> NDArray[np.int64]: ...
    def fingerprint(self) -> int: ...

class KnotOptions:
    def __init__(
        self,
        *,
        seed: int,
        kinds: Sequence[int],
        chunks: Sequence[int],
        num_chunks: int,
        equal_cuts: bool,
        keep_order: bool,
        interleave: bool,
        knots: Sequence[int],
        marks: Sequence[int],
        letters: Sequence[int],
        name_length: int,
        chunk_size: int,
        brackets: Sequence[int],
        numbers: Sequence[Sequence[int]],
    ) -> None: ...
    def literals_of(self, parts: int, sized: bool = False) -> int: ...

def tie_knots(
    plan: PlanView, options: KnotOptions, capacity: int
) -> tuple[_PlanArrays, NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8], dict[str, int]]: ...

# balance
class BalanceOptions:
    def __init__(
        self, *, ranks: int, micro_batches: int, strategy: str, window: int, seed: int, even: float
    ) -> None: ...

def balance(
    costs: NDArray[np.float64], options: BalanceOptions, num_threads: int
) -> tuple[NDArray[np.int64], dict[str, float]]: ...

# similar
def order_documents(
    neighbours: NDArray[np.int32],
    similarities: NDArray[np.float32],
    max_run: int,
    duplicate_above: float | None,
    seed: int,
    num_threads: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]: ...
def first_equals(store: StoreView, num_threads: int) -> NDArray[np.int64]: ...

class MinHashOptions:
    def __init__(
        self, *, shingle: int, bands: int, rows: int, threshold: float, seed: int, max_ids: int
    ) -> None: ...

def first_similar(store: StoreView, options: MinHashOptions, num_threads: int) -> NDArray[np.int64]: ...
def min_hash_bands(
    ids: NDArray[np.uint32], options: MinHashOptions
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]: ...

class TfIdfOptions:
    def __init__(self, *, features: int, max_ids: int, buckets: int) -> None: ...

def tf_idf(
    store: StoreView, options: TfIdfOptions, num_threads: int
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.float32]]: ...
def nearest_by_min_hash(
    store: StoreView, options: MinHashOptions, k: int, max_listed: int, num_threads: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]: ...
def nearest_documents(
    store: StoreView, options: TfIdfOptions, k: int, max_listed: int, num_threads: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]: ...
