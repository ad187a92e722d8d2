"""Packed prefill in real transformers models, against one prompt at a time."""

from __future__ import annotations

import inspect
import itertools
from contextlib import contextmanager

import numpy as np
import pytest
from fixtures.frameworks import require, without_compiling
from fixtures.tiny_models import CONFIGS, VOCABULARY, causal_model
from hypothesis import given
from hypothesis import strategies as st

from pypack import Ragged, prepack
from pypack.adapters import huggingface
from pypack.adapters.huggingface import passes
from pypack.adapters.huggingface.cache_argument import cache_argument

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
        output = model(torch.tensor([prompt]), **{cache_argument(model.forward): cache}, use_cache=True)
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
        **{cache_argument(model.generate): prefilled.past_key_values},
        max_new_tokens=8,
        do_sample=False,
    )
    for prompt, output in zip(prompts, outputs, strict=True):
        expected = generate_alone(model, prompt, 9)
        assert output[-len(expected) :].tolist() == expected.tolist()


@pytest.mark.parametrize("options", [{"capacity": 40}, {"strategy": "pad"}, {"strategy": "next_fit"}])
def test_any_capacity_and_strategy(options):
    check_prefill(causal_model("llama"), make_prompts(), **options)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", ["llama", "qwen2-sliding"])
@pytest.mark.parametrize("tokens", [1, 17, 30])
def test_any_number_of_passes(name, attention, tokens):
    model, prompts = causal_model(name, attention), make_prompts()
    with items_seen(model) as seen:
        huggingface.prefill(model, prompts, tokens_per_pass=tokens)
    assert len(seen) > 1
    assert sum(seen) == (6 * 12 if attention == "eager" else sum(LENGTHS))
    assert max(seen) <= max(tokens, max(LENGTHS))
    check_prefill(model, prompts, tokens_per_pass=tokens)
    outputs = huggingface.generate(model, prompts, tokens_per_pass=tokens, max_new_tokens=9, do_sample=False)
    for prompt, output in zip(prompts, outputs, strict=True):
        expected = generate_alone(model, prompt, 9)
        assert output[-len(expected) :].tolist() == expected.tolist()
    with pytest.raises(ValueError, match="tokens_per_pass must be at least 1"):
        huggingface.prefill(model, prompts, tokens_per_pass=0)


@given(
    lengths=st.lists(st.integers(0, 9), max_size=12),
    layout=st.sampled_from(["padded", "varlen"]),
    most=st.integers(1, 40),
)
def test_passes_cut_at_borders(lengths, layout, most):
    packed = prepack([[p] * n for p, n in enumerate(lengths)], layout=layout)
    parts = list(passes.passes(packed, most))
    ids = [part.input_ids.ravel() for part in parts]
    assert np.concatenate([*ids, []]).tolist() == packed.input_ids.ravel().tolist()
    assert sorted(p for part in parts for p in part.prompts) == np.flatnonzero(lengths).tolist()
    whole = packed.input_ids.shape[1] if layout == "padded" else None
    for part, flat in zip(parts, ids, strict=True):
        assert len(flat) <= most or len(flat) == (whole or (len(part.lengths) == 1 and part.lengths[0]))
        assert part.lengths.sum() == len(flat)
        for prompt, first in zip(part.prompts, part.first, strict=True):
            assert (flat[first : first + lengths[prompt]] == prompt).all()
            assert first in [0, *np.cumsum(part.lengths)]
    for one, other in itertools.pairwise(ids):  # as much as fits
        assert len(one) + (whole or 9) > most or len(one) + len(other) > most


@pytest.mark.parametrize("name", CONFIGS)
def test_sdpa_with_a_mask_in_memory(name, monkeypatch):
    """As on a GPU, where segments one after the other would be slow."""
    monkeypatch.setattr("pypack.adapters.huggingface.packed_run.attends_by_segment", lambda _model: False)
    prefilled = check_prefill(causal_model(name), make_prompts(), tokens_per_pass=24)
    assert prefilled.packed.layout == "padded"


def test_segment_masks_only_where_they_say_all():
    masks = huggingface.attention.segment_masks
    window = masks(transformers.MistralConfig(sliding_window=7), [3, 2])
    assert (window.window, window.lengths) == (7, [3, 2])
    assert masks(transformers.LlamaConfig(), [3, 2]).window is None
    by_type = masks(
        transformers.Qwen2Config(use_sliding_window=True, sliding_window=7, max_window_layers=1), [3]
    )
    assert {kind: mask.window for kind, mask in by_type.items()} == {
        "full_attention": None,
        "sliding_attention": 7,
    }
    chunked = transformers.LlamaConfig()
    chunked.attention_chunk_size = 8
    assert masks(chunked, [3]) is None
    chunked.layer_types = ["full_attention", "chunked_attention"]
    assert masks(chunked, [3]) is None


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


@contextmanager
def items_seen(model):
    """The number of items of each call of the model."""
    seen = []
    handle = model.register_forward_pre_hook(
        lambda _module, _args, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    yield seen
    handle.remove()


@pytest.mark.parametrize(("attention", "items"), [("eager", 6 * 12), ("sdpa", sum(LENGTHS))])
def test_fewer_items_than_padding(attention, items):
    """What prepacking is for: the model sees hardly any padding, or none."""
    model, prompts = causal_model("llama", attention), make_prompts()
    with items_seen(model) as seen:
        huggingface.prefill(model, prompts)
    assert seen == [items]


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


@pytest.mark.parametrize("name", ["cache", "past_key_values"])
def test_a_cache_goes_by_the_name_of_the_function(name):
    """Models that come with their own code may keep the older name."""

    def forward(input_ids, **_): ...

    own = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
    forward.__signature__ = inspect.Signature([own])
    assert cache_argument(forward) == name


def test_a_function_that_hands_arguments_on_takes_the_name_of_transformers():
    from transformers.masking_utils import create_masks_for_generate

    def generate(**_): ...

    assert cache_argument(generate) in inspect.signature(create_masks_for_generate).parameters
