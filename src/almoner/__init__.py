"""Almoner: precision welfare. Notices need in linked records and moves help before anyone has to ask."""

__version__ = "0.1.0"
