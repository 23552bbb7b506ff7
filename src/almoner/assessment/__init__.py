"""Indicators, then signals: which household or person needs what, with the evidence."""
