"""Indicators, then signals: which household or person needs what, with the evidence.

The way: `context` opens the views of a scope and computes indicators into one wide table a subject;
`signals` decides in three values; `evidence` says why; `ledger` compares with what is open and writes down
what was raised, changed or cleared.
"""
