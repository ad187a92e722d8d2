"""Which of the units of a job one of several invocations works on."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pypack.jobs.units import Unit


class PartitionError(ValueError):
    """A partition that there is not."""


@dataclass(frozen=True)
class Partition:
    """Part `index` of `count`: the units whose number leaves that remainder, or one unit by its number.

    How many there are may change from run to run: what is done is recorded unit by unit.

    Attributes:
        index, count: `index` is from 0 to `count` - 1.
        unit: of an array of single numbers, the number of the unit; the other two do not count then.
    """

    index: int = 0
    count: int = 1
    unit: int | None = None

    def __post_init__(self) -> None:
        if self.unit is None and not 0 <= self.index < self.count:
            raise PartitionError(
                f"partition {self.index}/{self.count}: the first number must be from 0 to the second minus 1"
            )

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str] = os.environ) -> Partition:
        """`"i/n"`, or `"slurm"` for the task of a Slurm array that this is.

        An array of numbers without gaps (`--array=0-15`, `10-40:10`) has as many parts as tasks. In one with
        gaps (`--array=3,17`, as `pypack merge` prints what is missing) a task works on the unit of that
        number.

        Raises:
            PartitionError: it is neither, or this is no task of an array.
        """
        if text == "slurm":
            return cls._of_slurm(environment)
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if found is None:
            raise PartitionError(f"partition must be i/n, such as 0/16, or slurm, got {text!r}")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def _of_slurm(cls, environment: Mapping[str, str]) -> Partition:
        values = {}
        for name in ("ID", "COUNT", "MIN", "MAX", "STEP"):
            full = f"SLURM_ARRAY_TASK_{name}"
            value = environment.get(full, "1" if name == "STEP" else "")
            if not value.isascii() or not value.isdigit():
                raise PartitionError(
                    f"partition slurm: {full} is {value!r}: this is no task of an array (sbatch --array=0-15)"
                )
            values[name] = int(value)
        step = max(1, values["STEP"])
        if (values["MAX"] - values["MIN"]) // step + 1 == values["COUNT"]:
            index, rest = divmod(values["ID"] - values["MIN"], step)
            if rest == 0 and 0 <= index < values["COUNT"]:
                return cls(index, values["COUNT"])
        return cls(unit=values["ID"])

    @property
    def is_all(self) -> bool:
        """Whether it is the only one."""
        return self.unit is None and self.count == 1

    def of(self, units: Sequence[Unit]) -> list[Unit]:
        """Its units."""
        if self.unit is not None:
            return [unit for unit in units if unit.number == self.unit]
        return list(units[self.index :: self.count])

    def __str__(self) -> str:
        return f"{self.index}/{self.count}" if self.unit is None else f"of unit {self.unit}"
