"""Parts that all packages of casework use: clocks, audit trail, wording, batches."""
