"""JAX: attention over packed rows in plain JAX, global arrays, and Grain's own loaders."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from fixtures.frameworks import require
from fixtures.packed_documents import make_documents, make_loader
from fixtures.places import TESTS

jax = require("jax")
jnp = require("jax.numpy")

VOCABULARY, WIDTH = 97, 16


def parameters():
    keys = jax.random.split(jax.random.key(0), 6)
    shapes = {
        "tokens": (VOCABULARY, WIDTH),
        "positions": (16, WIDTH),
        **dict.fromkeys(("query", "key", "value"), (WIDTH, WIDTH)),
        "out": (WIDTH, VOCABULARY),
    }
    return {
        name: jax.random.normal(k, shape) / 4 for k, (name, shape) in zip(keys, shapes.items(), strict=True)
    }


def logits(weights, inputs, segmentation, position):
    """One layer of attention as MaxText masks it: causal, and within one segment."""
    hidden = weights["tokens"][inputs] + weights["positions"][position]
    query, key, value = (hidden @ weights[name] for name in ("query", "key", "value"))
    scores = jnp.einsum("bqd,bkd->bqk", query, key) / WIDTH**0.5
    length = inputs.shape[1]
    allowed = (segmentation[:, :, None] == segmentation[:, None, :]) & jnp.tri(length, dtype=bool)
    attended = jax.nn.softmax(jnp.where(allowed, scores, -1e30)) @ value
    return (hidden + attended) @ weights["out"]


def loss(weights, batch):
    scores = logits(weights, batch["inputs"], batch["inputs_segmentation"], batch["inputs_position"])
    each = -jnp.take_along_axis(jax.nn.log_softmax(scores), batch["targets"][..., None], -1)[..., 0]
    learned = batch["targets_segmentation"] > 0
    return jnp.where(learned, each, 0).sum(), learned.sum()


def loss_alone(weights, documents):
    total, count = 0.0, 0
    for document in documents:
        ids = np.array([document])
        one = {
            "inputs": ids[:, :-1],
            "inputs_segmentation": np.ones_like(ids[:, :-1]),
            "inputs_position": np.arange(ids.shape[1] - 1)[None],
            "targets": ids[:, 1:],
            "targets_segmentation": np.ones_like(ids[:, 1:]),
        }
        if ids.shape[1] > 1:
            part, learned = loss(weights, one)
            total, count = total + part, count + learned
    return total / count


def test_losses_and_gradients_equal_one_document_at_a_time(tmp_path):
    from pypack.adapters import jax as adapter

    documents = make_documents([9, 4, 9, 1, 4, 9, 4, 1, 9])  # JAX compiles each length
    batch = make_loader(tmp_path / "store", documents, dtype="int32").batch_at(0)
    features = adapter.features(batch)
    assert all(array.dtype == np.int32 for array in features.values())
    for name, array in (
        ("inputs", "input_ids"),
        ("inputs_segmentation", "segment_ids"),
        ("inputs_position", "position_ids"),
    ):
        assert np.shares_memory(features[name], getattr(batch, array))
    weights = parameters()

    def mean(weights):
        total, count = loss(weights, features)
        return total / count

    found, gradient = jax.value_and_grad(mean)(weights)
    expected, expected_gradient = jax.value_and_grad(loss_alone)(weights, documents)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for name in weights:
        np.testing.assert_allclose(gradient[name], expected_gradient[name], rtol=1e-4, atol=1e-6)


def test_no_leak(tmp_path):
    from pypack.adapters import jax as adapter

    features = adapter.features(make_loader(tmp_path / "store", make_documents()).batch_at(0))
    weights = parameters()
    rest = features["inputs_segmentation"], features["inputs_position"]
    before = logits(weights, features["inputs"], *rest)
    for row, segment in ((0, 1), (1, 2), (2, 1)):
        inside = features["inputs_segmentation"] == segment
        inside &= np.arange(len(inside))[:, None] == row
        changed = features["inputs"].copy()
        place = tuple(np.argwhere(inside)[0])
        changed[place] = (changed[place] + 1) % VOCABULARY
        after = logits(weights, changed, *rest)
        assert jnp.array_equal(before[~inside], after[~inside])
        assert not jnp.array_equal(before[inside], after[inside])


def test_device_placement(tmp_path):
    from pypack.adapters import jax as adapter

    features = adapter.features(make_loader(tmp_path / "store", make_documents()).batch_at(0))
    mesh = jax.make_mesh((1,), ("data",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    placed = adapter.on_devices(features, sharding)
    for name, array in placed.items():
        assert array.sharding == sharding
        assert np.array_equal(array, features[name])


PLACING = """
import sys
import jax, numpy as np
jax.config.update("jax_num_cpu_devices", 4)
sys.path.insert(0, sys.argv[1])
from fixtures.packed_documents import make_documents, make_loader
from pypack.adapters import jax as adapter

loader = make_loader(sys.argv[2], make_documents(), batch_sequences=4, dtype="int32")
features = adapter.features(loader.batch_at(0))
mesh = jax.make_mesh((2, 2), ("data", "tensor"))
sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
for name, array in adapter.on_devices(features, sharding).items():
    assert len(array.sharding.device_set) == 4
    assert {shard.data.shape for shard in array.addressable_shards} == {(2, features[name].shape[1])}
    for shard in array.addressable_shards:
        assert np.array_equal(shard.data, features[name][shard.index]), name
    assert np.array_equal(array, features[name])
"""


def test_rows_go_to_the_devices_of_a_mesh(tmp_path):
    """Four devices, in a process of its own: JAX counts its devices once."""
    folder = str(TESTS)
    arguments = [sys.executable, "-W", "ignore", "-c", PLACING, folder, str(tmp_path / "store")]
    subprocess.run(arguments, check=True, cwd=tmp_path)


def test_grain_reads_the_loader(tmp_path):
    grain = require("grain")
    grain_python = require("grain.python")
    from pypack.adapters.grain import BatchSource

    loader = make_loader(tmp_path / "store", make_documents(), batch_sequences=1)
    source = BatchSource(loader, 9)
    assert isinstance(source, grain_python.RandomAccessDataSource)
    assert len(source) == 9
    expected = [loader.batch_at(step).input_ids.tolist() for step in range(9)]
    assert [record["inputs"].tolist() for record in grain.MapDataset.source(source)] == expected
    sampler = grain_python.SequentialSampler(9, grain_python.NoSharding())
    data = grain_python.DataLoader(data_source=source, sampler=sampler, worker_count=0)
    iterator = iter(data)
    first = [next(iterator)["inputs"].tolist() for _ in range(4)]
    state = iterator.get_state()
    again = iter(data)
    again.set_state(state)
    assert first + [record["inputs"].tolist() for record in again] == expected


def test_missing_arrays_are_named(tmp_path):
    from pypack.adapters import jax as adapter

    loader = make_loader(tmp_path / "store", make_documents(), arrays=["labels"])
    with pytest.raises(ValueError, match="no position_ids, segment_ids"):
        adapter.features(loader.batch_at(0))
