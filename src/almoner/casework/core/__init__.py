"""What all rooms of casework use: words, clocks, refusals, and the audit trail."""
