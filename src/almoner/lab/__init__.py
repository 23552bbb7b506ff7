"""Fictional places with known truth, back-tests on real panels, benchmarks."""
