"""A pack before it goes live: scenarios, effects on a place, and areas concerned."""
