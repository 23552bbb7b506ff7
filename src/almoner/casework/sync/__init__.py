"""Bring casework up to date with what cycles found and what the pack says."""
