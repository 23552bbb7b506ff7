"""Real time: from an event to a case.

::

    events ─► inbox ──────────┐
    files ──► landing folder ─┴► intake ► a cycle over the dirty households ► casework

`inbox` keeps events, sealed, until they are taken in, and `rounds` takes them in. `ticks` finds households
that are due by time alone. `worker` does all of it in order, and repeats a step after any interruption.
"""
