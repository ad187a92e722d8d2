"""Fine-tuning on conversations in plain torch: only what the assistant says is learned.

    python examples/sft_torch.py RUN --steps 20

Several conversations share a row and do not see each other. See docs/fine-tuning.md for a store of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from conversations import TEMPLATE, conversations, tokenizer
from tiny_model import TinyModel, learned_loss

import pypack
import pypack.chat


def train(run: Path, steps: int) -> None:
    torch.manual_seed(0)
    words = tokenizer(run)
    source = pypack.chat.dataset(
        conversations(), words, 256, template=TEMPLATE, overflow="drop", strategy="best_fit"
    )
    plan = source.plan
    print(
        f"{plan.counts.documents} conversations, {plan.counts.dropped_documents} of them too long for a row"
    )
    print(f"{len(plan)} rows, {plan.stats.utilization:.1%} full")
    print(f"{source.num_learned_tokens} of {plan.num_tokens} tokens are learned")
    loader = pypack.Loader(source, batch_sequences=4, seed=0)
    model = TinyModel(words.vocab_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    while loader.step < steps:
        for batch in loader:
            loss = learned_loss(model, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            print(f"step {batch.step} epoch {batch.epoch} loss {loss.item():.5f}")
            if batch.step + 1 >= steps:
                break


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the tokenizer")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    train(options.run, options.steps)
