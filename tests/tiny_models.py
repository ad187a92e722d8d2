"""Tiny random transformers models of the architectures that people train, built without a download."""

from __future__ import annotations

from frameworks import require

torch = require("torch")
transformers = require("transformers")

VOCABULARY = 97
# Threads that wait for each other cost more than models of this size.
torch.set_num_threads(1)
_COMMON = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
_ROTARY = {**_COMMON, "intermediate_size": 48, "max_position_embeddings": 128}
_GROUPED = {**_ROTARY, "num_key_value_heads": 2}

CONFIGS = {
    "llama": lambda: transformers.LlamaConfig(**_GROUPED),
    "qwen2": lambda: transformers.Qwen2Config(**_GROUPED),
    "qwen2-sliding": lambda: transformers.Qwen2Config(
        **_GROUPED, use_sliding_window=True, sliding_window=7, max_window_layers=1
    ),
    "mistral": lambda: transformers.MistralConfig(**_GROUPED, sliding_window=7),
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=128
    ),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(**_ROTARY),
}


def causal_model(name: str, attention: str = "sdpa"):
    """A model of `CONFIGS`, float32, evaluating, with weights large enough that attention is not uniform."""
    torch.manual_seed(0)
    config = CONFIGS[name]()
    config.bos_token_id = config.eos_token_id = config.pad_token_id = None
    config.initializer_range = 0.2
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    return model.eval()
