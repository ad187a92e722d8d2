"""Which part of the data is this process's, as launchers, torch.distributed and device meshes say it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

# Of the launchers, the names of rank and world size: torchrun (and accelerate, deepspeed), srun, mpirun.
_VARIABLES = (
    ("RANK", "WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
)
# Names of mesh dimensions over which the data is dealt, and of those over which ranks share their rows.
_DATA = {"dp", "data", "ddp", "fsdp", "hsdp", "replicate", "shard", "batch"}
_DATA |= {"dp_replicate", "dp_shard", "data_parallel"}
_MODEL = {"tp", "pp", "cp", "sp", "ep", "etp", "tensor", "pipeline", "context", "sequence", "expert", "model"}
_warned = False


def resolve(rank: Any, world_size: Any) -> tuple[Any, Any]:
    """Rank and world size, where a loader was given "auto" or nothing.

    Raises:
        ValueError: only one of both is "auto".
    """
    if "auto" in (rank, world_size):
        if not {rank, world_size} <= {"auto", None}:
            raise ValueError(f"rank={rank!r} and world_size={world_size!r}: give both, or rank='auto' alone")
        return found()
    if rank is None and world_size is None:
        _warn_of_launcher()
    return 0 if rank is None else rank, 1 if world_size is None else world_size


def found() -> tuple[int, int]:
    """Rank and world size of torch.distributed, if it is initialized, else of the launcher's environment; (0,
    1) without either.

    Raises:
        ValueError: the environment says something that is no number.
    """
    distributed = _distributed()
    if distributed is not None:
        return distributed.get_rank(), distributed.get_world_size()
    return of_environment() or (0, 1)


def of_environment() -> tuple[int, int] | None:
    """Rank and world size that a launcher left in the environment; None: there was none.

    Raises:
        ValueError: they are no numbers.
    """
    for rank, world_size in _VARIABLES:
        if rank in os.environ and world_size in os.environ:
            values = os.environ[rank], os.environ[world_size]
            try:
                return int(values[0]), int(values[1])
            except ValueError:
                raise ValueError(
                    f"the environment has {rank}={values[0]!r} and {world_size}={values[1]!r}, which should "
                    "be numbers"
                ) from None
    return None


def of_group(group: Any = None) -> tuple[int, int]:
    """Rank and world size in a process group of torch.distributed, such as Megatron's
    `parallel_state.get_data_parallel_group()`; None: in the world.

    Raises:
        ValueError: torch.distributed is not initialized, or this process is not in the group.
    """
    distributed = _distributed()
    if distributed is None:
        raise ValueError("torch.distributed is not initialized: call init_process_group first, or give rank=")
    rank = distributed.get_rank(group)
    if rank < 0:
        raise ValueError("this process is not in the group that was given: it has no part of its data")
    return rank, distributed.get_world_size(group)


def of_mesh(mesh: Any, dims: str | int | Sequence[str | int] | None = None) -> tuple[int, int]:
    """This process's data-parallel rank in a torch `DeviceMesh`, and the number of those ranks.

    Ranks that differ only in other dimensions (tensor, pipeline and context parallelism) get the same rows.

    Args:
        mesh: the mesh of all processes.
        dims: names or numbers of the dimensions over which the data is dealt; None: by their usual names, as
            "dp", "dp_replicate", "dp_shard", "fsdp".

    Raises:
        ValueError: a dimension is not of the mesh, or nothing tells which dimensions deal data, or this
            process is not in the mesh.
    """
    names = list(mesh.mesh_dim_names or ())
    coordinate = mesh.get_coordinate()
    if coordinate is None:
        raise ValueError(f"this process is not in the mesh {mesh!r}: it has no part of its data")
    sizes = [int(size) for size in mesh.shape]
    if dims is None:
        if not names or not set(names) <= _DATA | _MODEL:
            raise ValueError(
                f"the mesh has dimensions {names or len(sizes)}: name with dims= those that the data is "
                "dealt over, not those of tensor, pipeline or context parallelism"
            )
        dims = [name for name in names if name in _DATA]
    given = [dims] if isinstance(dims, str | int) else list(dims)
    numbers = set()
    for dim in given:
        if isinstance(dim, str) and dim not in names:
            raise ValueError(f"the mesh has no dimension {dim!r}; its dimensions are {names}")
        number = names.index(dim) if isinstance(dim, str) else int(dim)
        if not 0 <= number < len(sizes):
            raise ValueError(f"the mesh has no dimension {dim}; it has {len(sizes)}")
        numbers.add(number)
    rank, world_size = 0, 1
    for number in sorted(numbers):
        rank = rank * sizes[number] + int(coordinate[number])
        world_size *= sizes[number]
    return rank, world_size


def _distributed() -> Any:
    """torch.distributed where it is initialized; torch is not imported for it."""
    module = sys.modules.get("torch.distributed")
    return module if module is not None and module.is_available() and module.is_initialized() else None


def _warn_of_launcher() -> None:
    global _warned
    if _warned or not {"RANK", "WORLD_SIZE"} <= os.environ.keys():
        return
    world_size = os.environ["WORLD_SIZE"]
    if world_size.isdigit() and int(world_size) > 1:
        _warned = True
        warnings.warn(
            f"the environment says WORLD_SIZE={world_size}, but this loader was made without a rank: every "
            "process gets the same rows. Give rank='auto' (or rank= and world_size=); rank=0, world_size=1 "
            "says that it is meant so",
            stacklevel=5,
        )
