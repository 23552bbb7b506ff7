"""Read a delivery against its contract: good rows to the stage, bad rows out with their faults."""
