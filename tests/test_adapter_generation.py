"""Packed prefill in real transformers models, against one prompt at a time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from frameworks import require, without_compiling
from tiny_models import CONFIGS, VOCABULARY, causal_model

from pypack import Ragged
from pypack.adapters import huggingface

torch = require("torch")
transformers = require("transformers")

LENGTHS = [12, 3, 7, 5, 9, 2, 4, 6, 1, 8, 10, 3, 1]


def make_prompts(lengths=LENGTHS):
    generator = np.random.default_rng(0)
    return [generator.integers(1, VOCABULARY, n).tolist() for n in lengths]


def alone(model, prompt):
    """Logits of the first new token, and keys and values by layer, of one prompt by itself."""
    cache = transformers.DynamicCache()
    with torch.no_grad():
        output = model(torch.tensor([prompt]), past_key_values=cache, use_cache=True)
    return output.logits[0, -1], [(layer.keys[0], layer.values[0]) for layer in cache.layers]


def generate_alone(model, prompt, new_tokens):
    prompt = torch.tensor([prompt])
    return model.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=new_tokens, do_sample=False
    )[0]


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", CONFIGS)
def test_prefill_equals_one_prompt_at_a_time(name, attention):
    check_prefill(causal_model(name, attention), make_prompts())


def check_prefill(model, prompts, **options):
    prefilled = huggingface.prefill(model, prompts, **options)
    longest = max(map(len, prompts))
    assert type(prefilled.past_key_values) is transformers.DynamicCache
    assert prefilled.logits.shape == (len(prompts), VOCABULARY)
    assert prefilled.past_key_values.get_seq_length() == longest
    for p, prompt in enumerate(prompts):
        assert prefilled.input_ids[p].tolist()[longest - len(prompt) :] == prompt
        assert prefilled.attention_mask[p].sum() == len(prompt)
        logits, layers = alone(model, prompt)
        torch.testing.assert_close(prefilled.logits[p], logits, rtol=1e-5, atol=1e-5)
        for layer, (keys, values) in zip(prefilled.past_key_values.layers, layers, strict=True):
            # A sliding layer keeps the last window - 1 tokens.
            kept = min(len(prompt), layer.keys.shape[2])
            torch.testing.assert_close(layer.keys[p, :, -kept:], keys[:, -kept:], rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(layer.values[p, :, -kept:], values[:, -kept:], rtol=1e-5, atol=1e-5)
            assert not layer.keys[p, :, : layer.keys.shape[2] - kept].any()
    return prefilled


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", CONFIGS)
def test_generate_equals_one_prompt_at_a_time(name, attention):
    model, prompts = causal_model(name, attention), make_prompts()
    outputs = huggingface.generate(model, prompts, max_new_tokens=12, do_sample=False)
    for prompt, output in zip(prompts, outputs, strict=True):
        expected = generate_alone(model, prompt, 12)
        assert output[-len(expected) :].tolist() == expected.tolist()


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_generation_goes_on_from_prefill(name):
    """The cache and the logits of `prefill`, given to `model.generate` by the caller."""
    model, prompts = causal_model(name), make_prompts()
    prefilled = huggingface.prefill(model, prompts, capacity=20)
    chosen = prefilled.logits.argmax(-1, keepdim=True)
    outputs = model.generate(
        input_ids=torch.cat([prefilled.input_ids, chosen], 1),
        attention_mask=torch.cat([prefilled.attention_mask, torch.ones_like(chosen)], 1),
        past_key_values=prefilled.past_key_values,
        max_new_tokens=8,
        do_sample=False,
    )
    for prompt, output in zip(prompts, outputs, strict=True):
        expected = generate_alone(model, prompt, 9)
        assert output[-len(expected) :].tolist() == expected.tolist()


@pytest.mark.parametrize("options", [{"capacity": 40}, {"strategy": "pad"}, {"strategy": "next_fit"}])
def test_any_capacity_and_strategy(options):
    check_prefill(causal_model("llama"), make_prompts(), **options)


def test_prompts_as_ragged():
    model, prompts = causal_model("llama"), make_prompts()
    found = huggingface.prefill(model, Ragged.from_rows(prompts))
    assert torch.equal(found.logits, huggingface.prefill(model, prompts).logits)


def test_one_prompt_of_one_token():
    model = causal_model("gpt2")
    check_prefill(model, [[5]])
    outputs = huggingface.generate(model, [[5], [6]], max_new_tokens=4, do_sample=False)
    assert outputs[0].tolist() == generate_alone(model, [5], 4).tolist()
    assert outputs[1].tolist() == generate_alone(model, [6], 4).tolist()


def test_fewer_items_than_padding():
    """What prepacking is for: the model sees few more items than there are tokens."""
    model, prompts = causal_model("llama"), make_prompts()
    seen = []
    handle = model.register_forward_pre_hook(
        lambda _module, _args, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    huggingface.prefill(model, prompts)
    handle.remove()
    assert seen == [6 * 12]


def test_the_output_layer_is_left_as_it_was():
    model = causal_model("llama")
    huggingface.prefill(model, make_prompts())
    assert model(torch.tensor([[1, 2, 3]])).logits.shape == (1, 3, VOCABULARY)


def test_empty_prompts_are_refused():
    model = causal_model("llama")
    with pytest.raises(ValueError, match="prompt 1 is empty"):
        huggingface.prefill(model, [[1], []])
    with pytest.raises(ValueError, match="no prompt"):
        huggingface.generate(model, [])


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_flex_attention(name):
    with without_compiling():
        check_prefill(causal_model(name, "flex_attention"), make_prompts([5, 3, 9, 1]))


def test_flash_attention_gets_borders():
    """The keyword arguments of flash attention, taken by a minimal consumer of its documented interface."""

    def varlen(module, query, key, value, attention_mask, scaling, cu_seq_lens_q, cu_seq_lens_k, **kwargs):
        assert attention_mask is None
        assert cu_seq_lens_q.dtype == torch.int32
        assert kwargs["max_length_q"] == kwargs["max_length_k"] == int(cu_seq_lens_q.diff().max())
        groups = module.num_key_value_groups
        out = torch.empty_like(query)
        for begin, end in itertools.pairwise(cu_seq_lens_k.tolist()):
            part = slice(begin, end)
            out[:, :, part] = torch.nn.functional.scaled_dot_product_attention(
                query[:, :, part],
                key[:, :, part].repeat_interleave(groups, 1),
                value[:, :, part].repeat_interleave(groups, 1),
                is_causal=True,
                scale=scaling,
            )
        return out.transpose(1, 2), None

    model, prompts = causal_model("llama"), make_prompts()
    expected = huggingface.prefill(model, prompts)
    transformers.AttentionInterface.register("flash_minimal", varlen)
    transformers.AttentionMaskInterface.register(
        "flash_minimal", transformers.masking_utils.flash_attention_mask
    )
    model.config._attn_implementation = "flash_minimal"
    prefilled = huggingface.prefill(model, prompts)
    assert prefilled.packed.layout == "varlen"
    torch.testing.assert_close(prefilled.logits, expected.logits, rtol=1e-5, atol=1e-5)
    for found, wanted in zip(prefilled.past_key_values, expected.past_key_values, strict=True):
        torch.testing.assert_close(found[:2], wanted[:2], rtol=1e-5, atol=1e-5)
