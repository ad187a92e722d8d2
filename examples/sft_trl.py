"""Fine-tuning on conversations with TRL's SFTTrainer, fed with packed batches.

python examples/sft_trl.py RUN --steps 10
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import trl
from conversations import TEMPLATE, conversations, tokenizer
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import pypack
import pypack.chat
from pypack.adapters import huggingface


def train(run: Path, steps: int) -> None:
    torch.manual_seed(0)
    words = tokenizer(run)
    source = pypack.chat.dataset(conversations(), words, 256, template=TEMPLATE, overflow="drop")
    loader = pypack.Loader(source, batch_sequences=4, layout="varlen", seed=0, rank=0, world_size=1)
    config = LlamaConfig(
        vocab_size=words.vocab_size,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
    )
    trainer = trl.SFTTrainer(
        LlamaForCausalLM(config),  # yours: AutoModelForCausalLM.from_pretrained(...)
        args=trl.SFTConfig(
            str(run / "sft"),
            max_steps=steps,
            logging_steps=1,
            save_steps=5,
            learning_rate=1e-2,
            per_device_train_batch_size=1,  # a row of the dataset is a whole batch of the loader
            train_sampling_strategy="sequential",  # which has shuffled already
            remove_unused_columns=False,
            dataset_kwargs={"skip_prepare_dataset": True},
            report_to="none",
            use_cpu=not torch.cuda.is_available(),
            bf16=False,
            dataloader_pin_memory=False,
        ),
        train_dataset=huggingface.dataset(loader, steps=steps),
        data_collator=huggingface.collate,
        callbacks=[huggingface.LoaderState(loader)],
        processing_class=PreTrainedTokenizerFast(
            tokenizer_file=str(run / "tokenizer.json"), eos_token="<|endoftext|>"
        ),
    )
    trainer.train(resume_from_checkpoint=any((run / "sft").glob("checkpoint-*")))
    for entry in trainer.state.log_history:
        if "loss" in entry:
            print(f"step {entry['step'] - 1} epoch 0 loss {float(entry['loss']):.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the tokenizer and the checkpoints")
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    train(options.run, options.steps)
