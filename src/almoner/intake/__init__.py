"""Reads a delivery against its contract: good rows in, bad rows to quarantine with the reason."""
