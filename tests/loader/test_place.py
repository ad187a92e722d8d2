"""Which part of the data is this process's: environment, torch.distributed, device meshes."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from fixtures.loader_data import make_source

from pypack import Loader
from pypack.loader import place
from pypack.loader.ranks import Ranks


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("place") / "a.store")


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    for names in place._VARIABLES:
        for name in names:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(place, "_warned", False)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, (0, 1)),
        ({"RANK": "1", "WORLD_SIZE": "4"}, (1, 4)),
        ({"SLURM_PROCID": "3", "SLURM_NTASKS": "4"}, (3, 4)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1"}, (0, 1)),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, (1, 2)),
        ({"RANK": "1", "WORLD_SIZE": "2", "SLURM_PROCID": "3", "SLURM_NTASKS": "4"}, (1, 2)),
        ({"RANK": "1"}, (0, 1)),
    ],
)
def test_auto_reads_the_environment(source, monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for options in ({"rank": "auto"}, {"rank": "auto", "world_size": "auto"}, {"world_size": "auto"}):
        loader = Loader(*source, batch_sequences=4, **options)
        assert (loader.rank, loader.world_size) == expected


def test_half_of_a_place_is_refused(source, monkeypatch):
    with pytest.raises(ValueError, match="give both"):
        Loader(*source, batch_sequences=4, rank="auto", world_size=2)
    monkeypatch.setenv("RANK", "one")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="RANK='one'"):
        Loader(*source, batch_sequences=4, rank="auto")


def test_a_launcher_without_a_rank_is_warned_of_once(source, monkeypatch, recwarn):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    Loader(*source, batch_sequences=4, rank=0, world_size=1)
    Loader(*source, batch_sequences=4, world_size=1)
    Loader(*source, batch_sequences=4, rank="auto")
    assert not recwarn
    with pytest.warns(UserWarning, match=r"WORLD_SIZE=2.*rank='auto'"):
        Loader(*source, batch_sequences=4)
    Loader(*source, batch_sequences=4)
    assert not recwarn


def mesh(coordinate, shape, names=None):
    return SimpleNamespace(mesh_dim_names=names, shape=shape, get_coordinate=lambda: coordinate)


@pytest.mark.parametrize(
    ("names", "dims", "coordinate", "expected"),
    [
        (("dp", "tp"), None, [1, 2], (1, 2)),
        (("pp", "dp_replicate", "dp_shard", "cp", "tp"), None, [1, 1, 2, 1, 0], (5, 6)),
        (("a", "b"), "a", [1, 2], (1, 2)),
        (("a", "b"), ["b", "a"], [1, 2], (6, 8)),
        (None, 1, [1, 2], (2, 4)),
        (None, [0], [1, 2], (1, 2)),
        (("tp",), None, [1], (0, 1)),
    ],
)
def test_meshes(source, names, dims, coordinate, expected):
    shape = {2: (2, 4), 5: (2, 2, 3, 2, 2), 1: (2,)}[len(coordinate)]
    given = mesh(coordinate, shape, names)
    ranks = Ranks.from_mesh(given, dims)
    assert (ranks.rank, ranks.world_size) == expected
    loader = Loader.from_torch_distributed(*source, mesh=given, dims=dims, batch_sequences=24)
    assert (loader.rank, loader.world_size) == expected


@pytest.mark.parametrize(
    ("names", "dims", "coordinate", "message"),
    [
        (None, None, [0, 0], "name with dims="),
        (("x", "dp"), None, [0, 0], "name with dims="),
        (("dp", "tp"), "data", [0, 0], r"no dimension 'data'; its dimensions are \['dp', 'tp'\]"),
        (None, 2, [0, 0], "no dimension 2"),
        (("dp", "tp"), None, None, "not in the mesh"),
    ],
)
def test_meshes_that_do_not_tell_are_refused(names, dims, coordinate, message):
    with pytest.raises(ValueError, match=message):
        Ranks.from_mesh(mesh(coordinate, (2, 2), names), dims)


def test_a_place_is_said_once(source):
    with pytest.raises(ValueError, match="rank"):
        Loader.from_torch_distributed(
            *source, mesh=mesh([0], (1,), ("dp",)), batch_sequences=4, rank=0, world_size=1
        )


SCRIPT = """
import os, sys
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from pypack import Loader, Plan, TokenStore
dist.init_process_group("gloo", init_method=sys.argv[3], rank=int(sys.argv[4]), world_size=4)
mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))
data = TokenStore.open(sys.argv[1]), Plan.open(sys.argv[2])
by_mesh = Loader.from_torch_distributed(*data, mesh=mesh, batch_sequences=8)
by_group = Loader.from_torch_distributed(*data, group=mesh["dp"].get_group(), batch_sequences=8)
world = Loader.from_torch_distributed(*data, batch_sequences=8)
auto = Loader(*data, batch_sequences=8, rank="auto")
places = [(one.rank, one.world_size) for one in (by_mesh, by_group, world, auto)]
found = [None] * 4
dist.all_gather_object(found, (places, by_mesh.sequences_at(0).tolist()))
if dist.get_rank() == 0:
    print(found)
dist.destroy_process_group()
"""


def test_four_processes(source, tmp_path):
    pytest.importorskip("torch.distributed")
    store, plan = source
    plan.save(tmp_path / "a.plan")
    where = f"file://{tmp_path}/rendezvous"
    command = [sys.executable, "-c", SCRIPT, store.path, tmp_path / "a.plan", where]
    running = [
        subprocess.Popen([*map(str, command), str(rank)], stdout=subprocess.PIPE, text=True)
        for rank in range(4)
    ]
    outputs = [process.communicate(timeout=240)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4
    whole = Loader(*source, batch_sequences=8).sequences_at(0).tolist()
    for rank, (places, rows) in enumerate(eval(outputs[0])):
        dp = rank // 2
        assert places == [(dp, 2), (dp, 2), (rank, 4), (rank, 4)]
        assert rows == whole[dp::2]
