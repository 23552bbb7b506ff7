"""Bring casework up to date with the results of cycles and with the pack."""
