"""Try a pack before it goes live: its scenarios, and its effects on the people of an installation."""
