"""Two phases: general text in rows that grow longer, then more code, with the rate going down.

    python examples/two_phases.py RUN --steps 40

The corpus is decomposed into rows of 64, 128 and 256 tokens (Dataset Decomposition), none of which holds two
documents; each batch has rows of one length, and the same number of tokens.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from command_line import run_from_command_line
from sample_corpus import sample_sources
from tiny_model import TinyModel, learned_loss

from pypack import Loader, Phase, Schedule, Source, TokenStore

BATCH_TOKENS = 2048


def sources(store: TokenStore) -> dict[str, Source]:
    """Every other document stands for a corpus of its own."""
    is_code = np.arange(len(store)) % 2 == 1
    halves = {"text": ~is_code, "code": is_code}
    options = {"strategy": "decompose", "min_length": 64}
    return {name: Source.select(store, 256, where=half, **options) for name, half in halves.items()}


def schedule(steps: int) -> Schedule:
    first, limits = steps * 9 // 10, {"text": 8, "code": 8}
    grow = Phase(
        steps=first,
        weights={"text": 0.8, "code": 0.2},
        curriculum="grow-p2",
        cycles=2,
        max_epochs=limits,
    )
    return Schedule([grow, Phase(steps=steps - first, weights={"text": 0.3, "code": 0.7}, max_epochs=limits)])


def train(run: Path, steps: int) -> None:
    torch.manual_seed(0)
    training, _, vocabulary = sample_sources(run)
    mixture, plan_of_run = sources(training.store), schedule(steps)
    print(plan_of_run.preview(mixture, batch_tokens=BATCH_TOKENS))
    loader = Loader(mixture, schedule=plan_of_run, batch_tokens=BATCH_TOKENS, seed=0)
    names = list(mixture)
    model = TinyModel(vocabulary)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for batch in loader:
        loss = learned_loss(model, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        share = sum(batch.span_lengths[batch.source_ids == names.index("code")]) / batch.tokens
        print(f"step {batch.step} rows of {batch.input_ids.shape[1]} code {share:.0%} loss {loss.item():.5f}")


if __name__ == "__main__":
    run_from_command_line(train, __doc__)
