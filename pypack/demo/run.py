"""The steps of the demo: train a tokenizer, make a store, pack it three ways, load an epoch of each."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pypack.demo.picture import draw_sequences
from pypack.demo.sample import standard_library_texts
from pypack.loader.loader import Loader
from pypack.packing.packing import pack
from pypack.packing.strategies import StrategyName
from pypack.plan.plan import Plan
from pypack.store.store import TokenStore
from pypack.store.writer import StoreWriter
from pypack.tokenizer.tokenizer import Tokenizer

SEQUENCE_LENGTH = 2048
BATCH_SEQUENCES = 8
_CORPUS_BYTES = 8_000_000
_TRAINING_BYTES = 2_000_000
_VOCABULARY = 8192
_SHIPPED_TOKENIZER = Path(__file__).with_name("tokenizer.json")
_PICTURE_WIDTH = 72
_PICTURE_QUANTILES = (0.5, 0.8, 0.95)

# Strategy and what a newcomer calls it.
WAYS: dict[StrategyName, str] = {"pad": "padding only", "concat": "concat-and-chunk", "best_fit": "best fit"}


@dataclass(frozen=True)
class Way:
    """What one way of packing gives."""

    strategy: str
    name: str
    sequences: int
    utilization: float
    padding_tokens: int
    cut_documents: int
    attention_cost: int
    plan_seconds: float
    batches: int
    loaded_tokens: int
    tokens_per_second: float
    picture: list[str]


@dataclass(frozen=True)
class DemoResult:
    """What the demo measured and shows."""

    documents: int
    text_bytes: int
    tokens: int
    vocabulary: int
    training_seconds: float
    tokenizing_seconds: float
    engine: str
    sequence_length: int
    batch_sequences: int
    ways: list[Way]
    batch_shape: tuple[int, ...]
    batch_start: str
    store: str

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


def run_demo(directory: Path, report: Callable[[str], None]) -> DemoResult:
    """Runs the demo in `directory`, which must be empty; `report` gets a line before each step.

    Raises:
        RuntimeError: the tokens of a stage do not add up to those of the stage before.
    """
    report("Reading the standard library's modules, docstrings and manual")
    texts = standard_library_texts(_CORPUS_BYTES)
    text_bytes = sum(len(text.encode()) for text in texts)

    report(f"Training a byte-level BPE of {_VOCABULARY} tokens on {_TRAINING_BYTES / 1e6:.0f} MB of it")
    start = time.perf_counter()
    tokenizer = train_tokenizer(texts, directory / "tokenizer.json")
    training_seconds = time.perf_counter() - start

    report(f"Tokenizing {len(texts)} documents ({text_bytes / 1e6:.1f} MB) into a store")
    start = time.perf_counter()
    store = _tokenize(texts, tokenizer, directory / "demo.store")
    tokenizing_seconds = time.perf_counter() - start

    ways, start_of_batch, shape = [], "", (0,)
    for strategy, name in WAYS.items():
        report(f"Packing by {name}, loading an epoch")
        start = time.perf_counter()
        plan = pack(store.lengths, SEQUENCE_LENGTH, strategy=strategy)
        plan_seconds = time.perf_counter() - start
        plan.verify(store.lengths)
        ways.append(_load_epoch(store, plan, name, plan_seconds))
        if strategy == "best_fit":
            plan.save(directory / "demo.plan")
            batch = Loader(store, plan, batch_sequences=BATCH_SEQUENCES, seed=0).batch_at(0)
            shape = batch.input_ids.shape
            start_of_batch = tokenizer.decode(batch.input_ids[0, :120], skip_special_tokens=False)
    return DemoResult(
        documents=store.num_documents,
        text_bytes=text_bytes,
        tokens=store.num_tokens,
        vocabulary=tokenizer.vocab_size,
        training_seconds=training_seconds,
        tokenizing_seconds=tokenizing_seconds,
        engine=tokenizer.engine,
        sequence_length=SEQUENCE_LENGTH,
        batch_sequences=BATCH_SEQUENCES,
        ways=ways,
        batch_shape=shape,
        batch_start=start_of_batch,
        store=str(store.path),
    )


def train_tokenizer(texts: list[str], path: Path) -> Tokenizer:
    """Trains a byte-level BPE on every n-th text, saves it as a tokenizer.json, and loads it.

    Where no `tokenizers` that trains is installed, it is the smaller one that comes with pypack.
    """
    try:
        from tokenizers import Tokenizer as HuggingFaceTokenizer
        from tokenizers import decoders, models, pre_tokenizers, trainers
    except ImportError:  # none, or 1.0, which does not train
        shutil.copyfile(_SHIPPED_TOKENIZER, path)
        return Tokenizer.from_file(path)

    trained = HuggingFaceTokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Every n-th document, so that the sample has the corpus's mixture.
    step = max(1, round(_CORPUS_BYTES / _TRAINING_BYTES))
    trained.train_from_iterator(texts[::step], trainer)
    trained.save(str(path))
    return Tokenizer.from_file(path)


def _tokenize(texts: list[str], tokenizer: Tokenizer, path: Path) -> TokenStore:
    with StoreWriter(
        path, vocab_size=tokenizer.vocab_size, append_id=tokenizer.eos_id, tokenizer=tokenizer
    ) as writer:
        for start in range(0, len(texts), 1000):
            writer.append(tokenizer.encode_batch(texts[start : start + 1000]))
    store = TokenStore.open(path)
    if store.num_documents != len(texts):
        raise RuntimeError(f"{len(texts)} documents went in, the store holds {store.num_documents}")
    return store


def _load_epoch(store: TokenStore, plan: Plan, name: str, plan_seconds: float) -> Way:
    loader = Loader(store, plan, batch_sequences=BATCH_SEQUENCES, seed=0)
    start = time.perf_counter()
    tokens = sum(batch.tokens for batch in loader)
    seconds = time.perf_counter() - start
    if tokens != plan.num_tokens:
        raise RuntimeError(f"{name}: the plan holds {plan.num_tokens} tokens, an epoch gave {tokens}")
    return Way(
        strategy=plan.strategy,
        name=name,
        sequences=plan.num_sequences,
        utilization=plan.utilization,
        padding_tokens=plan.padding,
        cut_documents=plan.counts.split_documents + plan.counts.truncated_documents,
        attention_cost=plan.attention_cost,
        plan_seconds=plan_seconds,
        batches=len(loader),
        loaded_tokens=tokens,
        tokens_per_second=tokens / seconds,
        picture=draw_sequences(plan, _PICTURE_QUANTILES, _PICTURE_WIDTH),
    )
