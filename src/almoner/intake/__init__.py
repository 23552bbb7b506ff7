"""Reads a delivery against its contract: good rows in, bad rows out with the reason."""
