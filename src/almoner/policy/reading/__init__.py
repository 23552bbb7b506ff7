"""Reading the files of a pack."""
