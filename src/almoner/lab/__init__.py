"""Fictional places with known truth, and back-tests on real panels."""
