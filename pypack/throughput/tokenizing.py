"""Throughput of tokenizing."""

from __future__ import annotations

from pypack.demo.sample import standard_library_texts
from pypack.ragged import Ragged
from pypack.throughput.timing import Row, median_seconds
from pypack.tokenizer.tokenizer import Tokenizer

_SAMPLE_BYTES = 4_000_000
_CHECKED_DOCUMENTS = 200


def bench_tokenize(
    tokenizer: Tokenizer, texts: list[str] | None, num_threads: int, repeats: int
) -> list[Row]:
    """Documents, tokens and bytes a second of the tokenizer's engine and of the `tokenizers` library.

    `texts=None` takes the standard library's sources and docstrings.

    Raises:
        RuntimeError: the two disagree on a document.
    """
    from tokenizers import Tokenizer as HuggingFaceTokenizer

    documents = standard_library_texts(_SAMPLE_BYTES) if texts is None else texts
    library = HuggingFaceTokenizer.from_str(tokenizer.to_json())
    encoded = tokenizer.encode_batch(documents)
    for i, encoding in enumerate(
        library.encode_batch_fast(documents[:_CHECKED_DOCUMENTS], add_special_tokens=False)
    ):
        if encoding.ids != encoded[i].tolist():
            raise RuntimeError(f"document {i}: engine {tokenizer.engine} and `tokenizers` give different ids")

    def encode(threads: int) -> Ragged:
        return tokenizer.encode_batch(documents, num_threads=threads)

    ways = {f"pypack ({tokenizer.engine}), 1 thread": lambda: encode(1)}
    if num_threads > 1:
        ways[f"pypack ({tokenizer.engine}), {num_threads} threads"] = lambda: encode(num_threads)
    seconds = median_seconds(
        {**ways, "tokenizers, all cores": lambda: library.encode_batch_fast(documents)}, repeats
    )
    size = sum(len(text.encode()) for text in documents)
    return [
        {
            "way": name,
            "MB/s": size / time / 1e6,
            "documents/s": len(documents) / time,
            "tokens/s": len(encoded.values) / time,
        }
        for name, time in seconds.items()
    ]
