"""Real time: from an event to a case.

::

    events ─┐ files  ─┴► inbox or landing folder ► the same intake as files ► a cycle on the touched
    households ► casework

`inbox` keeps what came, sealed, until it was taken in; `rounds` takes it in; `ticks` finds who is due by
time alone; `worker` does all of it in order, and repeats it after any interruption.
"""
