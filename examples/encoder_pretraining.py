"""An encoder learns masked words: whole words at 30 %, documents apart, validation on fixed masks.

    python examples/encoder_pretraining.py RUN --steps 40

Masks are drawn anew in every epoch, and are a function of (seed, epoch, sequence, span): a resumed run masks
what the unbroken one would have. Each check asks for the same tokens, those of one step of its loader.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from checkpoint import Checkpoint
from command_line import run_from_command_line
from sample_corpus import sample_sources
from torch import nn
from torch.nn.functional import cross_entropy

import pypack
from pypack.objectives import MaskedLM

BATCH, WIDTH, HEADS, LAYERS, SAVE_EVERY = 8, 64, 4, 2, 5


class TinyEncoder(nn.Module):
    """Two layers that look both ways, within a document."""

    def __init__(self, vocabulary: int, row: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, WIDTH), nn.Embedding(row, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, 0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, vocabulary)

    def masked_loss(self, batch: pypack.PackedBatch) -> torch.Tensor:
        """The mean loss of the masked tokens; logits are made for those alone."""
        tensors = batch.to_torch()  # labels stand at their own places: they are not shifted
        apart = tensors.segment_ids[:, :, None] != tensors.segment_ids[:, None, :]
        hidden = self.tokens(tensors.input_ids) + self.positions(tensors.position_ids)
        hidden = self.layers(hidden, mask=apart.repeat_interleave(HEADS, 0))
        chosen = tensors.labels != -100
        return cross_entropy(self.head(hidden[chosen]), tensors.labels[chosen])


def train(run: Path, steps: int) -> None:
    torch.manual_seed(0)
    training, validation, vocabulary = sample_sources(run)
    # This tokenizer has no [MASK]: one more id stands for it, for which the model has an embedding. No random
    # token is drawn from there.
    warnings.filterwarnings("ignore", ".*beyond the vocabulary")
    objective = MaskedLM(0.3, whole_word=True, mask_id=vocabulary, vocab_size=vocabulary)
    loader = pypack.Loader(training, batch_sequences=BATCH, seed=0, objective=objective)
    checks = pypack.Loader(validation, batch_sequences=BATCH, seed=1, objective=objective)
    model = TinyEncoder(vocabulary + 1, training.plan.sequence_length)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    checkpoint = Checkpoint(run / "encoder.pt", model=model, optimizer=optimizer, loader=loader)
    checkpoint.restore()
    while loader.step < steps:
        for batch in loader:
            optimizer.zero_grad()
            loss = model.masked_loss(batch)
            loss.backward()
            optimizer.step()
            print(f"step {batch.step} epoch {batch.epoch} loss {loss.item():.5f}", flush=True)
            if (batch.step + 1) % SAVE_EVERY == 0:
                with torch.no_grad():
                    print(f"validation: loss {model.masked_loss(checks.batch_at(0)).item():.5f}", flush=True)
                checkpoint.save()
            if batch.step + 1 >= steps:
                break


if __name__ == "__main__":
    run_from_command_line(train, __doc__)
