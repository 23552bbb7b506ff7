"""Settings, environment and database of the console."""
