"""Identify persons and households, and keep facts with two clocks."""
