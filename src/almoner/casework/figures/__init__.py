"""Figures, charts and maps for Today, quality and fairness."""
