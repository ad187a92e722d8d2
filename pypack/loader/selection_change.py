"""Another selection of a source's documents from a step on, as MATES makes one while the model learns."""

from __future__ import annotations

from pypack._common.arguments import whole_number
from pypack.loader.loader import Loader
from pypack.loader.run import Run
from pypack.objectives.ranges import DocumentRanges
from pypack.schedule.phase_order import PhaseOrder
from pypack.schedule.schedule_order import ScheduleOrder
from pypack.source.source import PlanPath, Source


def change_selection(
    loader: Loader, plan: PlanPath, *, source: str = "", from_step: int | None = None
) -> str:
    """Draws from another plan of the same store, from a step to the end of the run, in place of the plan that
    a source has.

    What the new plan has is a source of its own, named after the old one and the step, such as "web@1000";
    the share of the old one is its from there on. That is a change of weights, kept in the state and in
    `loader.events`. To go on in another process, make the loader with both sources, the new ones behind, and
    load the state. Every rank must make the same change.

    Args:
        loader: with a schedule whose phases give their weights; those of the phases from there on must not
            drift.
        plan: of `Source.select`, a `Plan` or its path.
        source: the name of the source; "": that of the only one.
        from_step: the first step of the new selection; None: the step that comes next.

    Returns:
        The name of the new source.

    Raises:
        ValueError: there is no such source, the step was given out already, or the weights of a phase are not
            given, or drift.
    """
    order = loader._run.plain
    if not isinstance(order, ScheduleOrder):
        raise ValueError(
            "change_selection needs a loader with a schedule: make it with "
            "schedule=Schedule([Phase(steps=..., weights={name: 1})]) and its source by name"
        )
    if isinstance(getattr(loader.objective, "spans", None), DocumentRanges):
        raise ValueError(
            "change_selection with an objective that has spans=, which are of the sources that the loader "
            "was made with: make it with both sources, the new one last and without weight in its phases, "
            "and move the weight by set_weights at the step"
        )
    name = source or (next(iter(loader.sources)) if len(loader.sources) == 1 else source)
    if name not in loader.sources:
        raise ValueError(f"there is no source {source!r}; the sources are {list(loader.sources)}")
    step = loader.step if from_step is None else whole_number("from_step", from_step)
    if step < loader._given:
        raise ValueError(f"step {step} was given out already; the next one is {loader._given}")
    if step >= loader.steps_per_epoch:
        raise ValueError(f"step {step} of a run of {loader.steps_per_epoch} steps")
    number = order.phase_of(loader._run.skips.plain(step))
    for phase in order.phases[number:]:
        _check_phase(phase)
    new = f"{name}@{step}"
    if new in loader.sources:
        raise ValueError(f"the selection of {name!r} was changed at step {step} already")
    sources = {**loader.sources, new: Source(loader.sources[name].store, plan)}
    run = Run(sources, loader._run.options, loader._run.objective, events=(), skip=())
    at = run.load(loader.state_dict(), strict=True)
    _move_weight(run, order, name, new, step)
    loader.sources, loader._run = sources, run
    loader._follow()
    loader._make_maker()
    loader.stats.note_sources(sources, loader.order.source_buckets)
    loader.seek(at)
    return new


def _check_phase(phase: PhaseOrder) -> None:
    if not phase.phase.weights:
        raise ValueError("a phase without weights shares by tokens, which a new plan would change: give them")
    if phase.start != phase.end:
        raise ValueError("the weights of a phase drift, and one of them cannot be moved: set_weights can")


def _move_weight(run: Run, order: ScheduleOrder, name: str, new: str, step: int) -> None:
    """What a source's share was is the new one's, from a step on: an event at the step and at the start of
    each later phase, and in the events that are to come."""
    plain = run.skips.plain(step)
    events = dict(run.log.events)
    number = order.phase_of(plain)
    current = dict(order.phases[number].start)
    for at, weights in sorted(events.items()):
        if at <= plain and order.phase_of(at) == number and weights:
            current = dict(weights)
    changes = {plain: current}
    changes |= {order.starts[n]: dict(order.phases[n].start) for n in range(number + 1, len(order.phases))}
    changes |= {at: dict(weights) for at, weights in events.items() if at > plain and weights}
    for at, weights in sorted(changes.items()):
        moved = {other: weight for other, weight in weights.items() if other != name and weight}
        if weights.get(name):
            moved[new] = weights[name]
        run.set_weights(moved, run.skips.here(at))
