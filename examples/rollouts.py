"""Reinforcement learning: prompts prefilled together, several answers each, packed into rows to learn from.

    python examples/rollouts.py RUN --rounds 3

The reward here is the share of the letter e; advantages are those of an answer within its prompt's group.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from conversations import tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

import pypack
from pypack.adapters import huggingface

ANSWERS, NEW_TOKENS = 4, 12
PROMPTS = ["def ", "import os\n", "class Reader:\n    ", "for name in names:\n"]


def learn(model: LlamaForCausalLM, source: pypack.Source, advantages: np.ndarray) -> float:
    """One pass over the answers; returns the mean of the policy's loss."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    losses = []
    for batch in pypack.Loader(source, batch_sequences=2, layout="varlen", epochs=1):
        inputs = huggingface.padding_free(batch.to_torch())
        labels = inputs.pop("labels")[0, 1:]  # -100 at prompts, and where an answer begins
        chosen = model(**inputs).logits[0, :-1].log_softmax(-1)
        chosen = chosen.gather(1, labels.clamp(min=0)[:, None])[:, 0]
        of_tokens = torch.from_numpy(np.repeat(advantages[batch.document_ids], batch.span_lengths))[1:]
        loss = -(of_tokens * chosen)[labels != -100].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def main(run: Path, rounds: int) -> None:
    torch.manual_seed(0)
    words = tokenizer(run)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=words.vocab_size, **sizes))
    prompts = [ids.tolist() for ids in words.encode_batch(PROMPTS) for _ in range(ANSWERS)]
    for number in range(rounds):
        padded = huggingface.generate(model, prompts, max_new_tokens=NEW_TOKENS, do_sample=True)
        answers = padded[:, -NEW_TOKENS:].tolist()
        rows = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
        rewards = np.array([words.decode(answer).count("e") for answer in answers], np.float32)
        groups = rewards.reshape(-1, ANSWERS)
        advantages = (groups - groups.mean(1, keepdims=True)).ravel()
        learned = np.concatenate([np.arange(len(r)) >= len(p) for r, p in zip(rows, prompts, strict=True)])
        path = run / f"round-{number}.store"
        with pypack.StoreWriter(path, vocab_size=words.vocab_size, beside=[".mask"]) as writer:
            writer.append(pypack.Ragged.from_rows(rows), learned=learned)
        loss = learn(model, pypack.Source.select(path, 128, strategy="best_fit"), advantages)
        print(f"round {number}: {len(rows)} answers, mean reward {rewards.mean():.3f}, loss {loss:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the tokenizer and the rounds; new")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    main(options.run, options.rounds)
