"""A fictional county: people, lives, shocks, and what the departments write down of them."""
