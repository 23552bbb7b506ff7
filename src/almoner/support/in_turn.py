"""Tables of which some read others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter

from almoner.engines import Engine


def materialize_in_order(
    engine: Engine, selects: Mapping[str, str], reads: Mapping[str, Iterable[str]]
) -> None:
    """Keep each SELECT under its name: those at once that read none of the others, then those that read
    only these, and so on. `reads` gives by name which of the others a SELECT reads. Raises
    graphlib.CycleError where one is to be read before it can be kept.
    """
    order = TopologicalSorter(
        {name: [other for other in reads.get(name, ()) if other in selects] for name in selects}
    )
    order.prepare()
    while order.is_active():
        ready = order.get_ready()
        engine.materialize_each((name, selects[name], None) for name in ready)
        order.done(*ready)
