"""The pack: what is shared, what is watched, what is given. Declared in files, read and checked here."""
