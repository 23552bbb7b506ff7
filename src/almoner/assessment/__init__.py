"""Find out which household or person needs what, with the evidence.

`context` holds the open views of a scope, and `opening` computes the indicators into feature tables.
`signals` decides in three values, `evidence` says why, and `ledger` records what was raised, changed or
cleared.
"""
