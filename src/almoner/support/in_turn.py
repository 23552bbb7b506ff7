"""Materialize tables that read one another, in the order of their dependencies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter

from almoner.engines import Engine


def materialize_in_order(
    engine: Engine, selects: Mapping[str, str], reads: Mapping[str, Iterable[str]]
) -> None:
    """Materialize each SELECT under its name, after those that it reads, and otherwise in parallel.

    `reads` gives by name which of the others a SELECT reads. Raises graphlib.CycleError for a cycle.
    """
    order = TopologicalSorter(
        {name: [other for other in reads.get(name, ()) if other in selects] for name in selects}
    )
    order.prepare()
    while order.is_active():
        ready = order.get_ready()
        engine.materialize_each((name, selects[name], None) for name in ready)
        order.done(*ready)
