"""A tiny training run for tests: saves its weights and the loader's state, and goes on from what was saved.

python train_tiny.py STORE PLAN FOLDER STEPS
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

import pypack


def main(store: str, plan: str, folder: str, steps: int) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Embedding(512, 16), torch.nn.Linear(16, 512))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    loader = pypack.Loader(
        pypack.TokenStore.open(store), pypack.Plan.open(plan), batch_sequences=4, seed=7, prefetch=3
    )
    saved = Path(folder) / "checkpoint.pt"
    if saved.exists():
        checkpoint = torch.load(saved)
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        loader.load_state_dict(checkpoint["loader"])
    while loader.step < steps:
        for batch in loader:
            tensors = batch.to_torch().shift_labels()
            loss = torch.nn.functional.cross_entropy(
                model(tensors.input_ids).flatten(0, 1), tensors.labels.flatten()
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if batch.step % 5 == 4:
                states = {"model": model, "optimizer": optimizer, "loader": loader}
                temporary = saved.with_suffix(".tmp")
                torch.save({name: one.state_dict() for name, one in states.items()}, temporary)
                temporary.replace(saved)
            print(batch.step, flush=True)
            if loader.step >= steps:
                break
    torch.save(model.state_dict(), Path(folder) / "final.pt")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
