"""Megatron-Core's GPTModel, on the CPU, on packed rows; and its PackedSeqParams."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from fixtures.frameworks import require
from fixtures.packed_documents import (
    assert_no_leak,
    assert_same_gradients,
    loss_alone,
    make_documents,
    make_loader,
)
from fixtures.tiny_models import VOCABULARY

import pypack
from pypack.adapters import megatron

torch = require("torch")
require("megatron.core")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:megatron"),
    pytest.mark.filterwarnings("ignore:full scope is deprecated:UserWarning"),
]


@pytest.fixture
def gpt(tmp_path, monkeypatch):
    """A tiny GPTModel with learned positions, in a process group of one."""
    # Where Megatron-Core takes a GPU for granted: its scratch memory, and the seeds of dropout (here 0).
    monkeypatch.setattr(torch.cuda, "current_device", lambda: torch.device("cpu"))
    random = require("megatron.core.tensor_parallel.random")
    monkeypatch.setattr(random.CudaRNGStatesTracker, "fork", lambda _self: nullcontext())
    parallel_state = require("megatron.core.parallel_state")
    gpt_model = require("megatron.core.models.gpt.gpt_model")
    specs = require("megatron.core.models.gpt.gpt_layer_specs")
    transformer_config = require("megatron.core.transformer.transformer_config")
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1
    )
    parallel_state.initialize_model_parallel()
    torch.manual_seed(0)
    config = transformer_config.TransformerConfig(
        num_layers=2,
        hidden_size=32,
        num_attention_heads=4,
        use_cpu_initialization=True,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        init_method_std=0.2,
        bias_dropout_fusion=False,
        gradient_accumulation_fusion=False,
        masked_softmax_fusion=False,
    )
    yield gpt_model.GPTModel(
        config, specs.get_gpt_layer_local_spec(), vocab_size=VOCABULARY, max_sequence_length=32
    )
    parallel_state.destroy_model_parallel()
    torch.distributed.destroy_process_group()


def test_losses_and_gradients_equal_one_document_at_a_time(tmp_path, gpt):
    documents = make_documents()
    batch = make_loader(tmp_path / "store", documents).batch_at(0)
    arguments = megatron.padded(batch)
    loss_mask = arguments.pop("loss_mask")
    each = gpt(**arguments)  # Megatron's own loss of each token
    loss = (each * loss_mask).sum() / loss_mask.sum()

    def run_alone(ids):
        future = torch.ones(1, 1, ids.shape[1], ids.shape[1], dtype=torch.bool).triu(1)
        return gpt(ids, torch.arange(ids.shape[1])[None], future)

    assert_same_gradients(gpt, loss, loss_alone(run_alone, documents))
    assert_no_leak(
        lambda ids: gpt(ids, arguments["position_ids"], arguments["attention_mask"]),
        arguments["input_ids"],
        torch.from_numpy(batch.segment_ids),
    )


def test_packed_sequence(tmp_path):
    """What Transformer Engine's kernels are given (they need a GPU): borders, lengths and shifted labels."""
    rope = require("megatron.core.models.common.embeddings.rope_utils")
    documents = make_documents()
    loader = make_loader(tmp_path / "store", documents, layout="varlen")
    batch = loader.batch_at(0)
    arguments, packed = megatron.packed_sequence(batch)
    assert packed.qkv_format == "thd"
    assert packed.cu_seqlens_q.dtype == torch.int32
    assert packed.cu_seqlens_q.tolist() == batch.cu_seqlens.tolist()
    assert packed.cu_seqlens_q_padded is None
    assert packed.max_seqlen_q == packed.max_seqlen_kv == 12
    assert arguments.keys() == {"input_ids", "position_ids", "labels", "loss_mask"}
    assert all(tensor.shape == (1, 71) for tensor in arguments.values())
    order = [documents[d] for d in batch.document_ids]
    expected = [token for document in order for token in [*document[1:], 0]]
    assert arguments["labels"][0].tolist() == expected
    learned = [flag for document in order for flag in [1.0] * (len(document) - 1) + [0.0]]
    assert arguments["loss_mask"][0].tolist() == learned
    # Megatron's own rotary embedding of a packed sequence restarts at each border.
    angles = torch.arange(32.0)[:, None, None, None].expand(-1, 1, 1, 4)
    rotated = rope._apply_rotary_pos_emb_thd(
        torch.ones(71, 2, 4), packed.cu_seqlens_q, angles, rotary_interleaved=False, cp_group=OneRank()
    )
    first = packed.cu_seqlens_q[:-1].long()
    assert torch.equal(rotated[first], torch.ones(len(first), 2, 4))


class OneRank:
    def size(self):
        return 1

    def rank(self):
        return 0


def test_aligned_spans_have_padded_borders(tmp_path):
    make_loader(tmp_path / "store", make_documents([5, 3, 8, 2]))
    store = pypack.TokenStore.open(tmp_path / "store")
    plan = pypack.pack(store.lengths, 16, overflow="error", align=4)
    aligned = pypack.Loader(store, plan, batch_sequences=plan.num_sequences, layout="varlen")
    batch = aligned.batch_at(0)
    _arguments, packed = megatron.packed_sequence(batch)
    rooms = packed.cu_seqlens_q_padded.diff().tolist()
    lengths = packed.cu_seqlens_q.diff().tolist()
    assert lengths == batch.span_lengths.tolist()
    assert all(
        room % 4 == 0 and room - length in range(4) for room, length in zip(rooms, lengths, strict=True)
    )
    assert packed.cu_seqlens_q_padded[-1] == len(batch.input_ids)
