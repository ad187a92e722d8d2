"""Passes of torch's DataLoaders over a loader: where each begins, and how much of it was given out.

Workers make batches ahead, and only the DataLoader's iterator in the main process knows how many of them were
given out; torch tells a dataset neither that, nor when a pass begins in workers that live on. So the iterator
is looked up on the stack when a pass begins in the main process, and counted from there on. Workers keep no
position of their own: they read where the pass began from memory that they share with the main process.
"""

from __future__ import annotations

import functools
import os
import sys
import weakref
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data.dataloader import _BaseDataLoaderIter

from pypack.batch import PackedBatch

if TYPE_CHECKING:
    from pypack.loader.loader import Loader


class Position:
    """The step at which the current pass of a DataLoader began, the same in all processes.

    The main process moves its loader by what its iterator gives out; a copy in a worker only reads `first`.

    Args:
        loader: of the main process.
    """

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        # The step, and whether a state was loaded of a pass that had not begun: it was saved at the end of
        # another by pypack 0.1, whose batches are not to be counted from the step.
        self._first = torch.zeros(2, dtype=torch.int64).share_memory_()
        self._last = -1  # where this pass left the loader
        self._iterator: weakref.ref[Any] | None = None

    @property
    def first(self) -> int:
        """The first step of the pass."""
        return int(self._first[0])

    @property
    def end(self) -> int:
        """The step after its last."""
        return self.loader.order.pass_end(self.first)

    def restore(self, *, begun: bool = True) -> None:
        """The loader has taken a state: of a pass from its step on, that has begun or comes next."""
        self._first[0] = self._last = self.loader.step
        self._first[1] = not begun

    def begin(self, iterator: Any) -> None:
        """A pass of an iterator begins, before any worker hears of it.

        Raises:
            ValueError: one process would read for others, whose rows would be given to nobody.
        """
        refuse_dispatching(sys._getframe(1))
        before = None if self._iterator is None else self._iterator()
        if before is not None and before._num_yielded and self.loader.step == self._last:
            # It may have loaded a state, and never been asked for a batch.
            if self._first[1]:
                self.loader._gave(self.first)
            else:
                self._move(before)
        self._first[1] = 0
        self._check_order(iterator)
        self._first.share_memory_()  # a copy's is not
        self._iterator = weakref.ref(iterator)
        # Accelerate asks for one batch more than it gives out, to know which is the last.
        iterator._pypack_ahead = 1 if is_under(sys._getframe(1), "accelerate.data_loader") else 0
        self._first[0] = self._last = self.loader.step

    def given(self, iterator: Any, data: Any) -> None:
        """The iterator gives out one more.

        Raises:
            RuntimeError: its pass is not the loader's any more.
        """
        if self._iterator is None or self._iterator() is not iterator:
            raise RuntimeError(
                "two iterators of DataLoaders over one pypack dataset are alive, and the newer one has taken "
                "its place: finish or drop one before the other begins, or give each a Loader of its own"
            )
        if self.loader.step != self._last:
            raise RuntimeError(
                f"the loader was moved from step {self._last} to {self.loader.step} while a DataLoader's "
                "pass was under way, whose workers do not hear of it: leave the loop, move the loader (seek, "
                "set_epoch, load_state_dict), and begin a new one"
            )
        self._check_order(iterator)
        self._move(iterator)
        if isinstance(data, PackedBatch):
            self.loader._count_given(data)

    def _check_order(self, iterator: Any) -> None:
        was, now = iterator._pypack_order, order_of(self.loader)
        if iterator._num_workers and was != now:
            raise RuntimeError(
                "the loader's order has changed (set_weights, skip_steps, or a state with other weights, "
                "skips or another batch size), and living workers of a DataLoader do not hear of it: begin "
                "with a new DataLoader, or use num_workers=0, where the loader's own thread makes batches "
                "ahead"
            )

    def ended(self, iterator: Any) -> None:
        """The iterator has no more.

        Raises:
            RuntimeError: the pass has.
        """
        step = self.first + iterator._num_yielded
        if step != self.end:
            raise RuntimeError(
                f"the DataLoader ended a pass after step {step - 1}, which goes on to step {self.end - 1}: "
                "it was resumed both by the DataLoader's state and by the loader's own; load only one of them"
            )
        iterator._pypack_ahead = 0
        self.loader._gave(step)
        self._last = self.loader.step

    def _move(self, iterator: Any) -> None:
        ahead = 0 if getattr(iterator, "_finished", False) else iterator._pypack_ahead
        self.loader._gave(self.first + iterator._num_yielded - ahead)
        self._last = self.loader.step

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_iterator": None}


