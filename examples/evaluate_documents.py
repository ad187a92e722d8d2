"""Evaluation by document: the loss of each as a whole, also where a row cut it, and the worst of them.

    python examples/evaluate_documents.py RUN

Each held-out document comes once, always in the same order; losses of its pieces are put together again.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from sample_corpus import sample_sources
from tiny_model import TinyModel
from torch.nn.functional import cross_entropy

import pypack


@torch.no_grad()
def evaluate(model: torch.nn.Module, loader: pypack.Loader) -> pypack.DocumentLosses:
    """Losses by document of all that a loader gives in a pass."""
    found = []
    for batch in loader:
        shifted = batch.shift_labels()
        tensors = shifted.to_torch()
        logits = model(tensors.input_ids, tensors.segment_ids)
        losses = cross_entropy(logits.transpose(1, 2), tensors.labels, reduction="none")
        found.append(pypack.document_losses(shifted, losses))
    return sum(found[1:], start=found[0])


def main(run: Path) -> None:
    torch.manual_seed(0)
    _, validation, vocabulary = sample_sources(run)
    loader = pypack.Loader(validation, batch_sequences=8, shuffle=False)
    losses = evaluate(TinyModel(vocabulary), loader)
    print(f"{len(losses.document_ids)} documents, {losses.tokens.sum():.0f} tokens")
    print(f"perplexity {math.exp(losses.mean):.2f}")
    for place in np.argsort(losses.means)[::-1][:3]:
        print(f"document {losses.document_ids[place]}: {losses.means[place]:.4f} a token")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the corpus")
    main(parser.parse_args().run)
