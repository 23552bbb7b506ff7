"""Read a pack's files with their positions, and check them."""
