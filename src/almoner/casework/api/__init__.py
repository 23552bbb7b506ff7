"""The way in for machines: departments send events, monitors ask how it goes."""
