"""One place's stages wired together: opening, intake, cycles, worker, backup."""