class Travelling:
    """A dataset whose `position` travels to the workers of a DataLoader, however they are started."""

    position: Position

    def __getstate__(self) -> dict[str, Any]:
        follow(self, sys._getframe(1))  # spawned workers get it pickled
        return self.__dict__


def iterator_above(frame: FrameType | None) -> Any:
    """The DataLoader's iterator that is being made, or begun anew, somewhere above on the stack; or None."""
    while frame is not None:
        found = frame.f_locals.get("self")
        if isinstance(found, _BaseDataLoaderIter):
            return found
        frame = frame.f_back
    return None


def is_under(frame: FrameType | None, module: str) -> bool:
    """Whether a function of a module is somewhere above on the stack."""
    while frame is not None:
        if frame.f_globals.get("__name__") == module:
            return True
        frame = frame.f_back
    return False


def follow(dataset: Travelling, frame: FrameType | None) -> None:
    """Counts from now on what the iterator above gives out, if it is one over this dataset."""
    iterator = iterator_above(frame)
    if iterator is not None and iterator._dataset is dataset:
        count(iterator, dataset.position)


def count(iterator: Any, position: Position) -> None:
    """Makes an iterator tell a position what it gives out. It is told but once that its pass begins."""
    if hasattr(iterator, "_pypack_position"):
        return
    iterator._pypack_position = position
    iterator._pypack_order = order_of(position.loader)
    kind: Any = type(iterator)
    iterator.__class__ = _counting(kind)
    position.begin(iterator)


def order_of(loader: Loader) -> Any:
    """What of a loader's order may change after it was made."""
    return loader._run.version


@functools.cache
def _counting(kind: Any) -> Any:
    """A class of DataLoader iterators, as one that counts."""

    class Counting(kind):
        def __next__(self) -> Any:
            _refuse_lost_order(self)
            try:
                data = super().__next__()
            except StopIteration:
                self._pypack_position.ended(self)
                raise
            self._pypack_position.given(self, data)
            return data

        def _reset(self, loader: Any, first_iter: bool = False, **options: Any) -> None:
            if not first_iter:  # workers that live on begin another pass
                self._pypack_position.begin(self)
            super()._reset(loader, first_iter, **options)

    Counting.__name__, Counting.__qualname__ = kind.__name__, kind.__qualname__
    return Counting


def _refuse_lost_order(iterator: Any) -> None:
    if not getattr(iterator, "_in_order", True):
        raise ValueError(
            "in_order=False gives batches in the order in which workers happen to finish them, which no "
            "state can tell: leave it out"
        )


def refuse_dispatching(frame: FrameType | None) -> None:
    """Raises ValueError where accelerate, above on the stack, would read in one process for several."""
    while frame is not None:
        above: Any = frame.f_locals.get("self")
        if type(above).__name__ == "DataLoaderDispatcher" and above.state.num_processes > 1:
            raise ValueError(
                "accelerate's dispatch_batches has process 0 read for all: they would get steps of its rank, "
                "and the rows of the other ranks nobody. Set Accelerator(dataloader_config="
                "DataLoaderConfiguration(dispatch_batches=False)), or iterate the loader itself, made with "
                "rank and world_size of the process, without accelerator.prepare"
            )
        frame = frame.f_back


def _before_fork() -> None:
    iterator = iterator_above(sys._getframe(1))
    if iterator is not None and isinstance(iterator._dataset, Travelling):
        count(iterator, iterator._dataset.position)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
