"""Measure speed and memory, with a lower bound and peers in the same run. Not part of the wheel."""
