"""A Llama of some 100,000 parameters, for the examples with transformers."""

from __future__ import annotations

from transformers import LlamaConfig, LlamaForCausalLM


def tiny_llama(vocabulary: int, longest: int) -> LlamaForCausalLM:
    """A model with new weights, for rows of at most so many tokens."""
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=longest,
        bos_token_id=None,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config)
